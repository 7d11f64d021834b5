import Analysis
import CPUKernels
import NodeModel

/// A or B, the number being that of its random stream.
enum ProductOperand: UInt32 {
    case a = 1
    case b = 2
}

/// How the kernels name a format, and how its seeded data is made.
struct ProductFormat {
    let precision: Precision
    let kernel: nw_gemm_format
    /// Bytes of an element of A or B; those of C have four.
    let elementBytes: Int
    /// What products are timed on, and small integers whose products are exact.
    let random, integers: nw_fill_kind
    /// Whether the bytes of A count from 0 to 255.
    var hasUnsignedA = false

    /// The formats there are kernels for.
    ///
    /// Bytes are filled as whole words and are integers already.
    static let all: [Precision: ProductFormat] = [
        .f32: ProductFormat(
            precision: .f32, kernel: NW_GEMM_F32, elementBytes: 4, random: NW_FILL_UNIFORM_F32,
            integers: NW_FILL_SMALL_INTEGER_F32),
        .f16: ProductFormat(
            precision: .f16, kernel: NW_GEMM_F16, elementBytes: 2, random: NW_FILL_UNIFORM_F16,
            integers: NW_FILL_SMALL_INTEGER_F16),
        .bf16: ProductFormat(
            precision: .bf16, kernel: NW_GEMM_BF16, elementBytes: 2, random: NW_FILL_UNIFORM_BF16,
            integers: NW_FILL_SMALL_INTEGER_BF16),
        .i8: ProductFormat(
            precision: .i8, kernel: NW_GEMM_S8, elementBytes: 1, random: NW_FILL_WORD_U32, integers: NW_FILL_WORD_U32),
    ]

    /// uint8 times int8, what the instructions multiply: checked as the others, though no workload asks for it.
    static let unsignedBytes = ProductFormat(
        precision: .i8, kernel: NW_GEMM_U8, elementBytes: 1, random: NW_FILL_WORD_U32, integers: NW_FILL_WORD_U32,
        hasUnsignedA: true)

    /// Whether C holds int32 instead of f32.
    var isInteger: Bool { precision == .i8 }

    /// The number an element of C stands for.
    func number(_ bits: UInt32) -> Double {
        isInteger ? Double(Int32(bitPattern: bits)) : Double(Float(bitPattern: bits))
    }

    /// Elements that one word of the random stream makes.
    private var elementsPerWord: Int { isInteger ? 4 : 1 }

    /// Words that fill so many elements.
    func fillCount(_ elements: Int) -> Int { (elements + elementsPerWord - 1) / elementsPerWord }

    /// The value of element `index` of an operand's stream of random data.
    func value(_ operand: ProductOperand, key: UInt32, index: Int) -> Float {
        if isInteger { return Float(byte(operand, key: key, index: index)) }
        return SixteenBit.rounded(
            SeededData.uniform(key: key, index: UInt32(truncatingIfNeeded: index)), to: precision)
    }

    /// The value of element `index` of an operand's stream of integers.
    func integer(_ operand: ProductOperand, key: UInt32, index: Int) -> Int32 {
        isInteger
            ? byte(operand, key: key, index: index)
            : Int32(SeededData.smallInteger(key: key, index: UInt32(truncatingIfNeeded: index)))
    }

    private func byte(_ operand: ProductOperand, key: UInt32, index: Int) -> Int32 {
        let word = SeededData.word(key: key, index: UInt32(truncatingIfNeeded: index / 4)) >> UInt32(8 * (index % 4))
        return operand == .a && hasUnsignedA
            ? Int32(UInt8(truncatingIfNeeded: word)) : Int32(Int8(truncatingIfNeeded: word))
    }
}

/// A, B and C in memory, each on a page of its own, C between guard bands.
struct ProductOperands {
    /// Words before and after C that the kernel must leave alone.
    private static let guardBand = 1024
    private static let guardValue: UInt32 = 0xc640_d634
    /// A NaN as a float, and no sum of the integer checks.
    private static let poisonValue: UInt32 = 0x7fc0_dead

    let shape: GEMMShape
    let format: ProductFormat
    private let memory: KernelMemory
    private let offsetB: Int
    private let offsetC: Int

    /// Bytes the operands of a shape take.
    static func bytes(_ shape: GEMMShape, _ format: ProductFormat) -> Int {
        let c = offsets(shape, format).c
        return c + 4 * (shape.m * shape.n + guardBand)
    }

    /// Where B and C begin.
    private static func offsets(_ shape: GEMMShape, _ format: ProductFormat) -> (b: Int, c: Int) {
        func pages(_ bytes: Int) -> Int { (bytes + 4095) / 4096 * 4096 }
        let b = pages(shape.m * shape.k * format.elementBytes)
        return (b, b + pages(shape.k * shape.n * format.elementBytes) + 4 * guardBand)
    }

    init(_ shape: GEMMShape, _ format: ProductFormat) throws {
        self.shape = shape
        self.format = format
        (offsetB, offsetC) = Self.offsets(shape, format)
        memory = try KernelMemory(bytes: Self.bytes(shape, format))
    }

    var a: UnsafeMutableRawPointer { memory.base }
    var b: UnsafeMutableRawPointer { memory.base + offsetB }
    var c: UnsafeMutablePointer<UInt32> { (memory.base + offsetC).assumingMemoryBound(to: UInt32.self) }

    /// The result as it lies in memory: bits of f32, or int32.
    var result: [UInt32] { Array(UnsafeBufferPointer(start: c, count: shape.m * shape.n)) }

    /// Fills A and B, by the threads of the team.
    func fill(_ kind: nw_fill_kind, _ context: KernelContext, keyA: UInt32, keyB: UInt32) throws {
        for (start, count, key) in [(a, shape.m * shape.k, keyA), (b, shape.k * shape.n, keyB)] {
            try check(
                nw_fill(context.team.handle, context.isa.handle, start, kind, key, 0, format.fillCount(count)),
                "filling the operands of \(shape)")
        }
    }

    /// Makes C hold what no product leaves, and its guard bands a known value.
    func poison(_ context: KernelContext) throws {
        // Filled by the team first, so that its threads and not this one touch the pages first.
        try check(
            nw_fill(context.team.handle, context.isa.handle, c, NW_FILL_WORD_U32, 3, 0, shape.m * shape.n),
            "filling the result of \(shape)")
        c.update(repeating: Self.poisonValue, count: shape.m * shape.n)
        (c - Self.guardBand).update(repeating: Self.guardValue, count: Self.guardBand)
        (c + shape.m * shape.n).update(repeating: Self.guardValue, count: Self.guardBand)
    }

    /// Whether every element of a result was written, with a number.
    func writtenCheck(_ result: [UInt32]) -> Verification {
        let missing = result.firstIndex { $0 == Self.poisonValue || !format.number($0).isFinite }
        return Verification(
            passed: missing == nil, method: "every element written", worst: missing == nil ? 0 : .infinity,
            detail: missing.map {
                let place = "C[\($0 / shape.n)][\($0 % shape.n)]"
                return result[$0] == Self.poisonValue ? "\(place) was never written" : "\(place) is not a number"
            })
    }

    /// Whether the guard bands are as they were.
    var guardCheck: Verification {
        let intact = [c - Self.guardBand, c + shape.m * shape.n].allSatisfy { band in
            UnsafeMutableBufferPointer(start: band, count: Self.guardBand).allSatisfy { $0 == Self.guardValue }
        }
        return Verification(
            passed: intact, method: "guard bands around C", worst: intact ? 0 : .infinity,
            detail: intact ? nil : "the kernel wrote outside C")
    }
}
