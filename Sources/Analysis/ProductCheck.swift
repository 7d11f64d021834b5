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
        func row(of matrix: [Float], _ columns: Int) -> (Int) -> [Int32]? {
            { integers(matrix[$0 * columns..<($0 + 1) * columns]) }
        }
        return freivalds(
            shape, a: row(of: a, shape.k), b: row(of: b, shape.n), c: row(of: c, shape.n), seed: seed)
    }

    /// Freivalds' check row by row, for operands that need not lie in memory as a whole.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - a: Row `i` of A: K integers, `nil` when it holds something else.
    ///   - b: Row `k` of B: N integers.
    ///   - c: Row `i` of the result: N integers.
    ///   - seed: The seed of the random vector.
    /// - Returns: Whether every row agreed.
    /// - Complexity: O(M·K + K·N + M·N).
    public static func freivalds(
        _ shape: GEMMShape, a: (Int) -> [Int32]?, b: (Int) -> [Int32]?, c: (Int) -> [Int32]?, seed: UInt32
    ) -> Verification {
        let method = "Freivalds, exact in Int64"
        func failed(_ detail: String) -> Verification {
            Verification(passed: false, method: method, worst: .infinity, detail: detail)
        }
        let key = SeededData.key(seed: seed, stream: 0xf4e1)
        let r = (0..<shape.n).map { Int64(SeededData.word(key: key, index: UInt32($0)) >> 16) - 32_768 }
        var br: [Int64] = []
        br.reserveCapacity(shape.k)
        for k in 0..<shape.k {
            guard let row = b(k) else { return failed("operands are not integers") }
            br.append(dot(row, r))
        }
        for i in 0..<shape.m {
            guard let row = a(i) else { return failed("operands are not integers") }
            guard let result = c(i) else { return failed("row \(i) of C holds a non-integer") }
            if dot(row, br) != dot(result, r) { return failed("row \(i) of C is wrong") }
        }
        return Verification(passed: true, method: method, worst: 0)
    }

    /// The sum of products modulo 2⁶⁴.
    private static func dot(_ row: [Int32], _ vector: [Int64]) -> Int64 {
        zip(row, vector).reduce(0) { $0 &+ Int64($1.0) &* $1.1 }
    }

    /// Integer-valued floats as integers; `nil` when one is no integer that f32 counts exactly.
    public static func integers(_ row: some Collection<Float>) -> [Int32]? {
        guard row.allSatisfy({ abs($0) <= 16_777_216 && $0 == $0.rounded() }) else { return nil }
        return row.map { Int32($0) }
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
    ///   - allowed: What an element may be off, of K and its Σ|a||b|.
    /// - Returns: The largest error relative to what is allowed.
    /// - Complexity: O(samples · K).
    public static func sampled(
        _ shape: GEMMShape, samples: Int = 256, seed: UInt32, a: (Int, Int) -> Float, b: (Int, Int) -> Float,
        c: [Float], allowed: (_ length: Int, _ magnitude: Double) -> Double = Tolerance.dotProduct
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
            let ratio = Tolerance.ratio(error: error, allowed: allowed(shape.k, magnitude))
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

    /// What such a dot product may be off on a matrix engine, whose f32 sums are cut off rather than rounded and whose
    /// products are aligned to the largest of a few before they are added up: four times as much.
    public static func engineSums(length: Int, magnitude: Double) -> Double {
        4 * dotProduct(length: length, magnitude: magnitude)
    }

    /// What a dot product of values without a common sign may be off where sums are kept in f16.
    ///
    /// Partial sums stay below 4·√(Σ(ab)²), for uniform factors 16/3·Σ|a||b|/√K, and are rounded K/8 times at most
    /// (u = 2⁻¹¹) with errors that add up as 8 times the square root of their number.
    public static func f16Sums(length: Int, magnitude: Double) -> Double {
        let roundings = (Double(length) / 8 + 1).squareRoot()
        return 8 * roundings * 0x1p-11 * 16 / 3 * magnitude / Double(max(length, 1)).squareRoot() + 0x1p-24
    }

    /// An error as a fraction of what is allowed; a value that is not a number is infinitely wrong.
    public static func ratio(error: Double, allowed: Double) -> Double {
        error.isNaN ? .infinity : error / allowed
    }
}
