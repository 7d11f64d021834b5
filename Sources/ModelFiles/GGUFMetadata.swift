import NodeModel

/// The metadata of a GGUF file: names and where their values lie; values are decoded when they are asked for.
public struct GGUFMetadata: Sendable {
    /// No file has more entries.
    static let mostEntries = 1 << 16
    /// The longest name the specification allows, in bytes.
    static let longestName = 65_535

    /// Where a value lies.
    struct Entry: Sendable {
        let type: GGUFValueType
        /// The first byte of the value within the file.
        let offset: Int
        /// For an array: the type and the number of its elements.
        let elements: (type: GGUFValueType, count: Int)?
    }

    /// The names, in the file's order.
    public let keys: [String]
    private let entries: [String: Entry]
    private let file: MappedFile

    /// Reads the entries at a cursor.
    init(_ cursor: inout GGUFCursor, count: Int, file: MappedFile) throws {
        var keys: [String] = []
        var entries: [String: Entry] = [:]
        for index in 0..<count {
            cursor.place = .pair(index, of: count)
            let start = cursor.offset
            let key = try cursor.name("its name", atMost: Self.longestName)
            cursor.place = .key(key)
            let type = try cursor.valueType("the type of its value")
            let offset = cursor.offset
            // Looked at twice because passing over it moves the cursor.
            var ahead = cursor
            let elements = type == .array ? try ahead.arrayHead() : nil
            try cursor.skip(type)
            let entry = Entry(type: type, offset: offset, elements: elements)
            guard entries.updateValue(entry, forKey: key) == nil else {
                throw cursor.damaged("is there twice", at: start)
            }
            keys.append(key)
        }
        self.keys = keys
        self.entries = entries
        self.file = file
    }

    /// Whether there is an entry of this name.
    public func contains(_ key: String) -> Bool { entries[key] != nil }

    /// The type of a value; `nil` when there is none of this name.
    public func type(of key: String) -> GGUFValueType? { entries[key]?.type }

    /// How many elements an array has; `nil` when there is none of this name.
    public func elementCount(of key: String) -> Int? { entries[key]?.elements?.count }

    /// Decodes a value.
    ///
    /// - Parameters:
    ///   - key: Its name.
    ///   - mostElements: The most elements to decode, those of arrays within the array included.
    /// - Returns: The value; `nil` when there is none of this name.
    /// - Throws: `InputError` when a text is not UTF-8, a truth value is neither 0 nor 1, or an array has more elements.
    public func value(of key: String, mostElements: Int = 4_096) throws -> GGUFValue? {
        guard let entry = entries[key] else { return nil }
        try file.requireUnchanged()
        return try file.withBytes { bytes in
            var cursor = GGUFCursor(bytes, source: file.path, offset: entry.offset)
            cursor.place = .key(key)
            var left = mostElements
            return try Self.decode(entry.type, &cursor, bytes, left: &left)
        }
    }

    private static func decode(
        _ type: GGUFValueType, _ cursor: inout GGUFCursor, _ bytes: UnsafeRawBufferPointer, left: inout Int
    ) throws -> GGUFValue {
        let what = "its value"
        switch type {
        case .uint8: return .unsigned(UInt64(try cursor.read(what) as UInt8))
        case .uint16: return .unsigned(UInt64(try cursor.read(what) as UInt16))
        case .uint32: return .unsigned(UInt64(try cursor.read(what) as UInt32))
        case .uint64: return .unsigned(try cursor.read(what))
        case .int8: return .signed(Int64(try cursor.read(what) as Int8))
        case .int16: return .signed(Int64(try cursor.read(what) as Int16))
        case .int32: return .signed(Int64(try cursor.read(what) as Int32))
        case .int64: return .signed(try cursor.read(what))
        case .float32: return .real(Double(Float(bitPattern: try cursor.read(what))))
        case .float64: return .real(Double(bitPattern: try cursor.read(what)))
        case .bool: return .bool(try truth(&cursor))
        case .string: return .string(try text(&cursor, bytes))
        case .array: return .array(try elements(&cursor, bytes, left: &left))
        }
    }

    private static func truth(_ cursor: inout GGUFCursor) throws -> Bool {
        let start = cursor.offset
        let byte: UInt8 = try cursor.read("a truth value")
        guard byte <= 1 else { throw cursor.damaged("a truth value of \(byte), expected 0 or 1", at: start) }
        return byte == 1
    }

