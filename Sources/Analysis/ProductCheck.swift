public import NodeModel

/// Checks of C = A·B that know nothing of how C was made.
public enum ProductCheck {
    /// Freivalds' check on integer-valued operands: C·r must equal A·(B·r) exactly in `Int64`.
    ///
    /// With entries from −3 to 3 every partial sum is exact in f32 up to K = 1.8 million, so the result does not depend
    /// on the order of summation and one wrong element shows with probability 1 − 2⁻¹⁶.
    /// Freivalds, "Fast probabilistic algorithms", MFCS 1979.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - a: M×K integers, row-major.
    ///   - b: K×N integers, row-major.
    ///   - c: The M×N result, row-major.
    ///   - seed: The seed of the random vector.
    /// - Returns: Whether every row agreed.
    /// - Complexity: O(M·K + K·N + M·N).
    public static func freivalds(_ shape: GEMMShape, a: [Float], b: [Float], c: [Float], seed: UInt32) -> Verification {
        let method = "Freivalds, exact in Int64"
        guard a.count == shape.m * shape.k, b.count == shape.k * shape.n, c.count == shape.m * shape.n else {
            return Verification(passed: false, method: method, worst: .infinity, detail: "operands of the wrong size")
        }
        let key = SeededData.key(seed: seed, stream: 0xf4e1)
        let r = (0..<shape.n).map { Int64(SeededData.word(key: key, index: UInt32($0)) >> 16) - 32_768 }
        guard let br = exactTimes(b, rows: shape.k, columns: shape.n, r),
            let abr = exactTimes(a, rows: shape.m, columns: shape.k, br)
        else {
            return Verification(passed: false, method: method, worst: .infinity, detail: "operands are not integers")
        }
        guard let cr = exactTimes(c, rows: shape.m, columns: shape.n, r) else {
            return Verification(passed: false, method: method, worst: .infinity, detail: "C holds a non-integer")
        }
        if let row = cr.indices.first(where: { cr[$0] != abr[$0] }) {
            return Verification(passed: false, method: method, worst: .infinity, detail: "row \(row) of C is wrong")
        }
        return Verification(passed: true, method: method, worst: 0)
    }

    /// A matrix of integer-valued floats times an integer vector; `nil` when an entry is no small integer.
    private static func exactTimes(_ matrix: [Float], rows: Int, columns: Int, _ vector: [Int64]) -> [Int64]? {
        var result = [Int64](repeating: 0, count: rows)
        for row in 0..<rows {
            var sum: Int64 = 0
            for column in 0..<columns {
                let value = matrix[row * columns + column]
                guard abs(value) <= 16_777_216, value == value.rounded() else { return nil }
                sum &+= Int64(value) &* vector[column]
            }
            result[row] = sum
        }
        return result
    }

    /// A float64 oracle on sampled elements of a product of any data.
    ///
    /// An element may be off by 8·√K·u·Σ|a||b| for an f32 accumulator (u = 2⁻²⁴), the probabilistic bound of
    /// Higham and Mary (SIAM J. Sci. Comput. 41, 2019) with λ = 8. The four corners are always among the samples.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - samples: How many elements to check.
    ///   - seed: The seed of the choice of elements.
    ///   - a: Element (row, k) of A.
    ///   - b: Element (k, column) of B.
    ///   - c: The M×N result, row-major.
    /// - Returns: The largest error relative to what is allowed.
    /// - Complexity: O(samples · K).
    public static func sampled(
        _ shape: GEMMShape, samples: Int = 256, seed: UInt32, a: (Int, Int) -> Float, b: (Int, Int) -> Float, c: [Float]
    ) -> Verification {
        let method = "float64 oracle on \(samples) elements"
        guard c.count == shape.m * shape.n else {
            return Verification(passed: false, method: method, worst: .infinity, detail: "C of the wrong size")
        }
        let key = SeededData.key(seed: seed, stream: 0x5a3b)
        var worst = 0.0
        var detail: String?
        for sample in 0..<samples {
            let (row, column) = element(sample, shape, key)
            var sum = 0.0
            var magnitude = 0.0
            for k in 0..<shape.k {
                let product = Double(a(row, k)) * Double(b(k, column))
                sum += product
                magnitude += abs(product)
            }
            let error = abs(Double(c[row * shape.n + column]) - sum)
            let ratio = Tolerance.ratio(
                error: error, allowed: Tolerance.dotProduct(length: shape.k, magnitude: magnitude))
            if ratio > worst {
                worst = ratio
                if ratio > 1 { detail = "C[\(row)][\(column)] is off by \(error)" }
            }
        }
        return Verification(passed: worst <= 1, method: method, worst: worst, detail: detail)
    }

    /// The corners first, then random elements.
    private static func element(_ sample: Int, _ shape: GEMMShape, _ key: UInt32) -> (row: Int, column: Int) {
        if sample < 4 { return ((sample & 1) * (shape.m - 1), (sample >> 1) * (shape.n - 1)) }
        let row = Int(SeededData.word(key: key, index: UInt32(2 * sample))) % shape.m
        let column = Int(SeededData.word(key: key, index: UInt32(2 * sample + 1))) % shape.n
        return (row, column)
    }
}

/// How far results may be from exact ones.
public enum Tolerance {
    /// The unit roundoff of f32.
    public static let f32Unit = 0x1p-24

    /// What an f32 dot product of `length` terms with Σ|a||b| = `magnitude` may be off.
    public static func dotProduct(length: Int, magnitude: Double) -> Double {
        (8 * Double(length).squareRoot() * f32Unit + 4 * f32Unit) * magnitude + Double(Float.leastNormalMagnitude)
    }

    /// An error as a fraction of what is allowed; a value that is not a number is infinitely wrong.
    public static func ratio(error: Double, allowed: Double) -> Double {
        error.isNaN ? .infinity : error / allowed
    }
}
