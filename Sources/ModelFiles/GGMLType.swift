public import NodeModel

/// How ggml stores the numbers of a tensor: blocks of so many numbers in so many bytes.
///
/// Numbers, names and sizes are those of `enum ggml_type` in ggml.h and of the block structures in ggml-common.h.
public struct GGMLType: Hashable, Sendable, CustomStringConvertible {
    /// The number in files.
    public let number: UInt32
    /// ggml's name.
    public let name: String
    /// Numbers per block, rows being whole blocks; 0 for a type that files no longer hold.
    public let blockLength: Int
    /// Bytes per block.
    public let blockBytes: Int
    /// The format this program computes with; `nil` for every other type.
    public let weightFormat: WeightFormat?

    private init(_ number: UInt32, _ name: String, _ blockLength: Int, _ blockBytes: Int, _ format: WeightFormat? = nil)
    {
        self.number = number
        self.name = name
        self.blockLength = blockLength
        self.blockBytes = blockBytes
        weightFormat = format
    }

    /// Numbers of single precision.
    public static let f32 = GGMLType(0, "F32", 1, 4, .f32)
    /// Numbers of half precision.
    public static let f16 = GGMLType(1, "F16", 1, 2, .f16)
    /// The upper halves of numbers of single precision.
    public static let bf16 = GGMLType(30, "BF16", 1, 2, .bf16)
    /// Blocks of an f16 scale and 32 signed bytes.
    public static let q8 = GGMLType(8, "Q8_0", 32, 34, .q8)
    /// Blocks of an f16 scale and 32 numbers of four bits.
    public static let q4 = GGMLType(2, "Q4_0", 32, 18, .q4)

    /// Every number ggml has given out, by number; those it took back have blocks of length 0.
    public static let all: [GGMLType] = [
        f32, f16, q4, GGMLType(3, "Q4_1", 32, 20), GGMLType(4, "Q4_2", 0, 0), GGMLType(5, "Q4_3", 0, 0),
        GGMLType(6, "Q5_0", 32, 22), GGMLType(7, "Q5_1", 32, 24), q8, GGMLType(9, "Q8_1", 32, 36),
        GGMLType(10, "Q2_K", 256, 84), GGMLType(11, "Q3_K", 256, 110), GGMLType(12, "Q4_K", 256, 144),
        GGMLType(13, "Q5_K", 256, 176), GGMLType(14, "Q6_K", 256, 210), GGMLType(15, "Q8_K", 256, 292),
        GGMLType(16, "IQ2_XXS", 256, 66), GGMLType(17, "IQ2_XS", 256, 74), GGMLType(18, "IQ3_XXS", 256, 98),
        GGMLType(19, "IQ1_S", 256, 50), GGMLType(20, "IQ4_NL", 32, 18), GGMLType(21, "IQ3_S", 256, 110),
        GGMLType(22, "IQ2_S", 256, 82), GGMLType(23, "IQ4_XS", 256, 136), GGMLType(24, "I8", 1, 1),
        GGMLType(25, "I16", 1, 2), GGMLType(26, "I32", 1, 4), GGMLType(27, "I64", 1, 8), GGMLType(28, "F64", 1, 8),
        GGMLType(29, "IQ1_M", 256, 56), bf16, GGMLType(31, "Q4_0_4_4", 0, 0), GGMLType(32, "Q4_0_4_8", 0, 0),
        GGMLType(33, "Q4_0_8_8", 0, 0), GGMLType(34, "TQ1_0", 256, 54), GGMLType(35, "TQ2_0", 256, 66),
        GGMLType(36, "IQ4_NL_4_4", 0, 0), GGMLType(37, "IQ4_NL_4_8", 0, 0), GGMLType(38, "IQ4_NL_8_8", 0, 0),
        GGMLType(39, "MXFP4", 32, 17), GGMLType(40, "NVFP4", 64, 36), GGMLType(41, "Q1_0", 128, 18),
        GGMLType(42, "Q2_0", 64, 18),
    ]

    /// The types weights may have.
    public static let supported = all.filter { $0.weightFormat != nil }

    /// The type of a number; `nil` for one that ggml has not given out.
    public init?(number: UInt32) {
        guard number < Self.all.count else { return nil }
        self = Self.all[Int(number)]
    }

    /// Whether ggml took the number back.
    public var isRemoved: Bool { blockLength == 0 }

    /// The bytes of `count` numbers, whole blocks; `nil` where they are none or too many to count.
    public func bytes(of count: Int) -> Int? {
        guard blockLength > 0, count >= 0, count.isMultiple(of: blockLength) else { return nil }
        let product = (count / blockLength).multipliedReportingOverflow(by: blockBytes)
        return product.overflow ? nil : product.partialValue
    }

    /// The name.
    public var description: String { name }
}
