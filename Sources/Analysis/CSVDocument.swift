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

/// Splits text into records, one scalar at a time; a scalar view keeps CRLF apart, which `Character` would join.
private struct CSVReader {
    private var scalars: String.UnicodeScalarView.SubSequence
    private let name: String
    private var line = 1

    init(_ text: String, name: String) {
        scalars = text.unicodeScalars[...]
        if scalars.first == "\u{FEFF}" { scalars.removeFirst() }
        self.name = name
    }

    /// The next record that is not an empty line, or `nil` at the end.
    mutating func next() throws -> CSVRow? {
        while !scalars.isEmpty {
            let start = line
            let fields = try record()
            if fields != [""] { return CSVRow(line: start, fields: fields) }
        }
        return nil
    }

    private mutating func record() throws -> [String] {
        var fields: [String] = []
        while true {
            fields.append(scalars.first == "\"" ? try quotedField() : try plainField())
            if scalars.first == "," {
                scalars.removeFirst()
            } else {
                endLine()
                return fields
            }
        }
    }

    private mutating func plainField() throws -> String {
        let end = scalars.firstIndex { $0 == "," || $0 == "\n" || $0 == "\r" || $0 == "\"" } ?? scalars.endIndex
        let field = String(scalars[..<end])
        scalars = scalars[end...]
        guard scalars.first != "\"" else { throw problem("a quote inside an unquoted field; quote the whole field") }
        return field
    }

    private mutating func quotedField() throws -> String {
        let start = line
        scalars.removeFirst()
        var field = String.UnicodeScalarView()
        while let scalar = scalars.popFirst() {
            if scalar == "\n" { line += 1 }
            guard scalar == "\"" else {
                field.append(scalar)
                continue
            }
            guard scalars.first == "\"" else {
                let next = scalars.first
                guard next == nil || next == "," || next == "\n" || next == "\r" else {
                    throw problem("text after a closing quote; write a quote inside a field as two")
                }
                return String(field)
            }
            scalars.removeFirst()
            field.append("\"")
        }
        line = start
        throw problem("the quoted field that begins here is never closed")
    }

    private mutating func endLine() {
        if scalars.first == "\r" { scalars.removeFirst() }
        if scalars.first == "\n" { scalars.removeFirst() }
        line += 1
    }

    private func problem(_ text: String) -> InputError {
        InputError(source: name, place: "line \(line)", problem: text)
    }
}
