import Analysis
import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

/// What an inference can get wrong.
enum InferenceFault: String, CaseIterable {
    case pairing, position, rotaryScaling, maskAhead, maskBehind, sequences, group, attentionScale
    case cacheNotRounded, cacheCutOff, cacheRow, cacheOverwritten, seededCache
    case bias, gain, headNorm, epsilon, gateSwapped, weight, rounding, accumulate
    case expertWeights, expertOrder, expertChoice, visits, combination, router
    case argmax, staleLogits, logitRow, promptToken, chosenToken, oneRow, notANumber
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
    private(set) var pass = InferencePass(
        firstSequence: 0, sequences: 1, tokens: 1, contextTokens: 0, source: .prompt, logits: .none)
    private var tokens: [Int] = []
    private(set) var chosen: [Int] = []
    private var chosenOfSequence: [Int: Int] = [:]
    private(set) var routes: [[(expert: Int, weight: Float)]] = []
    private var buffers: [InferenceBuffer: [[Float]]] = [:]
    private var keys: [[[[Float]]]] = []
    private var values: [[[[Float]]]] = []
    private var matrices: [ModelMatrix: [[Float]]] = [:]

    private var model: ModelShape { program.step.model }

    init(
        _ step: InferenceStep, seed: UInt32 = 5, plain: Multiplicand = .f32, blocked: Multiplicand = .blocks,
        fault: InferenceFault? = nil
    ) {
        program = InferenceProgram(step)
        weights = SeededModelWeights(step.model, format: step.weights, seed: seed)
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
        return Array(rows.prefix(program.rows(of: buffer, in: pass)).joined())
    }

    func readCache(layer: Int, sequence: Int, positions: Range<Int>) -> (keys: [[Float]], values: [[Float]]) {
        (Array(keys[layer][sequence][positions]), Array(values[layer][sequence][positions]))
    }

    func readRoutes() -> [[(expert: Int, weight: Float)]] { routes }
    func chosenTokens() -> [Int] { chosen }
    private func rows(_ buffer: InferenceBuffer) -> [[Float]] { buffers[buffer] ?? [] }

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

