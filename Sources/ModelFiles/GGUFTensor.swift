public import NodeModel

/// A tensor of a model whose type and shape have been checked.
public struct GGUFTensor: Sendable {
    /// The name in the file.
    public let name: String
    /// The numbers' type, one of ``GGMLType/supported``.
    public let type: GGMLType
    /// Elements of a row, which lie side by side.
    public let columns: Int
    /// Rows of a matrix; 1 for a vector.
    public let rows: Int
    /// Matrices that lie one after the other, one for each expert; 1 for a plain matrix or a vector.
    public let experts: Int
    /// Where the bytes lie within the file.
    public let range: Range<Int>
    /// How the numbers are stored.
    public let format: WeightFormat
    private let file: MappedFile

    /// Takes a tensor of at most three dimensions, sizes of 1 not counted, and a supported type.
    init?(_ info: GGUFTensorInfo, in file: MappedFile) {
        guard info.dimensions.dropFirst(3).allSatisfy({ $0 == 1 }), let format = info.type.weightFormat else {
            return nil
        }
        let sizes = info.dimensions + [1, 1]
        name = info.name
        type = info.type
        (columns, rows, experts) = (sizes[0], sizes[1], sizes[2])
        range = info.range
        self.file = file
        self.format = format
    }

    /// Bytes of a row.
    public var rowBytes: Int { range.count / (rows * experts) }

    /// All bytes, rows of the first expert first; valid within the call.
    ///
    /// They may lie at any address.
    ///
    /// - Parameter body: What reads them.
    /// - Returns: What `body` returns.
    /// - Throws: `InputError` when the file was changed since it was opened, and what `body` throws.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try file.requireUnchanged()
        return try file.withBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// Tells the kernel how the bytes are about to be read.
    public func advise(_ access: MappedFile.Access) { file.advise(access, range) }

    /// One row as numbers, exactly those that are stored.
    ///
    /// - Parameters:
    ///   - row: Below ``rows``.
    ///   - expert: Below ``experts``.
    /// - Returns: ``columns`` numbers.
    /// - Throws: `InputError` when the file was changed since it was opened.
    public func values(ofRow row: Int, expert: Int = 0) throws -> [Float] {
        precondition((0..<rows).contains(row) && (0..<experts).contains(expert), "no such row of \(name)")
        let start = (expert * rows + row) * rowBytes
        return try withBytes { bytes in
            StoredRow(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + rowBytes)]), format).values
        }
    }
}

/// The bytes of a row, to be decoded for checks; what computes reads the blocks itself.
struct StoredRow {
    private let bytes: UnsafeRawBufferPointer
    private let format: WeightFormat

    init(_ bytes: UnsafeRawBufferPointer, _ format: WeightFormat) {
        self.bytes = bytes
        self.format = format
    }

    /// The numbers.
    ///
    /// A product of an f16 scale and an 8-bit number has at most 19 significant bits, so it is exact.
    var values: [Float] {
        switch format {
        case .f32: (0..<bytes.count / 4).map { Float(bitPattern: word(4 * $0)) }
        case .f16: (0..<bytes.count / 2).map { half(2 * $0) }
        case .bf16: (0..<bytes.count / 2).map { SixteenBit.float(bf16Bits: word(2 * $0)) }
        case .q8: stride(from: 0, to: bytes.count, by: GGMLType.q8.blockBytes).flatMap(block8)
        case .q4: stride(from: 0, to: bytes.count, by: GGMLType.q4.blockBytes).flatMap(block4)
        }
    }

    private func block8(_ start: Int) -> [Float] {
        let scale = half(start)
        return bytes[(start + 2)..<(start + 34)].map { scale * Float(Int8(bitPattern: $0)) }
    }

    private func block4(_ start: Int) -> [Float] {
        let scale = half(start)
        let pairs = bytes[(start + 2)..<(start + 18)]
        return pairs.map { scale * Float(Int($0 & 15) - 8) } + pairs.map { scale * Float(Int($0 >> 4) - 8) }
    }

    private func half(_ offset: Int) -> Float { Float(Float16(bitPattern: word(offset))) }

    private func word<Word: FixedWidthInteger & BitwiseCopyable>(_ offset: Int) -> Word {
        Word(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Word.self))
    }
}
