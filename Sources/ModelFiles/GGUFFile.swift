import NodeModel

/// A GGUF file of version 2 or 3, little-endian: its metadata, and where its tensors lie.
///
/// Opening one reads its header alone, which takes milliseconds however large the file is. Nothing in it is believed:
/// every count, length, size and offset is held against what is in the file before it is used, so memory is bounded by
/// the header's size. The format is described in docs/gguf.md of the ggml project.
public final class GGUFFile: Sendable {
    /// The alignment of files that do not tell.
    static let defaultAlignment = 32
    /// What an alignment may be: powers of two between a number's size and a large page's.
    static let alignments = 8...(1 << 21)

    /// The mapping that everything else refers to.
    package let mapping: MappedFile
    /// The version of the format: 2 or 3.
    public let version: Int
    /// Names and values.
    public let metadata: GGUFMetadata
    /// What the offsets of tensors are multiples of, in bytes.
    public let alignment: Int
    /// Where the tensors' data starts, in bytes from the file's start.
    public let dataOffset: Int
    /// The tensors, in the file's order.
    public let tensors: [GGUFTensorInfo]
    private let indices: [String: Int]

    /// The path the file was opened by.
    public var path: String { mapping.path }

    /// Opens a file and reads its header.
    ///
    /// - Parameter path: A regular file.
    /// - Throws: `InputError` naming the key, tensor or byte that is wrong; `SystemFailure` when the system refuses.
    public convenience init(path: String) throws { try self.init(MappedFile(path: path)) }

    /// Reads the header of a mapped file.
    package init(_ mapping: MappedFile) throws {
        let header = try mapping.withBytes { bytes in try GGUFHeader(bytes, of: mapping) }
        self.mapping = mapping
        version = header.version
        metadata = header.metadata
        alignment = header.alignment
        dataOffset = header.dataOffset
        tensors = header.tensors
        indices = header.indices
    }

    /// The tensor of a name; `nil` when there is none.
    public func tensor(_ name: String) -> GGUFTensorInfo? { indices[name].map { tensors[$0] } }
}

/// Everything before a file's data.
private struct GGUFHeader {
    let version: Int
    let metadata: GGUFMetadata
    let alignment: Int
    let dataOffset: Int
    let tensors: [GGUFTensorInfo]
    let indices: [String: Int]

    init(_ bytes: UnsafeRawBufferPointer, of file: MappedFile) throws {
        try GGUFMagic.check(bytes, source: file.path)
        var cursor = GGUFCursor(bytes, source: file.path, offset: GGUFMagic.byteCount)
        version = try GGUFMagic.version(&cursor)
        let tensorCount = try cursor.count(
            "tensors", of: GGUFTensorInfo.leastBytes, atMost: GGUFTensorInfo.mostTensors)
        let entryCount = try cursor.count("metadata entries", of: 14, atMost: GGUFMetadata.mostEntries)
        metadata = try GGUFMetadata(&cursor, count: entryCount, file: file)
        alignment = try Self.alignment(metadata, source: file.path)

        var entries: [GGUFTensorEntry] = []
        var indices: [String: Int] = [:]
        for index in 0..<tensorCount {
            let entry = try GGUFTensorEntry(&cursor, index: index, of: tensorCount)
            guard indices.updateValue(index, forKey: entry.name) == nil else {
                throw cursor.damaged("is there twice", at: cursor.offset)
            }
            entries.append(entry)
        }
        self.indices = indices
        dataOffset = (cursor.offset + alignment - 1) / alignment * alignment
        tensors = try GGUFTensorInfo.placed(entries, from: dataOffset, alignment: alignment, in: file)
    }

    private static func alignment(_ metadata: GGUFMetadata, source: String) throws -> Int {
        let key = "general.alignment"
        guard let alignment = try metadata.integer(key) else { return GGUFFile.defaultAlignment }
        guard GGUFFile.alignments.contains(alignment), alignment & (alignment - 1) == 0 else {
            let range = GGUFFile.alignments
            throw InputError(
                source: source, place: "key '\(key)'",
                problem: "\(alignment), expected a power of two from \(range.lowerBound) to \(range.upperBound)",
                recovery: GGUFCursor.copyAgain)
        }
        return alignment
    }
}

/// The first bytes of a file.
enum GGUFMagic {
    static let byteCount = 4
    private static let magic = Array("GGUF".utf8)

    /// What other files start with, and what they are.
    private static let others: [(start: String, problem: String, recovery: String)] = [
        ("version https://git-lfs", "is a pointer of Git LFS, not the model", "Run git lfs pull where it came from"),
        ("lmgg", "is of ggml's format before GGUF", "Convert the model again with llama.cpp's convert_hf_to_gguf.py"),
        ("tjgg", "is of ggml's format before GGUF", "Convert the model again with llama.cpp's convert_hf_to_gguf.py"),
        ("fmgg", "is of ggml's format before GGUF", "Convert the model again with llama.cpp's convert_hf_to_gguf.py"),
        (
            "PK\u{3}\u{4}", "is a ZIP archive, as PyTorch writes them",
            "Convert it with llama.cpp's convert_hf_to_gguf.py"
        ),
        ("<", "is a web page, not the model", "Download the file itself"),
    ]

    /// Checks that a file is GGUF.
    static func check(_ bytes: UnsafeRawBufferPointer, source: String) throws {
        guard !bytes.starts(with: magic) else { return }
        for other in others where bytes.starts(with: other.start.utf8) {
            throw InputError(source: source, place: "byte 0", problem: other.problem, recovery: other.recovery)
        }
        let found = bytes.prefix(byteCount).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }
        throw InputError(
            source: source, place: "byte 0",
            problem: "starts with \(found.joined(separator: " ")), expected 47 47 55 46 (GGUF)",
            recovery: "Name a model in GGUF format")
    }

    /// Reads the version.
    static func version(_ cursor: inout GGUFCursor) throws -> Int {
        let start = cursor.offset
        let version: UInt32 = try cursor.read("the version")
        func unsupported(_ problem: String, _ recovery: String) -> InputError {
            InputError(source: cursor.source, place: "version, byte \(start)", problem: problem, recovery: recovery)
        }
        switch version {
        case 2, 3: return Int(version)
        case 1:
            throw unsupported(
                "1 is not supported, expected 2 or 3", "Convert the model again with a newer llama.cpp")
        case _ where version & 0xffff == 0 && version != 0:
            throw unsupported(
                "\(version.byteSwapped) in big-endian order, which is not supported",
                "Convert it: gguf-convert-endian \(ShellWord.quoted(cursor.source)) little")
        default:
            throw unsupported(
                "\(version) is not supported, expected 2 or 3",
                "Use a newer nodewatt, or convert the model with an older llama.cpp")
        }
    }
}
