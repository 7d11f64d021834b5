#if canImport(Glibc)
    import Glibc
#endif

/// The parts of an LLM's step in float64, straight from their definitions.
public enum BlockOracle {
    /// exp(x − largest) over the sum of these.
    public static func softmax(_ row: some Collection<Float>) -> [Double] {
        let top = Double(row.max() ?? 0)
        let weights = row.map { exp(Double($0) - top) }
        let total = weights.reduce(0, +)
        return weights.map { $0 / total }
    }

    /// x / √(mean of x² + epsilon) · gain.
    public static func normalise(_ row: some Collection<Float>, gain: [Float], epsilon: Double) -> [Double] {
        let mean = row.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(row.count)
        let scale = 1 / (mean + epsilon).squareRoot()
        return zip(row, gain).map { Double($0) * scale * Double($1) }
    }

    /// Values weighted by the softmax of the query's products with the keys over √dimension.
    ///
    /// - Parameters:
    ///   - query: One head's query.
    ///   - keys: The key of each position, as wide as the query.
    ///   - values: The value of each position, as wide as the query.
    /// - Returns: The head's output.
    public static func attention(query: [Float], keys: [[Float]], values: [[Float]]) -> [Double] {
        let scale = 1 / Double(query.count).squareRoot()
        let scores = keys.map { row in zip(query, row).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } * scale }
        let top = scores.max() ?? 0
        let weights = scores.map { exp($0 - top) }
        let total = weights.reduce(0, +)
        return query.indices.map { i in zip(weights, values).reduce(0.0) { $0 + $1.0 * Double($1.1[i]) } / total }
    }
}
