/// A table of text with aligned columns.
struct TextTable {
    /// How a column is aligned.
    enum Alignment {
        case left, right
    }

    private let alignments: [Alignment]
    private var rows: [[String]] = []

    /// Creates a table.
    init(_ alignments: [Alignment]) { self.alignments = alignments }

    /// Adds a row; missing cells are empty.
    mutating func add(_ cells: [String]) { rows.append(cells) }

    /// The rows as lines, two spaces between columns, empty columns left out.
    var lines: [String] {
        let widths = alignments.indices.map { column in rows.map { Self.cell($0, column).count }.max() ?? 0 }
        return rows.map { row in
            let cells = alignments.indices.filter { widths[$0] > 0 }.map { column in
                let text = Self.cell(row, column)
                let padding = String(repeating: " ", count: widths[column] - text.count)
                return alignments[column] == .left ? text + padding : padding + text
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    private static func cell(_ row: [String], _ column: Int) -> String { column < row.count ? row[column] : "" }
}
