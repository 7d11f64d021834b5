public import NodeModel

/// Checks of y = W·x against a ``GEMVOracle``.
public enum GEMVCheck {
    /// Integers of this magnitude and below are exact in f32, and so is every partial sum of terms that add up to it.
    private static let exactLimit = 0x1p24

    /// Checks every row of a product of integers: exact where no sum can round, which is nearly everywhere.
    ///
    /// - Parameters:
    ///   - oracle: The matrix, of ``GEMVOracle/Data/integers``.
    ///   - x: The integer vector.
    ///   - y: The result.
    /// - Returns: Whether every row agreed.
    /// - Complexity: O(rows · columns).
    public static func integers(_ oracle: GEMVOracle, x: [Float], y: [Float]) -> Verification {
        check(oracle, rows: Array(0..<oracle.shape.rows), x: x, y: y, method: "every row exact on integers") {
            $0 <= exactLimit ? 0 : Tolerance.dotProduct(length: oracle.shape.columns, magnitude: $0)
        }
    }

    /// A float64 oracle on sampled rows of a product of any data.
    ///
    /// A row may be off by 8·√K·u·Σ|w||x|, see ``Tolerance/dotProduct(length:magnitude:)``, where x is quantised for
    /// weights in blocks: their products are exact integers, so only the scales and the sums round.
    ///
    /// - Parameters:
    ///   - oracle: The matrix.
    ///   - rows: The rows to check besides random ones, such as the borders between threads.
    ///   - samples: How many random rows.
    ///   - seed: The seed of their choice.
    ///   - x: The vector.
    ///   - y: The result.
    /// - Returns: The largest error relative to what is allowed.
    /// - Complexity: O((rows + samples) · columns).
    public static func sampled(
        _ oracle: GEMVOracle, rows: [Int], samples: Int = 64, seed: UInt32, x: [Float], y: [Float]
    ) -> Verification {
        let key = SeededData.key(seed: seed, stream: 0x6e5a)
        let random = (0..<samples).map {
            Int(SeededData.word(key: key, index: UInt32($0))) % oracle.shape.rows
        }
        let chosen = Array(Set(rows + random)).sorted()
        return check(oracle, rows: chosen, x: x, y: y, method: "float64 oracle on \(chosen.count) rows") {
            Tolerance.dotProduct(length: oracle.shape.columns, magnitude: $0)
        }.and(finite(y))
    }

    /// Every element must be a number: outputs are poisoned before.
    private static func finite(_ y: [Float]) -> Verification {
        let missing = y.firstIndex { !$0.isFinite }
        return Verification(
            passed: missing == nil, method: "every element written", worst: missing == nil ? 0 : .infinity,
            detail: missing.map { "y[\($0)] is not a number" })
    }

    private static func check(
        _ oracle: GEMVOracle, rows: [Int], x: [Float], y: [Float], method: String, allowed: (Double) -> Double
    ) -> Verification {
        guard x.count == oracle.shape.columns, y.count == oracle.shape.rows else {
            return Verification(passed: false, method: method, worst: .infinity, detail: "vectors of the wrong size")
        }
        let multiplicand = oracle.multiplicand(x)
        var worst = 0.0
        var detail: String?
        for row in rows {
            let exact = oracle.product(row: row, multiplicand)
            let error = abs(Double(y[row]) - exact.sum)
            let ratio = error == 0 ? 0 : Tolerance.ratio(error: error, allowed: allowed(exact.magnitude))
            guard ratio > worst else { continue }
            worst = ratio
            if ratio > 1, detail == nil { detail = "y[\(row)] is off by \(error)" }
        }
        return Verification(passed: worst <= 1, method: method, worst: worst, detail: detail)
    }
}
