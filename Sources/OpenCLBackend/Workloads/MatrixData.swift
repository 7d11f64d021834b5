import Analysis
import NodeModel

/// The data of a product, on a matrix engine or not, and checks of results made of them.
struct MatrixData {
    /// An operand, the number being that of its random stream, which is that of the CPU's own products.
    enum Operand: UInt32 {
        case a = 0x6e01
        case b = 0x6e02
    }

    private let product: EngineProduct
    private let seed: UInt32

    init(_ product: EngineProduct, seed: UInt32) {
        self.product = product
        self.seed = seed
    }

    private var shape: GEMMShape { product.shape }

    /// Whether C holds int32.
    var isInteger: Bool { product.format.accumulator == .i32 }

    /// What products are timed on: bytes of all values, or uniform values rounded to the format.
    var timed: FillKind {
        switch product.format.precision {
        case .i8: .words
        case .bf16: .cacheBF16
        case .f32: .uniform
        default: .cacheF16
        }
    }

    /// Integers whose products are exact, whatever the order they are added up in.
    ///
    /// Sums in f16 are exact up to 2,048, which those of signs do not reach in any k up to 65,536, but for odds of one in
    /// 10⁵⁰.
    var integers: FillKind {
        switch (product.format.precision, product.format.accumulator) {
        case (.i8, _): .words
        case (.bf16, _): .integersBF16
        case (.f32, _): .integers
        case (_, .f16): .signsF16
        default: .integersF16
        }
    }

    func key(_ operand: Operand) -> UInt32 { SeededData.key(seed: seed, stream: operand.rawValue) }

    /// Elements, or of bytes the words that hold them.
    func fillCount(_ operand: Operand) -> Int {
        let count = operand == .a ? shape.m * shape.k : shape.k * shape.n
        return isInteger ? (count + 3) / 4 : count
    }

    private func value(_ operand: Operand, _ index: Int) -> Float {
        let uniform = SeededData.uniform(key: key(operand), index: UInt32(truncatingIfNeeded: index))
        return SixteenBit.rounded(uniform, to: product.format.precision)
    }

    private func integers(_ operand: Operand, row: Int, count: Int) -> [Int32] {
        let key = key(operand)
        let hasSigns = integers == .signsF16
        return (row * count..<(row + 1) * count).map { index in
            if isInteger {
                let word = SeededData.word(key: key, index: UInt32(truncatingIfNeeded: index / 4))
                return Int32(Int8(truncatingIfNeeded: word >> UInt32(8 * (index % 4))))
            }
            let value = Int32(SeededData.smallInteger(key: key, index: UInt32(truncatingIfNeeded: index)))
            return hasSigns ? value.signum() : value
        }
    }

    /// Freivalds' check of a result on integers.
    ///
    /// - Parameter result: C as it lies in memory, bits of f32 or int32.
    /// - Returns: Whether every row agreed.
    func freivalds(_ result: [UInt32]) -> Verification {
        ProductCheck.freivalds(
            shape, a: { integers(.a, row: $0, count: shape.k) }, b: { integers(.b, row: $0, count: shape.n) },
            c: { row in
                let bits = result[row * shape.n..<(row + 1) * shape.n]
                return isInteger
                    ? bits.map(Int32.init(bitPattern:)) : ProductCheck.integers(bits.map(Float.init(bitPattern:)))
            }, seed: seed)
    }

    /// Samples of a result on the timed values, held against a float64 oracle.
    ///
    /// - Parameters:
    ///   - result: C as it lies in memory, bits of f32.
    ///   - isRounded: Whether every sum is rounded as f32 is, which those of matrix engines are not.
    /// - Returns: The largest error relative to what is allowed.
    func sampled(_ result: [UInt32], isRounded: Bool = false) -> Verification {
        let isHalf = product.format.accumulator == .f16
        return ProductCheck.sampled(
            shape, seed: seed, a: { value(.a, $0 * shape.k + $1) }, b: { value(.b, $0 * shape.n + $1) },
            c: result.map(Float.init(bitPattern:)),
            allowed: isHalf ? Tolerance.f16Sums : isRounded ? Tolerance.dotProduct : Tolerance.engineSums)
    }
}
