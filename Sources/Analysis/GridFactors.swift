public import NodeModel

/// The grid factors of all known zones, with other names for them.
public struct GridFactorTable: Hashable, Sendable {
    /// The columns of a factor file, in this order.
    public static let columns = ["zone", "name", "grams_per_kwh", "gas", "scope", "year", "source", "url"]
    /// The zone of the world average, applied when no zone is given.
    public static let worldZone = "WORLD"

    /// All factors, several years of a zone included.
    public private(set) var factors: [GridFactor]
    /// Other names of zones, upper case.
    public private(set) var aliases: [String: String]
    private var keys: Set<FactorKey>

    /// Creates a table from factors already checked.
    ///
    /// - Parameters:
    ///   - factors: The factors.
    ///   - aliases: Zones by their other names.
    public init(factors: [GridFactor] = [], aliases: [String: String] = [:]) {
        self.factors = factors
        keys = Set(factors.map(FactorKey.init))
        self.aliases = Dictionary(
            aliases.map { ($0.key.uppercased(), $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// Reads a factor file.
    ///
    /// - Parameters:
    ///   - text: CSV text with the header ``columns``.
    ///   - name: The file's name, for errors.
    /// - Returns: A table of the file's factors.
    /// - Throws: ``InputError`` naming the line and column at fault.
    public static func parse(_ text: String, named name: String) throws -> GridFactorTable {
        let document = try CSVDocument(text, named: name)
        guard document.header == columns else {
            throw InputError(
                source: name, place: "line 1",
                problem: "expected the columns \(columns.joined(separator: ","))")
        }
        var table = GridFactorTable()
        for row in document.rows {
            try table.add(GridFactorRow(row, source: name).factor(), source: name, place: "line \(row.line)")
        }
        return table
    }

    /// Adds the zones' other names.
    ///
    /// - Parameters:
    ///   - text: CSV text with the header `alias,zone`.
    ///   - name: The file's name, for errors.
    /// - Throws: ``InputError`` for an alias of an unknown zone, or one that is a zone itself.
    public mutating func addAliases(_ text: String, named name: String) throws {
        let document = try CSVDocument(text, named: name)
        guard document.header == ["alias", "zone"] else {
            throw InputError(source: name, place: "line 1", problem: "expected the columns alias,zone")
        }
        let zones = Set(factors.map(\.zone))
        for row in document.rows {
            let alias = row.fields[0].uppercased()
            let place = "line \(row.line)"
            guard zones.contains(row.fields[1]) else {
                throw InputError(source: name, place: place, problem: "no factor file has the zone '\(row.fields[1])'")
            }
            guard !alias.isEmpty, !zones.contains(alias), aliases[alias] == nil else {
                throw InputError(
                    source: name, place: place, problem: "the alias '\(alias)' is empty, a zone itself, or there twice")
            }
            aliases[alias] = row.fields[1]
        }
    }

    /// Adds all factors and aliases of another table.
    ///
    /// - Parameters:
    ///   - other: The table to add.
    ///   - name: The file it came from, for errors.
    /// - Throws: ``InputError`` when both have a factor of the same zone, year, gas and scope.
    public mutating func merge(_ other: GridFactorTable, named name: String) throws {
        for factor in other.factors { try add(factor, source: name, place: "zone \(factor.zone)") }
        aliases.merge(other.aliases) { mine, _ in mine }
    }

    /// The zones, in alphabetical order.
    public var zones: [String] { Set(factors.map(\.zone)).sorted() }

    /// The most recent factor of a zone.
    ///
    /// - Parameter zone: A zone or an alias of one, in any case.
    /// - Returns: The factor of the latest year.
    /// - Throws: ``UsageError`` with up to five suggestions when there is no such zone.
    public func lookup(_ zone: String) throws -> GridFactor {
        let wanted = zone.uppercased()
        if let factor = latest(wanted) { return factor }
        if let target = aliases[wanted], let factor = latest(target.uppercased()) { return factor }
        let hint = Suggestions.sentence(zone, among: zones + aliases.keys)
        throw UsageError("unknown grid zone '\(zone)'" + (hint.map { ". \($0)" } ?? ""))
    }

    /// The life-cycle figure wins a tie of years, because it leaves less out.
    private func latest(_ zone: String) -> GridFactor? {
        factors.filter { $0.zone.uppercased() == zone }
            .max { ($0.year ?? 0, $0.scope == "life-cycle" ? 1 : 0) < ($1.year ?? 0, $1.scope == "life-cycle" ? 1 : 0) }
    }

    private mutating func add(_ factor: GridFactor, source: String, place: String) throws {
        guard keys.insert(FactorKey(factor)).inserted else {
            throw InputError(
                source: source, place: place,
                problem: "a second factor of \(factor.zone) for \(factor.year ?? 0), \(factor.gas), \(factor.scope)")
        }
        factors.append(factor)
    }
}

/// What there may be one factor for.
private struct FactorKey: Hashable, Sendable {
    private let zone: String
    private let year: Int?
    private let gas: String
    private let scope: String

    init(_ factor: GridFactor) {
        zone = factor.zone
        year = factor.year
        gas = factor.gas
        scope = factor.scope
    }
}

/// One line of a factor file while it is checked.
private struct GridFactorRow {
    private let fields: [String]
    private let source: String
    private let line: Int

    init(_ row: CSVRow, source: String) {
        fields = row.fields
        self.source = source
        line = row.line
    }

    private subscript(_ column: String) -> String {
        GridFactorTable.columns.firstIndex(of: column).map { fields[$0] } ?? ""
    }

    func factor() throws -> GridFactor {
        GridFactor(
            zone: try zone(), name: try text("name"),
            gramsPerKwh: GramsPerKilowattHour(try number("grams_per_kwh", above: 0, upTo: 2_000)),
            gas: try oneOf(["CO2", "CO2e"], "gas"), scope: try oneOf(["generation", "life-cycle"], "scope"),
            year: try year(), source: try text("source"), url: try url())
    }

    private func text(_ column: String) throws -> String {
        let value = self[column]
        guard !value.isEmpty, value.utf8.count <= 1_000, !value.hasControlCharacters else {
            throw problem(column, "expected text without control characters")
        }
        return value
    }

    private func zone() throws -> String {
        let value = try text("zone")
        let allowed = value.utf8.allSatisfy { byte in
            (65...90).contains(byte) || (48...58).contains(byte) || byte == UInt8(ascii: "-")
                || byte == UInt8(ascii: "_")
        }
        guard allowed, value.utf8.count <= 32 else {
            throw problem("zone", "'\(value)': expected up to 32 capital letters, digits, '-', '_' or ':'")
        }
        return value
    }

    private func number(_ column: String, above low: Double, upTo high: Double) throws -> Double {
        let value = self[column]
        guard let number = Double(value), number > low, number <= high else {
            throw problem(column, "'\(value)': expected a number above \(low) and up to \(high)")
        }
        return number
    }

    private func year() throws -> Int {
        let value = self["year"]
        guard let year = Int(value), (1990...2100).contains(year) else {
            throw problem("year", "'\(value)': expected a year from 1990 on")
        }
        return year
    }

    private func oneOf(_ choices: [String], _ column: String) throws -> String {
        let value = self[column]
        guard choices.contains(value) else {
            throw problem(column, "'\(value)': expected \(choices.joined(separator: " or "))")
        }
        return value
    }

    private func url() throws -> String {
        let value = try text("url")
        guard value.hasPrefix("https://") || value.hasPrefix("http://") else {
            throw problem("url", "'\(value)': expected an address that begins with https://")
        }
        return value
    }

    private func problem(_ column: String, _ text: String) -> InputError {
        InputError(source: source, place: "line \(line), column \(column)", problem: text)
    }
}
