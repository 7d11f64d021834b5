public import NodeModel

/// The weights and the vector of y = W·x made again from their seeds, and their products in float64.
///
/// Knows nothing of how the kernels store or multiply them. The weights' bits are those `nw_gemv_fill` documents.
public struct GEMVOracle: Sendable {
    /// Which seeded data.
    public enum Data: Sendable {
        /// Random weights.
        case random
        /// Small integers and scales that are powers of two, whose products with ``integerVector(columns:format:key:)``
        /// are exact in f32 as long as they are small.
        case integers
    }

    /// The dimensions.
    public let shape: GEMVShape
    /// How the weights are stored.
    public let format: WeightFormat
    /// Which data.
    public let data: Data
    /// The streams of the weights and of the blocks' scales.
    public let keys: (weights: UInt32, scales: UInt32)

    /// Creates the oracle of one matrix.
    public init(shape: GEMVShape, format: WeightFormat, data: Data, keys: (weights: UInt32, scales: UInt32)) {
        self.shape = shape
        self.format = format
        self.data = data
        self.keys = keys
    }

    /// The weights of a row, dequantised; exact.
    public func row(_ row: Int) -> [Float] {
        let first = row * shape.columns
        switch format {
        case .f32, .f16, .bf16:
            return (0..<shape.columns).map { plain(UInt32(truncatingIfNeeded: first + $0)) }
        case .q8, .q4:
            return (0..<shape.columns / WeightFormat.blockLength).flatMap { block in
                blockWeights(first / WeightFormat.blockLength + block)
            }
        }
    }

    private func plain(_ index: UInt32) -> Float {
        if data == .integers { return SeededData.smallInteger(key: keys.weights, index: index) }
        return format == .f32
            ? SeededData.uniform(key: keys.weights, index: index) : SeededData.weight(key: keys.weights, index: index)
    }

    /// The 32 weights of a block.
    private func blockWeights(_ block: Int) -> [Float] {
        let scaleWord = SeededData.word(key: keys.scales, index: UInt32(truncatingIfNeeded: block))
        let bits = data == .integers ? (scaleWord & 0x0400) + 0x3c00 : scaleWord & 0x87ff | 0x1000
        let scale = Float(Float16(bitPattern: UInt16(bits)))
        let count = format == .q8 ? 8 : 4
        let bytes = (0..<count).flatMap { word -> [UInt8] in
            let value = SeededData.word(key: keys.weights, index: UInt32(truncatingIfNeeded: block * count + word))
            return (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
        }
        if format == .q4 {
            return bytes.map { scale * Float(Int($0 & 15) - 8) } + bytes.map { scale * Float(Int($0 >> 4) - 8) }
        }
        return bytes.map { scale * Float(Int8(bitPattern: $0) >> (data == .integers ? 2 : 0)) }
    }

    /// The vector as the products take it: for weights in blocks quantised by the rule of `nw_gemv`, else itself.
    ///
    /// - Parameter x: The vector.
    /// - Returns: Values that are exact: an f32 scale times a small integer has at most 31 bits.
    public func multiplicand(_ x: [Float]) -> [Double] { format.isBlocked ? Self.quantised(x) : x.map(Double.init) }

    /// A vector quantised by the rule of `nw_gemv`: blocks of 32 signed bytes and an f32 scale.
    ///
    /// - Parameter x: The vector, whole blocks.
    /// - Returns: Values that are exact.
    public static func quantised(_ x: [Float]) -> [Double] {
        stride(from: 0, to: x.count, by: WeightFormat.blockLength).flatMap { start -> [Double] in
            let block = x[start..<start + WeightFormat.blockLength]
            let largest = block.reduce(0) { max($0, abs($1)) }
            guard largest >= 0x1p-100 else { return block.map { _ in 0 } }
            let scale = largest / 127
            let inverse = 1 / scale
            return block.map { Double(scale) * Double(($0 * inverse).rounded(.toNearestOrEven)) }
        }
    }

    /// A row's product with the multiplicand, and the sum of the magnitudes of its terms.
    public func product(row index: Int, _ multiplicand: [Double]) -> (sum: Double, magnitude: Double) {
        var sum = 0.0
        var magnitude = 0.0
        for (weight, value) in zip(row(index), multiplicand) {
            let term = Double(weight) * value
            sum += term
            magnitude += abs(term)
        }
        return (sum, magnitude)
    }

    /// A vector of small integers; for weights in blocks one of each block's values is ±127, so that its scale is 1.
    public static func integerVector(columns: Int, format: WeightFormat, key: UInt32) -> [Float] {
        (0..<columns).map { column in
            let index = UInt32(truncatingIfNeeded: column)
            guard format.isBlocked else { return SeededData.smallInteger(key: key, index: index) }
            let block = index / UInt32(WeightFormat.blockLength)
            let word = SeededData.word(key: ~key, index: block)
            guard word % 32 == index % 32 else { return SeededData.smallInteger(key: key, index: index) }
            return word & 32 == 0 ? 127 : -127
        }
    }
}