    private func scaled(_ row: [Float], _ gain: [Float]) -> [Float] {
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
        var format = program.step.weights
        if case .router = matrix { format = .f32 }
        let input = rounded(row, to: fault == .rounding ? .bf16 : multiplicand(for: format))
        return try decoded(matrix).map { weights in
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

/// Positions and attention.
extension PlainInference {
    private func rotate(_ layer: Int) throws {
        let bias = fault == .bias ? nil : try weights.values(of: .bias(layer: layer))
        for row in 0..<pass.rows {
            var values = rows(.queryKeyValue)[row]
            if let bias { values = zip(values, bias).map(+) }
            let place = pass.place(ofRow: row)
            for head in 0..<model.heads + model.keyValueHeads {
                let range = head * model.headDimension..<(head + 1) * model.headDimension
                let gain: ModelVector = head < model.heads ? .queryGain(layer: layer) : .keyGain(layer: layer)
                if let gain = try weights.values(of: gain), fault != .headNorm {
                    values.replaceSubrange(range, with: scaled(Array(values[range]), gain))
                }
                rotate(&values, range, position: place.position + (fault == .position ? 1 : 0))
            }
            buffers[.queryKeyValue]?[row] = values
            store(values, layer, place)
        }
    }

    private func rotate(_ values: inout [Float], _ range: Range<Int>, position: Int) {
        let halves = (model.rotaryPairs == .halves) != (fault == .pairing)
        for pair in 0..<model.headDimension / 2 {
            let plain = pow(model.ropeTheta, -2 * Double(pair) / Double(model.headDimension))
            let frequency = fault == .rotaryScaling ? plain : weights.rotaryFrequencies[pair]
            let angle = Double(position) * frequency
            let (c, s) = (Float(cos(angle)), Float(sin(angle)))
            let first = range.lowerBound + (halves ? pair : 2 * pair)
            let second = first + (halves ? model.headDimension / 2 : 1)
            (values[first], values[second]) = (
                values[first] * c - values[second] * s, values[first] * s + values[second] * c
            )
        }
    }

    private func store(_ row: [Float], _ layer: Int, _ place: (sequence: Int, position: Int)) {
        let (query, width) = (model.queryWidth, model.keyValueWidth)
        func stored(_ value: Float) -> Float {
            switch fault {
            case .cacheNotRounded: value
            case .cacheCutOff: cutOff(value)
            default: Float(Float16(value))
            }
        }
        let last = keys[layer][place.sequence].count - 1
        let position = fault == .cacheRow ? min(place.position + 1, last) : place.position
        keys[layer][place.sequence][position] = row[query..<query + width].map(stored)
        values[layer][place.sequence][position] = row[(query + width)...].map(stored)
        if fault == .cacheOverwritten, place.position > 0 { values[layer][place.sequence][place.position - 1][0] += 1 }
    }

    /// The f16 next to a number towards 0.
    private func cutOff(_ value: Float) -> Float {
        let nearest = Float16(value)
        guard abs(Float(nearest)) > abs(value) else { return Float(nearest) }
        return Float(Float16(bitPattern: nearest.bitPattern - 1))
    }

    private func attend(_ layer: Int) {
        buffers[.attention] = (0..<pass.rows).map { row in
            let place = pass.place(ofRow: row)
            let sequence = fault == .sequences ? (place.sequence + 1) % program.step.batch : place.sequence
            let held = keys[layer][sequence].count
            let count =
                switch fault {
                case .maskAhead: min(place.position + 2, held)
                case .maskBehind: max(place.position, 1)
                default: place.position + 1
                }
            return (0..<model.heads).flatMap { attend(row, $0, keys[layer][sequence], values[layer][sequence], count) }
        }
    }

    private func attend(_ row: Int, _ head: Int, _ keys: [[Float]], _ values: [[Float]], _ count: Int) -> [Float] {
        let size = model.headDimension
        let query = rows(.queryKeyValue)[row][head * size..<(head + 1) * size]
        let mates = model.heads / model.keyValueHeads
        let group = (fault == .group ? head % model.keyValueHeads : head / mates) * size
        let divisor = Float(fault == .attentionScale ? model.hidden : size).squareRoot()
        var scores = (0..<count).map { position -> Float in
            zip(query, keys[position][group..<group + size]).reduce(0) { $0 + $1.0 * $1.1 } / divisor
        }
        let top = scores.max() ?? 0
        scores = scores.map { expf($0 - top) }
        let total = scores.reduce(0, +)
        var result = [Float](repeating: 0, count: size)
        for (score, value) in zip(scores, values) {
            for i in 0..<size { result[i] += score * value[group + i] }
        }
        return result.map { $0 / total }
    }
}

/// The feed-forward part and the end.
extension PlainInference {
    private func gate() {
        let half = model.feedForwardWidth
        buffers[.gated] = rows(.gateUp).map { row in
            (0..<half).map { i in
                let (gate, up) = fault == .gateSwapped ? (row[half + i], row[i]) : (row[i], row[half + i])
                return gate / (1 + expf(-gate)) * up
            }
        }
    }

    private func route() {
        guard let experts = model.experts else { return }
        routes = rows(.router).map { scores in
            let top = scores.max() ?? 0
            let weights = scores.map { expf($0 - top) }
            let all = weights.reduce(0, +)
            let order = weights.indices.sorted {
                weights[$0] == weights[$1] ? $0 < $1 : weights[$0] > weights[$1]
            }
            let skipped = fault == .expertChoice ? 1 : 0
            var chosen = order.dropFirst(skipped).prefix(experts.perToken).map {
                (expert: $0, weight: weights[$0] / all)
            }
            let total = chosen.reduce(0) { $0 + $1.weight }
            if experts.normalisesWeights != (fault == .expertWeights) {
                chosen = chosen.map { ($0.expert, $0.weight / total) }
            }
            return fault == .expertOrder ? chosen.reversed() : chosen
        }
    }

    /// The visits in the order of their rows in the buffers.
    private func visits() -> [(expert: Int, row: Int, weight: Float)] {
        let byRow = routes.enumerated().flatMap { row, experts in
            experts.map { (expert: $0.expert, row: row, weight: $0.weight) }
        }
        return fault == .visits ? byRow : byRow.sorted { ($0.expert, $0.row) < ($1.expert, $1.row) }
    }

    private func combine() {
        for (visit, output) in zip(visits(), rows(.visits)) {
            let weight = fault == .combination ? 0.5 : visit.weight
            for i in output.indices { buffers[.residual]?[visit.row][i] += weight * output[i] }
        }
    }

    private func choose() {
        chosen = rows(.logits).map { logits in
            let best = logits.max() ?? 0
            let others = logits.filter { $0 < best }
            return logits.firstIndex(of: fault == .argmax ? others.max() ?? best : best) ?? 0
        }
        for (row, token) in zip(pass.logitRows, chosen) {
            chosenOfSequence[pass.place(ofRow: row).sequence] = token
        }
    }

    /// Runs a repetition without any check.
    func repetition() throws -> [(logits: [[Float]], tokens: [Int])] {
        try program.step.passes.compactMap { pass in
            begin(pass, tokens: nil)
            for operation in program.operations(of: pass) { try run(operation) }
            return pass.logits == .none ? nil : (rows(.logits), chosen)
        }
    }
}
