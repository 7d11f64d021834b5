import Analysis
import NodeModel

/// What an inference can get wrong.
enum InferenceFault: String, CaseIterable {
    case pairing, position, rotaryScaling, maskAhead, maskBehind, sequences, group, attentionScale
    case cacheNotRounded, cacheCutOff, cacheRow, cacheOverwritten, seededCache
    case bias, gain, headNorm, epsilon, gateSwapped, weight, rounding, accumulate
    case expertWeights, expertOrder, expertChoice, visits, combination, router
    case argmax, staleLogits, logitRow, promptToken, chosenToken, oneRow, notANumber
    case shortBuffer, shortCache, shortRoutes, strangeExpert, sameExpert, noTokens, strangeToken
}

/// A straightforward inference in Swift, f32 throughout, with a fault that can be switched on.
final class PlainInference: InspectableInference {
    let program: InferenceProgram
    let weights: any ModelWeights
    let seed: UInt32
    let fault: InferenceFault?
    /// The layer whose matrices a wrong weight is in; `nil` for all.
    var faultyLayer: Int?
    private let blocked: Multiplicand
    private let plain: Multiplicand
    var pass = InferencePass(
        firstSequence: 0, sequences: 1, tokens: 1, contextTokens: 0, source: .prompt, logits: .none)
    private var tokens: [Int] = []
    var chosen: [Int] = []
    var chosenOfSequence: [Int: Int] = [:]
    var routes: [[(expert: Int, weight: Float)]] = []
    var buffers: [InferenceBuffer: [[Float]]] = [:]
    var keys: [[[[Float]]]] = []
    var values: [[[[Float]]]] = []
    private var matrices: [ModelMatrix: [[Float]]] = [:]

    var model: ModelShape { program.step.model }

    init(
        _ step: InferenceStep, weights: (any ModelWeights)? = nil, seed: UInt32 = 5, plain: Multiplicand = .f32,
        blocked: Multiplicand = .blocks, fault: InferenceFault? = nil
    ) {
        program = InferenceProgram(step)
        self.weights = weights ?? SeededModelWeights(step.model, format: step.weights, seed: seed)
        (self.seed, self.fault, self.plain, self.blocked) = (seed, fault, plain, blocked)
        keys = seededCaches(ModelStream.keys)
        values = seededCaches(ModelStream.values)
    }

    private func seededCaches(_ stream: (Int) -> UInt32) -> [[[[Float]]]] {
        let (step, width) = (program.step, model.keyValueWidth)
        return (0..<model.layers).map { layer in
            let key = SeededData.key(seed: SeededData.key(seed: seed, stream: stream(layer)), stream: 0)
            return (0..<step.batch).map { sequence in
                (0..<step.positions).map { position in
                    guard position < step.contextTokens else { return [Float](repeating: .nan, count: width) }
                    return (0..<width).map { column in
                        let index = UInt32((sequence * step.contextTokens + position) * width + column)
                        let wrong = fault == .seededCache && position == step.contextTokens - 1
                        return Float(Float16(SeededData.uniform(key: key, index: wrong ? index + 1 : index)))
                    }
                }
            }
        }
    }

    func multiplicand(for format: WeightFormat) -> Multiplicand { format.isBlocked ? blocked : plain }

    func begin(_ pass: InferencePass, tokens: [Int]?) {
        self.pass = pass
        self.tokens =
            tokens
            ?? (0..<pass.rows).map { row in
                let place = pass.place(ofRow: row)
                if pass.source == .chosen, fault != .chosenToken { return chosenOfSequence[place.sequence] ?? 0 }
                let shift = fault == .promptToken && row == pass.rows - 1 ? 1 : 0
                return program.promptToken(
                    sequence: place.sequence, position: place.position + shift, seed: seed)
            }
    }

    func read(_ buffer: InferenceBuffer) -> [Float] {
        var rows = buffers[buffer] ?? []
        // What an operation has not written yet is there all the same.
        let missing = max(0, program.rows(of: buffer, in: pass) - rows.count)
        rows += [[Float]](repeating: [Float](repeating: 0, count: program.width(of: buffer)), count: missing)
        let values = Array(rows.prefix(program.rows(of: buffer, in: pass)).joined())
        return fault == .shortBuffer && buffer == .attention ? values.dropLast() : values
    }

    func readCache(layer: Int, sequence: Int, positions: Range<Int>) -> (keys: [[Float]], values: [[Float]]) {
        let keys = Array(keys[layer][sequence][positions])
        return (fault == .shortCache ? [] : keys, Array(values[layer][sequence][positions]))
    }

    func readRoutes() -> [[(expert: Int, weight: Float)]] {
        switch fault {
        case .shortRoutes: routes.dropLast()
        case .strangeExpert: routes.map { $0.map { ($0.expert + 3, $0.weight) } }
        case .sameExpert: routes.map { [$0[0], $0[0]] }
        default: routes
        }
    }

