import NodeModel

/// One record of a CSV file with the line it began on.
public struct CSVRow: Hashable, Sendable {
    /// The line the record begins on, counted from 1.
    public var line: Int
    /// The fields, unquoted.
    public var fields: [String]
}

/// Comma-separated text as RFC 4180 has it: quoted fields may hold commas, line ends and doubled quotes.
///
/// A byte order mark is skipped, lines may end in LF or CRLF, and empty lines are ignored.
public struct CSVDocument: Hashable, Sendable {
    /// The column names of the first record.
    public var header: [String]
    /// The other records, each with as many fields as the header.
    public var rows: [CSVRow]

    /// Reads a CSV file.
    ///
    /// - Parameters:
    ///   - text: The file's content.
    ///   - name: The file's name, for errors.
    /// - Throws: ``InputError`` naming the line of an unbalanced quote or of a record with too few or too many fields.
    public init(_ text: String, named name: String) throws {
        var reader = CSVReader(text, name: name)
        var records: [CSVRow] = []
        while let row = try reader.next() { records.append(row) }
        guard let first = records.first else {
            throw InputError(source: name, place: "line 1", problem: "the file is empty, expected a header line")
        }
        for row in records where row.fields.count != first.fields.count {
            throw InputError(
                source: name, place: "line \(row.line)",
                problem: "\(row.fields.count) fields, expected the \(first.fields.count) of the header")
        }
        header = first.fields
        rows = Array(records.dropFirst())
    }
}

/// Splits text into records, byte by byte: all that has a meaning here is ASCII.
private struct CSVReader {
    private var bytes: ArraySlice<UInt8>
    private let name: String
    private var line = 1

    private static let quote = UInt8(ascii: "\"")
    private static let comma = UInt8(ascii: ",")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    init(_ text: String, name: String) {
        bytes = Array(text.utf8)[...]
        let byteOrderMark = "\u{FEFF}".utf8
        if bytes.starts(with: byteOrderMark) { bytes = bytes.dropFirst(byteOrderMark.count) }
        self.name = name
    }

    /// The next record that is not an empty line, or `nil` at the end.
    mutating func next() throws -> CSVRow? {
        while !bytes.isEmpty {
            let start = line
            let fields = try record()
            if fields != [""] { return CSVRow(line: start, fields: fields) }
        }
        return nil
    }

    private mutating func record() throws -> [String] {
        var fields: [String] = []
        while true {
            fields.append(bytes.first == Self.quote ? try quotedField() : try plainField())
            if bytes.first == Self.comma {
                bytes.removeFirst()
            } else {
                endLine()
                return fields
            }
        }
    }

    private mutating func plainField() throws -> String {
        let field = bytes.prefix { !Self.endsField($0) && $0 != Self.quote }
        bytes = bytes[field.endIndex...]
        guard bytes.first != Self.quote else {
            throw problem("a quote inside an unquoted field; quote the whole field")
        }
        return String(decoding: field, as: UTF8.self)
    }

    private static func endsField(_ byte: UInt8) -> Bool { byte == comma || byte == lineFeed || byte == carriageReturn }

    private mutating func quotedField() throws -> String {
        let start = line
        bytes.removeFirst()
        var field: [UInt8] = []
        while let byte = bytes.popFirst() {
            if byte == Self.lineFeed { line += 1 }
            guard byte == Self.quote else {
                field.append(byte)
                continue
            }
            guard bytes.first == Self.quote else {
                guard bytes.first.map(Self.endsField) ?? true else {
                    throw problem("text after a closing quote; write a quote inside a field as two")
                }
                return String(decoding: field, as: UTF8.self)
            }
            bytes.removeFirst()
            field.append(byte)
        }
        line = start
        throw problem("the quoted field that begins here is never closed")
    }

    private mutating func endLine() {
        if bytes.first == Self.carriageReturn { bytes.removeFirst() }
        if bytes.first == Self.lineFeed { bytes.removeFirst() }
        line += 1
    }

    private func problem(_ text: String) -> InputError {
        InputError(source: name, place: "line \(line)", problem: text)
    }
}
