package import NodeModel

/// A whole model in float64, written for clarity alone: what a prompt's logits are, and the tokens that follow.
///
/// Unlike ``InferenceOracle`` it carries its own state from operation to operation. Keys and values are rounded to f16,
/// nearest even, activations before products as a backend says it does; nothing else is rounded. Every weight is made or
/// decoded once a pass, so it is meant for tiny models.
package final class ReferenceInference {
    let program: InferenceProgram
    let weights: any ModelWeights
    private let seed: UInt32
    let multiplicand: (WeightFormat) -> Multiplicand
    /// The keys and values of each layer and sequence, position by position.
    var caches: [[Cache]]
    /// The token each sequence chose last.
    package private(set) var chosen: [Int: Int] = [:]

    var model: ModelShape { program.step.model }

    struct Cache {
        var keys: [[Double]] = []
        var values: [[Double]] = []
    }

    /// Prepares a model with the seeded caches of a step.
    ///
    /// - Parameters:
    ///   - program: What is computed.
    ///   - weights: The model's numbers.
    ///   - seed: The seed of tokens and caches.
    ///   - multiplicand: What activations are rounded to before they are multiplied with weights of a format.
    package init(
        _ program: InferenceProgram, weights: any ModelWeights, seed: UInt32,
        multiplicand: @escaping (WeightFormat) -> Multiplicand = { _ in .f32 }
    ) {
        (self.program, self.weights, self.seed, self.multiplicand) = (program, weights, seed, multiplicand)
        let oracle = InferenceOracle(program: program, weights: weights, seed: seed)
        caches = (0..<program.step.model.layers).map { layer in
            (0..<program.step.batch).map { Self.seeded(oracle, layer: layer, sequence: $0) }
        }
    }

    private static func seeded(_ oracle: InferenceOracle, layer: Int, sequence: Int) -> Cache {
        let columns = 0..<oracle.program.step.model.keyValueWidth
        func rows(_ stream: UInt32) -> [[Double]] {
            (0..<oracle.program.step.contextTokens).map {
                oracle.seededCache(stream: stream, sequence: sequence, position: $0, columns: columns).map(Double.init)
            }
        }
        return Cache(keys: rows(ModelStream.keys(layer: layer)), values: rows(ModelStream.values(layer: layer)))
    }

    /// How far a backend's logits may be from these, for a row of logits of a model of a few layers.
    ///
    /// A fraction of the row's largest magnitude. Where f32 and float64 round a number to different neighbours, the error
    /// is a unit of the rounded format, so it follows from the coarsest that is rounded to: f16 in the cache of all, and
    /// what activations are rounded to. Eight times as much is allowed.
    ///
    /// - Parameters:
    ///   - logits: The row, in float64.
    ///   - multiplicand: The coarsest that activations are rounded to.
    /// - Returns: The largest error of a logit.
    package static func allowedError(_ logits: [Double], multiplicand: Multiplicand) -> Double {
        let fraction =
            switch multiplicand {
            case .f32: 0x1p-11
            case .f16: 0x1p-8
            case .bf16: 0x1p-6
            case .blocks: 0x1p-5
            }
        return fraction * logits.reduce(0) { max($0, abs($1)) }
    }

    /// Runs all passes of the step.
    ///
    /// - Returns: The logits of each pass that has some, a list for each row that has some, and the tokens chosen.
    /// - Throws: `InputError` when the model's file was changed.
    package func repetition() throws -> [(logits: [[Double]], tokens: [Int])] {
        try program.step.passes.compactMap { pass in
            let logits = try run(pass)
            return logits.isEmpty ? nil : (logits, logits.map(Self.largest))
        }
    }

    /// Runs a pass.
    ///
    /// - Parameters:
    ///   - pass: One whose sequences have come to its positions.
    ///   - tokens: A token for each of its rows; `nil` for those its source tells.
    /// - Returns: The logits of each row that has some.
    /// - Throws: `InputError` when the model's file was changed.
    package func run(_ pass: InferencePass, tokens: [Int]? = nil) throws -> [[Double]] {
        let tokens = tokens ?? (0..<pass.rows).map { token(ofRow: $0, in: pass) }
        var rows = try tokens.map { try weights.row($0, of: .embedding).map(Double.init) }
        for layer in 0..<model.layers {
            add(try attention(rows, layer: layer, pass), to: &rows)
            let normed = try normalise(rows, .feedForward(layer: layer))
            add(try feedForward(normed, layer: layer), to: &rows)
        }
        let last = try normalise(pass.logitRows.map { rows[$0] }, .output)
        let logits = try multiply(.outputHead, last)
        for (row, scores) in zip(pass.logitRows, logits) {
            chosen[pass.place(ofRow: row).sequence] = Self.largest(scores)
        }
        return logits
    }

    private func token(ofRow row: Int, in pass: InferencePass) -> Int {
        let place = pass.place(ofRow: row)
        return switch pass.source {
        case .prompt: program.promptToken(sequence: place.sequence, position: place.position, seed: seed)
        case .chosen: chosen[place.sequence] ?? 0
        }
    }

    /// The place of the largest, the first of equals.
    private static func largest(_ scores: [Double]) -> Int {
        scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
    }

    private func add(_ more: [[Double]], to rows: inout [[Double]]) {
        rows = zip(rows, more).map { zip($0, $1).map(+) }
    }

    func normalise(_ rows: [[Double]], _ norm: ModelNorm) throws -> [[Double]] {
        let gain = try weights.values(of: .gain(norm)) ?? []
        return rows.map { Self.normalise($0, gain: gain, epsilon: model.normEpsilon) }
    }

    static func normalise(_ row: [Double], gain: [Float], epsilon: Double) -> [Double] {
        let meanSquare = row.map { $0 * $0 }.reduce(0, +) / Double(row.count)
        return zip(row, gain).map { $0 / (meanSquare + epsilon).squareRoot() * Double($1) }
    }

    /// Each row times the transposed matrix.
    func multiply(_ matrix: ModelMatrix, _ rows: [[Double]]) throws -> [[Double]] {
        guard !rows.isEmpty else { return [] }
        let parts = weights.parts(of: matrix)
        var rounded: [WeightFormat: [[Double]]] = [:]
        var result = rows.map { _ in [Double]() }
        for index in 0..<model.size(of: matrix).rows {
            let format = InferenceOracle.format(ofRow: index, parts: parts)
            let inputs = rounded[format] ?? rows.map { round($0, to: multiplicand(format)) }
            rounded[format] = inputs
            let row = try weights.row(index, of: matrix)
            for (place, input) in inputs.enumerated() {
                result[place].append(zip(row, input).reduce(0) { $0 + Double($1.0) * $1.1 })
            }
        }
        return result
    }

    private func round(_ row: [Double], to multiplicand: Multiplicand) -> [Double] {
        multiplicand == .f32 ? row : InferenceOracle.rounded(row.map { Float($0) }, to: multiplicand)
    }
}
