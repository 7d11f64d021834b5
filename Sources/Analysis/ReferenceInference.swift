package import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

/// A whole model in float64, written for clarity alone: what a prompt's logits are, and the tokens that follow.
///
/// Unlike ``InferenceOracle`` it carries its own state from operation to operation. Keys and values are rounded to f16,
/// nearest even, activations before products as a backend says it does; nothing else is rounded. Every weight is made or
/// decoded once a pass, so it is meant for tiny models.
package final class ReferenceInference {
    private let program: InferenceProgram
    private let weights: any ModelWeights
    private let seed: UInt32
    private let multiplicand: (WeightFormat) -> Multiplicand
    /// The keys and values of each layer and sequence, position by position.
    private var caches: [[Cache]]
    /// The token each sequence chose last.
    package private(set) var chosen: [Int: Int] = [:]

    private var model: ModelShape { program.step.model }

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

    private func normalise(_ rows: [[Double]], _ norm: ModelNorm) throws -> [[Double]] {
        let gain = try weights.values(of: .gain(norm)) ?? []
        return rows.map { Self.normalise($0, gain: gain, epsilon: model.normEpsilon) }
    }

    static func normalise(_ row: [Double], gain: [Float], epsilon: Double) -> [Double] {
        let meanSquare = row.map { $0 * $0 }.reduce(0, +) / Double(row.count)
        return zip(row, gain).map { $0 / (meanSquare + epsilon).squareRoot() * Double($1) }
    }

    /// Each row times the transposed matrix.
    private func multiply(_ matrix: ModelMatrix, _ rows: [[Double]]) throws -> [[Double]] {
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

/// Attention.
extension ReferenceInference {
    private func attention(_ rows: [[Double]], layer: Int, _ pass: InferencePass) throws -> [[Double]] {
        let products = try multiply(.queryKeyValue(layer: layer), normalise(rows, .attention(layer: layer)))
        let outputs = try products.enumerated().map { row, values in
            let place = pass.place(ofRow: row)
            let rotated = try rotate(values, layer: layer, position: place.position)
            store(rotated, layer: layer, place)
            return attend(Array(rotated.prefix(model.queryWidth)), caches[layer][place.sequence], place.position)
        }
        return try multiply(.attentionOutput(layer: layer), outputs)
    }

    private func rotate(_ row: [Double], layer: Int, position: Int) throws -> [Double] {
        let bias = try weights.values(of: .bias(layer: layer))?.map(Double.init)
        var result = zip(row, bias ?? row.map { _ in 0 }).map(+)
        for head in 0..<model.heads + model.keyValueHeads {
            let place = head * model.headDimension..<(head + 1) * model.headDimension
            let gain: ModelVector = head < model.heads ? .queryGain(layer: layer) : .keyGain(layer: layer)
            if let gain = try weights.values(of: gain) {
                result.replaceSubrange(
                    place, with: Self.normalise(Array(result[place]), gain: gain, epsilon: model.normEpsilon))
            }
            for (pair, frequency) in weights.rotaryFrequencies.enumerated() {
                let angle = frequency * Double(position)
                let halves = model.rotaryPairs == .halves
                let first = place.lowerBound + (halves ? pair : 2 * pair)
                let second = first + (halves ? model.headDimension / 2 : 1)
                let (x, y) = (result[first], result[second])
                result[first] = x * cos(angle) - y * sin(angle)
                result[second] = y * cos(angle) + x * sin(angle)
            }
        }
        return result
    }

    private func store(_ row: [Double], layer: Int, _ place: (sequence: Int, position: Int)) {
        let key = row[model.queryWidth..<model.queryWidth + model.keyValueWidth].map { Double(Float16($0)) }
        let value = row[(model.queryWidth + model.keyValueWidth)...].map { Double(Float16($0)) }
        // A pass over the same positions again takes the place of what was there.
        caches[layer][place.sequence].keys.replaceSubrange(place.position..., with: [key])
        caches[layer][place.sequence].values.replaceSubrange(place.position..., with: [value])
    }

    private func attend(_ queries: [Double], _ cache: Cache, _ position: Int) -> [Double] {
        (0..<model.heads).flatMap { head -> [Double] in
            let size = model.headDimension
            let query = queries[head * size..<(head + 1) * size]
            let group = head / (model.heads / model.keyValueHeads) * size
            let scores = cache.keys[...position].map { key in
                zip(query, key[group..<group + size]).reduce(0) { $0 + $1.0 * $1.1 } / Double(size).squareRoot()
            }
            let weights = Self.softmax(scores)
            return (group..<group + size).map { column in
                zip(weights, cache.values).reduce(0) { $0 + $1.0 * $1.1[column] }
            }
        }
    }

    static func softmax(_ scores: [Double]) -> [Double] {
        let top = scores.max() ?? 0
        let weights = scores.map { exp($0 - top) }
        let total = weights.reduce(0, +)
        return weights.map { $0 / total }
    }
}

/// The feed-forward part.
extension ReferenceInference {
    private func feedForward(_ rows: [[Double]], layer: Int) throws -> [[Double]] {
        guard let experts = model.experts else {
            let gated = gate(try multiply(.gateUp(layer: layer), rows))
            return try multiply(.down(layer: layer), gated)
        }
        let scores = try multiply(.router(layer: layer), rows)
        return try zip(rows, scores).map { row, scores in
            var sum = row.map { _ in 0.0 }
            for (expert, weight) in Self.route(scores, experts) {
                let gated = gate(try multiply(.expertGateUp(layer: layer, expert: expert), [row]))
                let output = try multiply(.expertDown(layer: layer, expert: expert), gated)[0]
                sum = zip(sum, output).map { $0 + weight * $1 }
            }
            return sum
        }
    }

    private func gate(_ rows: [[Double]]) -> [[Double]] {
        rows.map { row in
            let half = row.count / 2
            return (0..<half).map { row[$0] / (1 + exp(-row[$0])) * row[half + $0] }
        }
    }

    /// The experts of a row, best first, and their weights.
    static func route(_ scores: [Double], _ experts: ExpertShape) -> [(expert: Int, weight: Double)] {
        let shares = softmax(scores)
        let order = shares.indices.sorted { shares[$0] == shares[$1] ? $0 < $1 : shares[$0] > shares[$1] }
        let chosen = order.prefix(experts.perToken).map { (expert: $0, weight: shares[$0]) }
        let total = experts.normalisesWeights ? chosen.reduce(0) { $0 + $1.weight } : 1
        return chosen.map { ($0.expert, $0.weight / total) }
    }
}