    private static func text(_ cursor: inout GGUFCursor, _ bytes: UnsafeRawBufferPointer) throws -> String {
        let start = cursor.offset
        let range = try cursor.string("a text")
        guard let text = String(validating: bytes[range], as: UTF8.self) else {
            throw cursor.damaged("its text is not UTF-8", at: start)
        }
        return text
    }

    private static func elements(
        _ cursor: inout GGUFCursor, _ bytes: UnsafeRawBufferPointer, left: inout Int
    ) throws -> [GGUFValue] {
        let start = cursor.offset
        let (type, count) = try cursor.arrayHead()
        guard count <= left else {
            throw cursor.damaged("an array of \(count) elements, expected at most \(left)", at: start)
        }
        left -= count
        var values: [GGUFValue] = []
        for _ in 0..<count { values.append(try decode(type, &cursor, bytes, left: &left)) }
        return values
    }
}

extension GGUFMetadata {
    /// A whole number.
    ///
    /// - Parameter key: The value's name.
    /// - Returns: The number, of whichever type of whole numbers; `nil` when there is none of this name.
    /// - Throws: `InputError` when the value is no whole number or too large for this program.
    public func integer(_ key: String) throws -> Int? {
        guard let value = try value(of: key) else { return nil }
        guard let number = Self.integer(value) else { throw wrong(key, expected: "a whole number") }
        return number
    }

    /// A whole number; of an array with equal elements, such as figures by layer, their value.
    ///
    /// - Parameters:
    ///   - key: The value's name.
    ///   - what: What an array has an element for, for messages.
    /// - Returns: The number; `nil` when there is none of this name.
    /// - Throws: `InputError` when elements differ, or the value is no whole number.
    func uniformInteger(_ key: String, perEach what: String) throws -> Int? {
        guard case .array(let values)? = try value(of: key) else { return try integer(key) }
        let numbers = values.compactMap(Self.integer)
        guard let first = numbers.first, numbers.count == values.count else {
            throw wrong(key, expected: "a whole number or an array of them")
        }
        guard numbers.allSatisfy({ $0 == first }) else {
            throw InputError(
                source: file.path, place: "key \(OutsideName.quoted(key))",
                problem: "differs between \(what)s, which is not supported", recovery: "Choose another model")
        }
        return first
    }

    /// A number of single or double precision.
    ///
    /// - Parameter key: The value's name.
    /// - Returns: The number, possibly infinite or not a number; `nil` when there is none of this name.
    /// - Throws: `InputError` when the value is no such number.
    public func real(_ key: String) throws -> Double? {
        guard let value = try value(of: key) else { return nil }
        guard case .real(let number) = value else { throw wrong(key, expected: "a number (float32)") }
        return number
    }

    /// A truth value.
    ///
    /// - Parameter key: The value's name.
    /// - Returns: The value; `nil` when there is none of this name.
    /// - Throws: `InputError` when the value is no truth value.
    public func bool(_ key: String) throws -> Bool? {
        guard let value = try value(of: key) else { return nil }
        guard case .bool(let truth) = value else { throw wrong(key, expected: "a truth value (bool)") }
        return truth
    }

    /// A text.
    ///
    /// - Parameter key: The value's name.
    /// - Returns: The text as it is in the file, which may hold anything; `nil` when there is none of this name.
    /// - Throws: `InputError` when the value is no text, or no UTF-8.
    public func string(_ key: String) throws -> String? {
        guard let value = try value(of: key) else { return nil }
        guard case .string(let text) = value else { throw wrong(key, expected: "a text (string)") }
        return text
    }

    private static func integer(_ value: GGUFValue) -> Int? {
        switch value {
        case .unsigned(let number): Int(exactly: number)
        case .signed(let number): Int(exactly: number)
        default: nil
        }
    }

    private func wrong(_ key: String, expected: String) -> InputError {
        let type = entries[key]?.type
        let found = type?.text ?? "nothing"
        return InputError(
            source: file.path, place: "key \(OutsideName.quoted(key))",
            problem: "is \(found)\(type == .uint64 ? " that is too large" : ""), expected \(expected)",
            recovery: "Convert the model again with its converter")
    }
}
