import EnergyMeters
import Exporters
import NodeModel

/// A power trace on disk: CSV, or JSON where the file's name ends in `.json`.
///
/// Rows are written once a second, so that a crash loses no more than that.
final class PowerTraceFile {
    private enum Format { case csv, json }

    private let file: GrowingFile
    private let format: Format
    private var buffer: String
    private var isFirst = true
    private var lastWrite = Seconds.zero

    // Often enough to lose little, seldom enough to cost nothing.
    private static let writePeriod = Seconds(1)

    /// Begins the file.
    ///
    /// - Parameters:
    ///   - path: Where it is to be.
    ///   - meters: What the columns after time and total are.
    ///   - startedAt: When the first sample is taken, RFC 3339.
    /// - Throws: ``NodeModel/SystemFailure`` when it cannot be written.
    init(_ path: String, meters: [MeterDescription], startedAt: String) throws {
        file = try GrowingFile(path)
        format = path.lowercased().hasSuffix(".json") ? .json : .csv
        let names = Self.columns(meters)
        switch format {
        case .csv: buffer = (["elapsed_seconds", "total_watts"] + names).map(Self.quoted).joined(separator: ",") + "\n"
        case .json:
            let head = Head(startedAt: startedAt, meters: meters, columns: ["elapsed_seconds", "total_watts"] + names)
            let text = try JSONDocument.text(head)
            // The rows are the document's last key.
            buffer = String(text.dropLast().reversed().drop { $0.isWhitespace }.reversed()) + ",\n  \"rows\" : ["
        }
        try flush()
    }

    /// Appends a row.
    ///
    /// - Parameter row: The powers at a sample.
    /// - Throws: ``NodeModel/SystemFailure`` when the file cannot be written.
    func append(_ row: PowerSeries.Row) throws {
        let powers = [row.total] + row.meters
        switch format {
        case .csv:
            buffer +=
                ([Self.number(row.elapsed.rawValue)] + powers.map { Self.number($0?.rawValue) })
                .joined(separator: ",") + "\n"
        case .json:
            let values =
                [Self.number(row.elapsed.rawValue)] + powers.map { $0 == nil ? "null" : Self.number($0?.rawValue) }
            buffer += (isFirst ? "\n" : ",\n") + "    [\(values.joined(separator: ", "))]"
        }
        isFirst = false
        guard row.elapsed - lastWrite >= Self.writePeriod else { return }
        lastWrite = row.elapsed
        try flush()
    }

    /// Ends the file and gives it its name.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` when it cannot be written.
    func finish() throws {
        if format == .json { buffer += "\n  ]\n}\n" }
        try flush()
        try file.finish()
    }

    /// Removes the file of a command that was never started.
    func discard() { file.discard() }

    private func flush() throws {
        try file.append(buffer)
        buffer = ""
    }

    private struct Head: Encodable {
        let schema = "nodewatt.trace/1"
        let startedAt: String
        let meters: [MeterDescription]
        let columns: [String]
    }

    /// One column for each meter; two sources of a domain are told apart.
    private static func columns(_ meters: [MeterDescription]) -> [String] {
        var seen: Set<String> = []
        return meters.map { meter in
            let isNew = seen.insert(meter.domain.name).inserted
            return meter.domain.name + (isNew ? "" : " (\(meter.source))") + "_watts"
        }
    }

    /// Milliwatts and microseconds; nothing for what is not known.
    private static func number(_ value: Double?) -> String { value.map { UnitFormat.fixed($0, places: 6) } ?? "" }

    private static func quoted(_ text: String) -> String {
        guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
