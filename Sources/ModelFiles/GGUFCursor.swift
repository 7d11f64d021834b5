import NodeModel

/// What part of a header is being read, for messages.
enum GGUFPlace: CustomStringConvertible {
    case header
    case pair(Int, of: Int)
    case key(String)
    case tensor(Int, of: Int)
    case tensorNamed(String)

    var description: String {
        switch self {
        case .header: "header"
        case .pair(let index, let count): "metadata entry \(index + 1) of \(count)"
        case .key(let key): "key \(OutsideName.quoted(key))"
        case .tensor(let index, let count): "tensor \(index + 1) of \(count)"
        case .tensorNamed(let name): "tensor \(OutsideName.quoted(name))"
        }
    }
}

/// Reads the values of a header one after another and never beyond its end.
struct GGUFCursor {
    /// No header is longer: those of real models have some megabytes, which is lists of tokens.
    static let mostBytes = 64 << 20
    /// Arrays within arrays that are followed.
    static let deepestArray = 4
    /// Arrays within arrays of a file; no known model has any.
    static let mostInnerArrays = 1 << 20
    /// What to do about a file that contradicts itself.
    static let copyAgain = "The file is incomplete or damaged: copy or download it again"

    /// The path, for messages.
    let source: String
    /// What is being read, for messages.
    var place = GGUFPlace.header
    /// The next byte to be read.
    private(set) var offset: Int
    private var innerArrays = 0
    private let bytes: UnsafeRawBufferPointer
    private let isCut: Bool

    /// Starts at an offset within `bytes`, the whole file.
    init(_ bytes: UnsafeRawBufferPointer, source: String, offset: Int = 0) {
        isCut = bytes.count > Self.mostBytes
        self.bytes = isCut ? UnsafeRawBufferPointer(rebasing: bytes[..<Self.mostBytes]) : bytes
        self.source = source
        self.offset = offset
    }

    /// Bytes that are left.
    var remaining: Int { bytes.count - offset }

    /// Reads a number.
    mutating func read<Number: FixedWidthInteger & BitwiseCopyable>(_ what: String) throws -> Number {
        let size = MemoryLayout<Number>.size
        guard remaining >= size else { throw ended(what, size) }
        defer { offset += size }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }

    /// Reads how many things follow that have at least `size` bytes each.
    mutating func count(_ what: String, of size: Int, atMost limit: Int = .max) throws -> Int {
        let start = offset
        let count: UInt64 = try read("the number of \(what)")
        guard count <= UInt64(min(limit, remaining / size)) else {
            let problem =
                count > UInt64(limit)
                ? "\(count) \(what), expected at most \(limit)"
                : "\(count) \(what) do not fit into \(rest)"
            throw damaged(problem, at: start)
        }
        return Int(count)
    }

    /// Reads a name: 1 to `limit` bytes of UTF-8 that can be shown.
    mutating func name(_ what: String, atMost limit: Int) throws -> String {
        let start = offset
        let range = try string(what)
        guard (1...limit).contains(range.count) else {
            throw damaged("its name has \(range.count) bytes, expected 1 to \(limit)", at: start)
        }
        guard let name = String(validating: bytes[range], as: UTF8.self) else {
            throw damaged("its name is not UTF-8", at: start)
        }
        guard OutsideName.isPrintable(name) else {
            throw damaged("its name \(OutsideName.quoted(name)) holds control characters", at: start)
        }
        return name
    }

    /// Reads where the bytes of a text lie.
    mutating func string(_ what: String) throws -> Range<Int> {
        let start = offset
        let length: UInt64 = try read("the length of \(what)")
        guard length <= UInt64(remaining) else {
            throw damaged("\(what) of \(length) bytes does not fit into \(rest)", at: start)
        }
        offset += Int(length)
        return (offset - Int(length))..<offset
    }

    /// Reads a type of value.
    mutating func valueType(_ what: String) throws -> GGUFValueType {
        let start = offset
        let number: UInt32 = try read(what)
        guard let type = GGUFValueType(rawValue: number) else {
            throw damaged("\(what) is \(number), expected 0 to \(GGUFValueType.allCases.count - 1)", at: start)
        }
        return type
    }

    /// Passes over a value.
    mutating func skip(_ type: GGUFValueType, depth: Int = 0) throws {
        switch type {
        case .string: _ = try string("a text")
        case .array: try skipArray(depth: depth)
        default:
            let size = type.byteCount ?? 0
            guard remaining >= size else { throw ended("its value", size) }
            offset += size
        }
    }

    /// Reads the type of an array's elements and how many there are.
    mutating func arrayHead() throws -> (type: GGUFValueType, count: Int) {
        let type = try valueType("the type of the array's elements")
        return (type, try count("elements of the array", of: type.leastBytes))
    }

    private mutating func skipArray(depth: Int) throws {
        guard depth < Self.deepestArray else {
            throw damaged("arrays within more than \(Self.deepestArray) arrays", at: offset)
        }
        let (type, count) = try arrayHead()
        if let size = type.byteCount {
            // The product fits: that many bytes are there.
            offset += size * count
        } else if type == .string {
            try skipStrings(count)
        } else {
            innerArrays += count
            guard innerArrays <= Self.mostInnerArrays else {
                throw damaged("more than \(Self.mostInnerArrays) arrays within arrays", at: offset)
            }
            for _ in 0..<count { try skip(type, depth: depth + 1) }
        }
    }

    /// Passes over a list of tokens: hundreds of thousands of texts, which shall not cost more than milliseconds.
    private mutating func skipStrings(_ count: Int) throws {
        var next = offset
        for _ in 0..<count {
            guard bytes.count - next >= 8,
                case let length = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: next, as: UInt64.self)),
                length <= UInt64(bytes.count - next - 8)
            else { throw damaged("a text that starts here does not fit into \(rest)", at: next) }
            next += 8 + Int(length)
        }
        offset = next
    }

    /// A file that contradicts itself.
    func damaged(_ problem: String, at offset: Int) -> InputError {
        InputError(source: source, place: "\(place), byte \(offset)", problem: problem, recovery: Self.copyAgain)
    }

    private func ended(_ what: String, _ size: Int) -> InputError {
        damaged("expected \(size) bytes of \(what), but only \(remaining) are left in \(rest)", at: offset)
    }

    /// What is read from, with its size.
    private var rest: String {
        isCut ? "the \(bytes.count >> 20) MiB that a header has at most" : "the file of \(bytes.count) bytes"
    }
}
