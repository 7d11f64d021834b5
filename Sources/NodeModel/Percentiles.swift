/// Percentiles of many values, by the nearest rank.
public struct Percentiles: Hashable, Codable, Sendable {
    /// The median: half of all values are no larger.
    public var p50: Double
    /// 95 % of all values are no larger.
    public var p95: Double
    /// 99 % of all values are no larger.
    public var p99: Double
    /// How many values there were.
    public var count: Int

    /// Takes values in any order; `nil` for none.
    public init?(_ values: [Double]) {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        func rank(_ share: Double) -> Double {
            sorted[min(sorted.count, max(1, Int((share * Double(sorted.count)).rounded(.up)))) - 1]
        }
        (p50, p95, p99, count) = (rank(0.5), rank(0.95), rank(0.99), sorted.count)
    }
}

/// What bounds the speed of a computation.
public enum RooflineLimit: String, Hashable, Codable, Sendable {
    /// The peak of arithmetic.
    case compute
    /// The bandwidth of memory.
    case memory
}