    func chosenTokens() -> [Int] {
        switch fault {
        case .noTokens: []
        case .strangeToken: chosen.map { _ in model.vocabulary }
        default: chosen
        }
    }

    func rows(_ buffer: InferenceBuffer) -> [[Float]] { buffers[buffer] ?? [] }

    func run(_ operation: InferenceOperation) throws {
        switch operation {
        case .embed: buffers[.residual] = try tokens.map { try weights.row($0, of: .embedding) }
        case .normalise(let norm): try normalise(norm)
        case .multiply(let matrix, let input, let output, let accumulate):
            try multiply(matrix, input, output, accumulate && fault != .accumulate)
        case .rotateAndStore(let layer): try rotate(layer)
        case .attend(let layer): attend(layer)
        case .gate: gate()
        case .route: route()
        case .visitGateUp(let layer):
            buffers[.gateUp] = try visits().map {
                try product(.expertGateUp(layer: layer, expert: $0.expert), rows(.normalised)[$0.row])
            }
        case .visitDown(let layer):
            buffers[.visits] = try zip(visits(), rows(.gated)).map {
                try product(.expertDown(layer: layer, expert: $0.expert), $1)
            }
        case .combine: combine()
        case .choose: choose()
        }
    }

    private func normalise(_ norm: ModelNorm) throws {
        var wanted = norm
        if fault == .gain, case .feedForward(let layer) = norm { wanted = .attention(layer: layer) }
        let gain = try weights.values(of: .gain(wanted)) ?? []
        var places = Array(0..<pass.rows)
        if norm == .output { places = pass.logitRows.map { fault == .logitRow ? max(0, $0 - 1) : $0 } }
        buffers[.normalised] = places.map { scaled(rows(.residual)[$0], gain) }
    }

    func scaled(_ row: [Float], _ gain: [Float]) -> [Float] {
        let square = row.reduce(0) { $0 + $1 * $1 } / Float(row.count)
        let scale = 1 / (square + (fault == .epsilon ? 0.01 : Float(model.normEpsilon))).squareRoot()
        return zip(row, gain).map { $0 * scale * $1 }
    }

    private func multiply(
        _ matrix: ModelMatrix, _ input: InferenceBuffer, _ output: InferenceBuffer, _ accumulate: Bool
    ) throws {
        if fault == .staleLogits, matrix == .outputHead, buffers[.logits] != nil { return }
        let count = program.rows(of: output, in: pass)
        var products = try rows(input).prefix(count).map { try product(matrix, $0) }
        if fault == .oneRow, products.count > 2, case .down = matrix { products[products.count - 2][3] += 0.01 }
        if fault == .notANumber, case .gateUp = matrix { products[products.count / 2][5] = .nan }
        if case .router = matrix, fault == .router { products = products.map { $0.reversed() } }
        buffers[output] =
            accumulate ? zip(rows(output), products).map { zip($0, $1).map(+) } : products
    }

    private func decoded(_ matrix: ModelMatrix) throws -> [[Float]] {
        if let known = matrices[matrix] { return known }
        var rows = try (0..<model.size(of: matrix).rows).map { try weights.row($0, of: matrix) }
        if fault == .weight, faultyLayer.map({ matrix == .down(layer: $0) }) ?? true {
            rows[rows.count - 1][7] += 0.03
        }
        matrices[matrix] = rows
        return rows
    }

    private func product(_ matrix: ModelMatrix, _ row: [Float]) throws -> [Float] {
        let formats = weights.parts(of: matrix).flatMap { [WeightFormat](repeating: $0.format, count: $0.rows) }
        let inputs = Dictionary(
            uniqueKeysWithValues: Set(formats).map { format in
                (format, rounded(row, to: fault == .rounding ? .bf16 : multiplicand(for: format)))
            })
        return zip(formats, try decoded(matrix)).map { format, weights in
            guard let input = inputs[format] else { return .nan }
            var sum: Float = 0
            for index in weights.indices { sum += weights[index] * input[index] }
            return sum
        }
    }

    private func rounded(_ row: [Float], to multiplicand: Multiplicand) -> [Float] {
        switch multiplicand {
        case .f32: row
        case .bf16: row.map { SixteenBit.float(bf16Bits: SixteenBit.bf16Bits($0)) }
        case .f16: row.map { Float(Float16($0)) }
        case .blocks:
            stride(from: 0, to: row.count, by: 32).flatMap { start -> [Float] in
                let block = row[start..<start + 32]
                let scale = (block.map(abs).max() ?? 0) / 127
                let inverse = 1 / scale
                return block.map { scale == 0 ? 0 : scale * ($0 * inverse).rounded(.toNearestOrEven) }
            }
        }
    }
}
