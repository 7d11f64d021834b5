import FoundationEssentials
import NodeModel

/// A site file: what stays the same for all nodes of a site.
struct SiteFile: Codable {
    /// Grid zone, as in `Profiles/grid`.
    var zone: String?
    /// Grid factor in g/kWh in place of a zone's.
    var gridFactor: Double?
    /// Power usage effectiveness.
    var pue: Double?
    /// Contracted green share, 0 to 1.
    var greenShare: Double?
    /// Zone of the residual-mix factor.
    var residualZone: String?
    /// Price of a kilowatt-hour.
    var electricityPrice: Double?
    /// ISO 4217 code of the price.
    var currency: String?

    private static let knownKeys: Set = [
        "zone", "grid_factor", "pue", "green_share", "residual_zone", "electricity_price", "currency",
    ]

    /// Reads a site file.
    ///
    /// - Parameter path: A JSON object with any of the keys above in snake_case.
    /// - Returns: The facts it holds.
    /// - Throws: ``NodeModel/InputError`` naming the file and the key.
    static func read(_ path: String) throws -> SiteFile {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw InputError(
                source: path, place: "file", problem: "cannot be read",
                recovery: "Name a JSON file with --site or NODEWATT_SITE")
        }
        let keys = try JSONDocument.decode([String: AnyJSON].self, from: data, named: path).keys
        if let unknown = keys.sorted().first(where: { !knownKeys.contains($0) }) {
            throw InputError(
                source: path, place: Terminal.printable(unknown), problem: "unknown key",
                recovery: "Known keys: \(knownKeys.sorted().joined(separator: ", "))")
        }
        return try JSONDocument.decode(SiteFile.self, from: data, named: path)
    }
}

/// Any JSON value, for looking at keys alone.
struct AnyJSON: Decodable {
    init(from decoder: any Decoder) throws {}
}
