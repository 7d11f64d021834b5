import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

extension InferenceOracle {
    /// A row of queries, keys and values with its biases, head norms and position.
    ///
    /// The sine and cosine of a position are those of its exact angle, to some u: angles in f32 would be off by a
    /// multiple of u for each position.
    ///
    /// - Parameters:
    ///   - row: What the matrices gave.
    ///   - layer: The layer.
    ///   - position: The token's position in its sequence.
    /// - Returns: As many numbers, before they are rounded to the cache's f16.
    /// - Throws: `InputError` when the model's file was changed.
    package func rotate(_ row: [Float], layer: Int, position: Int) throws -> [BoundedValue] {
        let bias = try weights.values(of: .bias(layer: layer))
        let biased = row.indices.map { Double(row[$0]) + Double(bias?[$0] ?? 0) }
        let gains = [try weights.values(of: .queryGain(layer: layer)), try weights.values(of: .keyGain(layer: layer))]
        let rotation = weights.rotaryFrequencies.map {
            (cosine: cos($0 * Double(position)), sine: sin($0 * Double(position)))
        }
        let heads = (0..<model.heads + model.keyValueHeads).flatMap { head in
            let values = biased[head * model.headDimension..<(head + 1) * model.headDimension]
            return rotatedHead(Array(values), gain: gains[head < model.heads ? 0 : 1], rotation)
        }
        return heads
            + biased[heads.count...].map { BoundedValue($0, allowed: bias == nil ? 0 : 2 * Self.unit * abs($0)) }
    }

    private func rotatedHead(
        _ head: [Double], gain: [Float]?, _ rotation: [(cosine: Double, sine: Double)]
    ) -> [BoundedValue] {
        let normed = gain.map { Self.normalise(head, gain: $0, epsilon: model.normEpsilon) } ?? head
        let relative = (gain == nil ? 0 : Self.normError(head.count)) + 8 * Self.unit
        var result = [BoundedValue](repeating: BoundedValue(0, allowed: 0), count: head.count)
        for (pair, (cosine, sine)) in rotation.enumerated() {
            let (first, second) =
                model.rotaryPairs == .halves ? (pair, pair + head.count / 2) : (2 * pair, 2 * pair + 1)
            let (x, y) = (normed[first], normed[second])
            let allowed = (abs(x) + abs(y)) * relative
            result[first] = BoundedValue(x * cosine - y * sine, allowed: allowed)
            result[second] = BoundedValue(x * sine + y * cosine, allowed: allowed)
        }
        return result
    }

    private static func normalise(_ row: [Double], gain: [Float], epsilon: Double) -> [Double] {
        let mean = row.reduce(0.0) { $0 + $1 * $1 } / Double(row.count)
        let scale = 1 / (mean + epsilon).squareRoot()
        return zip(row, gain).map { $0 * scale * Double($1) }
    }

    /// How far a number in the cache is from the f16 it should be, relative to what is allowed.
    ///
    /// Rounding is monotone, so a right one lies between the roundings of the ends of the allowed interval.
    ///
    /// - Returns: 0 within, above 1 outside.
    package static func cacheDeviation(_ found: Float, from expected: BoundedValue) -> Double {
        let low = Double(Float16(expected.value - expected.allowed))
        let high = Double(Float16(expected.value + expected.allowed))
        if Double(found) >= low, Double(found) <= high { return 0 }
        let error = abs(Double(found) - expected.value)
        return 1 + Tolerance.ratio(error: error, allowed: expected.allowed)
    }

    /// Some seeded numbers of a cache's row.
    ///
    /// - Parameters:
    ///   - stream: ``NodeModel/ModelStream/keys(layer:)`` or ``NodeModel/ModelStream/values(layer:)``.
    ///   - sequence: The sequence.
    ///   - position: One below the step's `contextTokens`.
    ///   - columns: Which numbers, of `keyValueWidth`.
    /// - Returns: As many numbers, each an f16.
    package func seededCache(stream: UInt32, sequence: Int, position: Int, columns: Range<Int>) -> [Float] {
        let key = SeededData.key(seed: SeededData.key(seed: seed, stream: stream), stream: 0)
        let row = (sequence * program.step.contextTokens + position) * model.keyValueWidth
        return columns.map { column in
            let value = SeededData.uniform(key: key, index: UInt32(truncatingIfNeeded: row + column))
            return SixteenBit.rounded(value, to: .f16)
        }
    }

    /// One head's attention.
    ///
    /// A score s = q·k/√d is off by e = (8·√d + 4)·u·Σ|q||k|/√d, and exp(s − largest) so by a factor within 1 ± (eᵉ⁺ʳ − 1)
    /// with r = 4·u·(|s| + |largest|) + 16·u for its own argument and the functions. Weights p(1 + δ) move the output by
    /// Σ pδ(v − output) / (1 + Σ pδ). The sums over n positions add their own error.
    ///
    /// - Parameters:
    ///   - query: The head's rotated query, *d* numbers.
    ///   - keys: The key of each position up to the query's own, *d* numbers each.
    ///   - values: The value of each position, *d* numbers each.
    /// - Returns: *d* numbers.
    package static func attend(_ query: [Float], keys: [[Float]], values: [[Float]]) -> [BoundedValue] {
        let (shares, slack) = attentionWeights(query, keys: keys)
        var output = [Double](repeating: 0, count: query.count)
        for (share, value) in zip(shares, values) {
            for i in output.indices { output[i] += share * Double(value[i]) }
        }
        var (moved, magnitude) = (output.map { _ in 0.0 }, output.map { _ in 0.0 })
        for (index, value) in values.enumerated() {
            for i in output.indices {
                moved[i] += shares[index] * slack[index] * abs(Double(value[i]) - output[i])
                magnitude[i] += shares[index] * abs(Double(value[i]))
            }
        }
        let loss = max(1 - zip(shares, slack).reduce(0.0) { $0 + $1.0 * $1.1 }, 0x1p-10)
        return output.indices.map { i in
            let sums = 2 * Tolerance.dotProduct(length: keys.count, magnitude: magnitude[i])
            return BoundedValue(output[i], allowed: moved[i] / loss + sums + 1e-30)
        }
    }

    /// The softmax of the scores, and by what factor beside 1 each weight may be off.
    private static func attentionWeights(_ query: [Float], keys: [[Float]]) -> (shares: [Double], slack: [Double]) {
        let scale = 1 / Double(query.count).squareRoot()
        let scores = keys.map { key -> (sum: Double, error: Double) in
            var (sum, magnitude) = (0.0, 0.0)
            for i in query.indices {
                let term = Double(query[i]) * Double(key[i])
                sum += term
                magnitude += abs(term)
            }
            return (sum * scale, Tolerance.dotProduct(length: query.count, magnitude: magnitude) * scale)
        }
        let top = scores.reduce(-Double.infinity) { max($0, $1.sum) }
        let weights = scores.map { exp($0.sum - top) }
        let total = weights.reduce(0, +)
        let slack = scores.map { expm1($0.error + (4 * (abs($0.sum) + abs(top)) + 16) * unit) }
        return (weights.map { $0 / total }, slack)
    }
}
