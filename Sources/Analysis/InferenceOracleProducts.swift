package import NodeModel

extension InferenceOracle {
    /// A row of activations as the products take it.
    ///
    /// - Parameters:
    ///   - row: f32 activations.
    ///   - multiplicand: What they are rounded to.
    /// - Returns: As many numbers, exact.
    package static func rounded(_ row: [Float], to multiplicand: Multiplicand) -> [Double] {
        switch multiplicand {
        case .f32: row.map(Double.init)
        case .bf16: row.map { Double(SixteenBit.rounded($0, to: .bf16)) }
        case .f16: row.map { Double(SixteenBit.rounded($0, to: .f16)) }
        case .blocks: GEMVOracle.quantised(row)
        }
    }

    /// The format of a row of a matrix.
    package static func format(ofRow row: Int, parts: [MatrixPart]) -> WeightFormat {
        var first = 0
        for part in parts {
            first += part.rows
            if row < first { return part.format }
        }
        return parts.last?.format ?? .f32
    }

    /// The product of a matrix row and a row of activations, added to `base`.
    ///
    /// The sum may be off as an f32 dot product; four times as much where activations are rounded to 16 bits, which is
    /// what matrix engines take (``Tolerance/engineSums(length:magnitude:)``). Adding to the residual stream, maybe in
    /// several parts, costs some u of it.
    ///
    /// - Parameters:
    ///   - row: The weights.
    ///   - input: The activations as the products take them, see ``rounded(_:to:)``.
    ///   - multiplicand: What they were rounded to.
    ///   - base: What it is added to, if anything.
    /// - Returns: The sum.
    package static func product(
        _ row: [Float], _ input: [Double], multiplicand: Multiplicand, base: Float? = nil
    ) -> BoundedValue {
        let exact = dot(row, input)
        let sums =
            switch multiplicand {
            case .f32, .blocks: Tolerance.dotProduct(length: row.count, magnitude: exact.magnitude)
            case .f16, .bf16: Tolerance.engineSums(length: row.count, magnitude: exact.magnitude)
            }
        let base = Double(base ?? 0)
        return BoundedValue(base + exact.sum, allowed: sums + 16 * unit * abs(base))
    }

    private static func dot(_ row: [Float], _ input: [Double]) -> (sum: Double, magnitude: Double) {
        var (sum, magnitude) = (0.0, 0.0)
        for index in 0..<min(row.count, input.count) {
            let term = Double(row[index]) * input[index]
            sum += term
            magnitude += abs(term)
        }
        return (sum, magnitude)
    }
}
