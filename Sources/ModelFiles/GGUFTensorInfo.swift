import NodeModel

/// What a GGUF file says of a tensor.
public struct GGUFTensorInfo: Hashable, Sendable {
    /// ggml's longest name, in bytes.
    static let longestName = 64
    /// The most dimensions ggml knows.
    static let mostDimensions = 4
    /// No file has more tensors; a mixture with a tensor for each expert has some tens of thousands.
    static let mostTensors = 1 << 17
    /// The fewest bytes that tell of a tensor.
    static let leastBytes = 8 + 1 + 4 + 8 + 4 + 8

    /// The name, such as `blk.0.attn_q.weight`.
    public let name: String
    /// The numbers' type.
    public let type: GGMLType
    /// 1 to 4 sizes; the first is that of the elements that lie side by side, so that of a row.
    public let dimensions: [Int]
    /// The first byte within the file.
    public let offset: Int
    /// Bytes of all blocks.
    public let byteCount: Int

    /// Where the bytes lie within the file.
    public var range: Range<Int> { offset..<(offset + byteCount) }

    /// What messages call the sizes.
    static func text(_ dimensions: [Int]) -> String { dimensions.map(String.init).joined(separator: " × ") }
}

/// A tensor's entry as it was read, its place in the file still to be checked.
struct GGUFTensorEntry {
    let name: String
    let type: GGMLType
    let dimensions: [Int]
    /// From the start of the data.
    let offset: UInt64
    let byteCount: Int

    /// Reads the entry at a cursor.
    init(_ cursor: inout GGUFCursor, index: Int, of count: Int) throws {
        cursor.place = .tensor(index, of: count)
        name = try cursor.name("its name", atMost: GGUFTensorInfo.longestName)
        cursor.place = .tensorNamed(name)
        dimensions = try Self.dimensions(&cursor)
        let start = cursor.offset
        let number: UInt32 = try cursor.read("its type")
        guard let type = GGMLType(number: number) else {
            throw InputError(
                source: cursor.source, place: "\(cursor.place), byte \(start)",
                problem: "has type \(number), expected one of ggml's, 0 to \(GGMLType.all.count - 1)",
                recovery: "The file is damaged, or of a ggml newer than this program: convert the model again")
        }
        guard !type.isRemoved else { throw Self.removed(type, cursor) }
        self.type = type
        byteCount = try Self.byteCount(dimensions, type, cursor, at: start)
        offset = try cursor.read("its offset")
    }

    private static func dimensions(_ cursor: inout GGUFCursor) throws -> [Int] {
        let start = cursor.offset
        let count: UInt32 = try cursor.read("its number of dimensions")
        guard (1...GGUFTensorInfo.mostDimensions).contains(Int(count)) else {
            throw cursor.damaged(
                "has \(count) dimensions, expected 1 to \(GGUFTensorInfo.mostDimensions)", at: start)
        }
        return try (0..<count).map { _ in
            let start = cursor.offset
            let size: UInt64 = try cursor.read("a dimension")
            guard size > 0, let size = Int(exactly: size) else {
                throw cursor.damaged("has a dimension of \(size), expected 1 to \(Int.max)", at: start)
            }
            return size
        }
    }

    private static func byteCount(
        _ dimensions: [Int], _ type: GGMLType, _ cursor: GGUFCursor, at start: Int
    ) throws -> Int {
        guard dimensions[0].isMultiple(of: type.blockLength) else {
            throw cursor.damaged(
                "has rows of \(dimensions[0]) \(type) elements, expected a multiple of \(type.blockLength)", at: start)
        }
        var bytes = type.bytes(of: dimensions[0])
        for size in dimensions.dropFirst() {
            guard let product = bytes?.multipliedReportingOverflow(by: size) else { break }
            bytes = product.overflow ? nil : product.partialValue
        }
        guard let bytes else {
            throw cursor.damaged(
                "has \(GGUFTensorInfo.text(dimensions)) \(type) elements, more than any file holds", at: start)
        }
        return bytes
    }

    private static func removed(_ type: GGMLType, _ cursor: GGUFCursor) -> InputError {
        InputError(
            source: cursor.source, place: "\(cursor.place)",
            problem: "has type \(type), which ggml has given up",
            recovery: "Convert the model again with a newer llama.cpp")
    }
}

extension GGUFTensorInfo {
    /// Gives tensors their places in the file.
    ///
    /// - Parameters:
    ///   - entries: Tensors as the file tells of them.
    ///   - start: Where the data starts.
    ///   - alignment: What offsets have to be multiples of.
    ///   - file: The file.
    /// - Returns: The tensors in the same order.
    /// - Throws: `InputError` naming a tensor that does not lie within the file, is not aligned, overlaps another or
    ///   has the name of another.
    static func placed(
        _ entries: [GGUFTensorEntry], from start: Int, alignment: Int, in file: MappedFile
    ) throws -> [GGUFTensorInfo] {
        func damaged(_ name: String, _ problem: String) -> InputError {
            InputError(
                source: file.path, place: "\(GGUFPlace.tensorNamed(name))", problem: problem,
                recovery: GGUFCursor.copyAgain)
        }
        let room = file.byteCount - start
        let tensors = try entries.map { entry in
            guard entry.offset.isMultiple(of: UInt64(alignment)) else {
                throw damaged(
                    entry.name, "starts at byte \(entry.offset) of the data, expected a multiple of \(alignment)")
            }
            guard room >= 0, entry.byteCount <= room, entry.offset <= UInt64(room - entry.byteCount) else {
                throw damaged(
                    entry.name,
                    "has \(entry.byteCount) bytes from byte \(entry.offset) of the data, "
                        + "expected an end within its \(max(0, room)) bytes")
            }
            return GGUFTensorInfo(
                name: entry.name, type: entry.type, dimensions: entry.dimensions, offset: start + Int(entry.offset),
                byteCount: entry.byteCount)
        }
        let order = tensors.sorted { $0.offset < $1.offset }
        for (first, second) in zip(order, order.dropFirst()) where first.range.upperBound > second.offset {
            throw damaged(second.name, "overlaps tensor \(OutsideName.quoted(first.name))")
        }
        return tensors
    }
}
