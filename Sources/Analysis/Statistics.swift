/// Order statistics of small samples.
public enum Statistics {
    /// The median; `nil` for an empty sample.
    ///
    /// - Complexity: O(*n* log *n*).
    public static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    /// The 95 % confidence interval of the median by order statistics, free of any assumption on the distribution.
    ///
    /// With fewer than 6 values no such interval reaches 95 %; then it is the whole range, the widest there is.
    /// Conover, "Practical Nonparametric Statistics", 3rd edition, section 3.2.
    ///
    /// - Parameter values: The sample.
    /// - Returns: The limits; `nil` for an empty sample.
    /// - Complexity: O(*n* log *n*).
    public static func medianInterval(_ values: [Double]) -> ClosedRange<Double>? {
        let sorted = values.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        let rank = lowerRank(count: sorted.count)
        guard rank >= 1 else { return first...last }
        return sorted[rank - 1]...sorted[sorted.count - rank]
    }

    /// The largest rank *r* with P(fewer than *r* of *n* fair coins show heads) ≤ 2.5 %.
    static func lowerRank(count: Int) -> Int {
        var probability = power(0.5, count)
        var cumulative = 0.0
        var rank = 0
        // A count beyond 1,000 underflows the first term; the normal approximation is exact enough there.
        guard probability > 0 else { return Int((Double(count) - 1.96 * Double(count).squareRoot()) / 2) }
        while rank < count {
            cumulative += probability
            if cumulative > 0.025 { return rank }
            probability *= Double(count - rank) / Double(rank + 1)
            rank += 1
        }
        return rank
    }

    private static func power(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1.0) { product, _ in product * base }
    }

    /// Half the interval's width as a fraction of the median: how precise the median is.
    ///
    /// - Parameter values: The sample.
    /// - Returns: A fraction; infinite for an empty sample or a median that is not positive.
    public static func relativePrecision(_ values: [Double]) -> Double {
        guard let median = median(values), median > 0, let interval = medianInterval(values) else { return .infinity }
        return (interval.upperBound - interval.lowerBound) / 2 / median
    }

    /// Half the 95 % interval of the mean as a fraction of it: twice the standard error.
    ///
    /// - Parameter values: The sample, taken as independent.
    /// - Returns: A fraction; 0 for fewer than 2 values, infinite for a mean that is not positive.
    public static func meanPrecision(_ values: [Double]) -> Double {
        guard values.count >= 2 else { return 0 }
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        guard mean > 0 else { return .infinity }
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
        return 2 * (variance / count).squareRoot() / mean
    }

    /// The interquartile range as a fraction of the median: how scattered single samples are.
    ///
    /// - Parameter values: The sample.
    /// - Returns: A fraction; 0 for fewer than 4 values.
    public static func relativeSpread(_ values: [Double]) -> Double {
        guard values.count >= 4, let median = median(values), median > 0 else { return 0 }
        let sorted = values.sorted()
        return (sorted[sorted.count * 3 / 4] - sorted[sorted.count / 4]) / median
    }
}
