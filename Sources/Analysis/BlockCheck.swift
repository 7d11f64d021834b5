public import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

/// Checks of the parts of an LLM's step against ``BlockOracle``.
public enum BlockCheck {
    /// The error of exp and of the divisions, a few units in the last place each, and of a sum of so many values: 4·√n·u.
    private static func relative(_ columns: Int) -> Double {
        0x1p-17 + 4 * Double(columns).squareRoot() * Tolerance.f32Unit
    }

    /// Checks sampled rows against an oracle, and that every element was written.
    ///
    /// - Parameters:
    ///   - shape: The rows.
    ///   - output: The result, row after row.
    ///   - samples: How many random rows, beside the first and the last.
    ///   - seed: The seed of their choice.
    ///   - expected: What a row should be.
    /// - Returns: The largest error relative to what is allowed.
    public static func rows(
        _ shape: RowsShape, output: [Float], samples: Int = 62, seed: UInt32, expected: (Int) -> [Double]
    ) -> Verification {
        let key = SeededData.key(seed: seed, stream: 0xb10c)
        let random = (0..<samples).map { Int(SeededData.word(key: key, index: UInt32($0))) % shape.rows }
        let chosen = Set([0, shape.rows - 1] + random).sorted()
        var comparison = Comparison(method: "float64 oracle on \(chosen.count) rows")
        guard output.count == shape.rows * shape.columns else { return comparison.wrongSize }
        let relative = relative(shape.columns)
        for row in chosen {
            for (column, value) in expected(row).enumerated() {
                let found = output[row * shape.columns + column]
                comparison.add(found, value, allowed: abs(value) * relative + 1e-37) { "row \(row), column \(column)" }
            }
        }
        return comparison.verification.and(finite(output))
    }

    /// Checks that every row of a softmax sums to one.
    public static func sums(_ shape: RowsShape, output: [Float]) -> Verification {
        var comparison = Comparison(method: "every row sums to one")
        guard output.count == shape.rows * shape.columns else { return comparison.wrongSize }
        for row in 0..<shape.rows {
            let sum = output[row * shape.columns..<(row + 1) * shape.columns].reduce(0.0) { $0 + Double($1) }
            comparison.add(Float(sum), 1, allowed: relative(shape.columns)) { "the sum of row \(row)" }
        }
        return comparison.verification
    }

    /// Checks some heads of an attention against an oracle, and that every element was written.
    ///
    /// An element may be off by 8·√n·u for n values of magnitude 1, the bound of ``Tolerance``, and by what the
    /// error of a score does to its weight.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - output: The result of all heads.
    ///   - heads: The heads to check.
    ///   - expected: What a head should be.
    /// - Returns: The largest error relative to what is allowed.
    public static func attention(_ shape: AttentionShape, output: [Float], heads: [Int], expected: (Int) -> [Double])
        -> Verification
    {
        var comparison = Comparison(method: "float64 oracle on \(heads.count) heads")
        guard output.count == shape.queryWidth else { return comparison.wrongSize }
        let allowed = Tolerance.dotProduct(length: shape.contextTokens, magnitude: 1) + 5e-5
        for head in heads {
            for (index, value) in expected(head).enumerated() {
                let found = output[head * shape.headDimension + index]
                comparison.add(found, value, allowed: allowed) { "element \(index) of head \(head)" }
            }
        }
        return comparison.verification.and(finite(output))
    }

    /// Checks an attention all of whose weights are the same, over integers: means of sums that are exact.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - output: The result of all heads, for keys that are zero.
    ///   - sums: The sums of the values over all positions, as wide as the cache.
    /// - Returns: Whether every element is the mean, to four units in the last place.
    public static func means(_ shape: AttentionShape, output: [Float], sums: [Int]) -> Verification {
        var comparison = Comparison(method: "every head the exact mean of integers")
        guard output.count == shape.queryWidth, sums.count == shape.keyValueWidth else { return comparison.wrongSize }
        let mates = shape.heads / shape.keyValueHeads
        for (index, found) in output.enumerated() {
            let (head, place) = index.quotientAndRemainder(dividingBy: shape.headDimension)
            let mean = Double(sums[head / mates * shape.headDimension + place]) / Double(shape.contextTokens)
            comparison.add(found, mean, allowed: abs(mean) * 0x1p-22) { "element \(place) of head \(head)" }
        }
        return comparison.verification
    }

    /// Every element must be a number: outputs are poisoned before.
    private static func finite(_ output: [Float]) -> Verification {
        let missing = output.firstIndex { !$0.isFinite }
        return Verification(
            passed: missing == nil, method: "every element written", worst: missing == nil ? 0 : .infinity,
            detail: missing.map { "element \($0) is not a number" })
    }
}

/// Errors relative to what is allowed, and the first that is too large.
private struct Comparison {
    let method: String
    private var worst = 0.0
    private var detail: String?

    init(method: String) { self.method = method }

    mutating func add(_ found: Float, _ expected: Double, allowed: Double, place: () -> String) {
        let error = abs(Double(found) - expected)
        guard error > 0 || error.isNaN else { return }
        let ratio = Tolerance.ratio(error: error, allowed: allowed)
        worst = max(worst, ratio)
        if ratio > 1, detail == nil { detail = "\(place()) is \(found), not \(expected)" }
    }

    var verification: Verification {
        Verification(passed: worst <= 1, method: method, worst: worst, detail: detail)
    }

    var wrongSize: Verification {
        Verification(passed: false, method: method, worst: .infinity, detail: "a result of the wrong size")
    }
}
