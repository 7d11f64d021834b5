public import NodeModel

extension ProductCheck {
    /// A float64 oracle on every element where one of some rows meets one of some columns.
    ///
    /// Sums of floats may be off as in ``sampled(_:samples:seed:a:b:c:)``; those of integers must be exact.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - rows: Rows of C, such as the edges of what is computed apart.
    ///   - columns: Columns of C.
    ///   - exact: Whether A, B and C hold integers, with sums below 2⁵³.
    ///   - a: Element (row, k) of A.
    ///   - b: Element (k, column) of B.
    ///   - c: Element (row, column) of the result.
    /// - Returns: The largest error relative to what is allowed.
    /// - Complexity: O(K · rows · columns), with K · (rows + columns) elements of A and B made once each.
    public static func crossings(
        _ shape: GEMMShape, rows: [Int], columns: [Int], exact: Bool, a: (Int, Int) -> Float, b: (Int, Int) -> Float,
        c: (Int, Int) -> Double
    ) -> Verification {
        let method = "\(exact ? "exact" : "float64 oracle") on \(rows.count * columns.count) elements at tile edges"
        let sums = outerProducts(shape.k, rows: rows, columns: columns, a: a, b: b)
        var worst = 0.0
        var detail: String?
        for (i, row) in rows.enumerated() {
            for (j, column) in columns.enumerated() {
                let place = i * columns.count + j
                let error = abs(c(row, column) - sums.values[place])
                let bound = Tolerance.dotProduct(length: shape.k, magnitude: sums.magnitudes[place])
                let ratio = error == 0 ? 0 : Tolerance.ratio(error: error, allowed: exact ? 0 : bound)
                guard ratio > worst else { continue }
                worst = ratio
                if ratio > 1, detail == nil { detail = "C[\(row)][\(column)] is off by \(error)" }
            }
        }
        return Verification(passed: worst <= 1, method: method, worst: worst, detail: detail)
    }

    /// The sums of products and of their magnitudes, row by row.
    ///
    /// The depth is the outer loop: a row of A and a column of B can be long, and each element is made only once.
    private static func outerProducts(
        _ depth: Int, rows: [Int], columns: [Int], a: (Int, Int) -> Float, b: (Int, Int) -> Float
    ) -> (values: [Double], magnitudes: [Double]) {
        let count = columns.count
        var values = [Double](repeating: 0, count: rows.count * count)
        var magnitudes = values
        for k in 0..<depth {
            let factors = columns.map { Double(b(k, $0)) }
            values.withUnsafeMutableBufferPointer { values in
                magnitudes.withUnsafeMutableBufferPointer { magnitudes in
                    for (i, row) in rows.enumerated() {
                        let factor = Double(a(row, k))
                        for j in 0..<count {
                            let product = factor * factors[j]
                            values[i * count + j] += product
                            magnitudes[i * count + j] += abs(product)
                        }
                    }
                }
            }
        }
        return (values, magnitudes)
    }
}
