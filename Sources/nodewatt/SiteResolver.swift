import Analysis
import Exporters
import FoundationEssentials
import NodeModel

/// Finds each site fact in the first place that has it: a flag, a `NODEWATT_*` variable, a site file, a default.
struct SiteResolver {
    let options: SiteOptions
    let environment: [String: String]
    let factors: GridFactorTable

    /// Resolves all facts.
    ///
    /// - Returns: The facts, each with its source.
    /// - Throws: ``NodeModel/InputError`` for a value out of range or a zone that is not known.
    func resolve() throws -> SiteFacts {
        let path = options.site ?? environment["NODEWATT_SITE"].flatMap { $0.isEmpty ? nil : $0 }
        let file = try path.map { (facts: try SiteFile.read($0), path: $0) }
        let price = try number(
            "electricity-price", options.electricityPrice, file?.facts.electricityPrice, file?.path, in: 0...1e6)
        let currency = try currency(file)
        if let price, currency == nil {
            throw refusal(of: price.source, "electricity-price", "a price needs its currency: name it with --currency")
        }
        let green = try number("green-share", options.greenShare, file?.facts.greenShare, file?.path, in: 0...1)
        let residualZone = text("residual-zone", options.residualZone, file?.facts.residualZone, file?.path)
        if let green, residualZone == nil {
            throw refusal(
                of: green.source, "green-share", "a green share needs the residual mix: name it with --residual-zone")
        }
        let pue = try number("pue", options.pue, file?.facts.pue, file?.path, in: 1...10)
        return SiteFacts(
            factor: try factor(file),
            pue: pue ?? Sourced(1, source: "default: IT equipment alone"),
            greenShare: green,
            residualFactor: try residualZone.map { Sourced(try residual($0), source: $0.source) },
            electricityPrice: price, currency: currency)
    }

    private func factor(_ file: (facts: SiteFile, path: String)?) throws -> Sourced<GridFactor> {
        let given = try number("grid-factor", options.gridFactor, file?.facts.gridFactor, file?.path, in: 0.001...5_000)
        if let given {
            let factor = GridFactor(
                zone: "custom", name: "given by the user", gramsPerKwh: GramsPerKilowattHour(given.value), gas: "CO2e",
                scope: "as given", year: nil, source: given.source, url: nil)
            return Sourced(factor, source: given.source)
        }
        guard let zone = text("zone", options.zone, file?.facts.zone, file?.path) else {
            return Sourced(
                try factors.lookup(GridFactorTable.worldZone),
                source: "default: no zone was given (--zone, NODEWATT_ZONE)")
        }
        return Sourced(try lookup(zone), source: zone.source)
    }

    private func lookup(_ zone: Sourced<String>) throws -> GridFactor {
        do {
            return try factors.lookup(zone.value)
        } catch let error as UsageError {
            throw refusal(of: zone.source, "zone", error.description)
        }
    }

    /// An average in place of the residual mix would count contracted green power twice.
    private func residual(_ zone: Sourced<String>) throws -> GridFactor {
        let factor = try lookup(zone)
        guard factor.zone.hasSuffix(Self.residualSuffix) else {
            let known = factors.zones.filter { $0.hasSuffix(Self.residualSuffix) }.joined(separator: ", ")
            throw refusal(
                of: zone.source, "residual-zone",
                "\(factor.zone) is an average, not a residual mix; there are: \(known)")
        }
        return factor
    }

    private static let residualSuffix = "-RESIDUAL"

    private func currency(_ file: (facts: SiteFile, path: String)?) throws -> Sourced<String>? {
        guard let found = text("currency", options.currency, file?.facts.currency, file?.path) else { return nil }
        guard found.value.count == 3, found.value.allSatisfy({ $0.isASCII && $0.isUppercase }) else {
            let value = Terminal.printable(found.value)
            throw refusal(of: found.source, "currency", "'\(value)' is not an ISO 4217 code such as CNY")
        }
        return found
    }

    /// A wrong flag is wrong usage; a wrong variable or file is wrong input.
    private func refusal(of source: String, _ key: String, _ problem: String) -> any Error {
        source.hasPrefix("--")
            ? UsageError("\(source): \(problem)") : InputError(source: source, place: key, problem: problem)
    }

    private func variable(_ name: String) -> String {
        "NODEWATT_" + name.uppercased().replacing("-", with: "_")
    }

    private func text(_ name: String, _ flag: String?, _ inFile: String?, _ path: String?) -> Sourced<String>? {
        if let flag { return Sourced(flag, source: "--\(name)") }
        if let value = environment[variable(name)], !value.isEmpty { return Sourced(value, source: variable(name)) }
        return inFile.map { Sourced($0, source: path ?? "site file") }
    }

    private func number(
        _ name: String, _ flag: Double?, _ inFile: Double?, _ path: String?, in range: ClosedRange<Double>
    ) throws -> Sourced<Double>? {
        var found: Sourced<Double>?
        if let flag {
            found = Sourced(flag, source: "--\(name)")
        } else if let value = environment[variable(name)], !value.isEmpty {
            guard let parsed = Double(value) else {
                throw InputError(
                    source: variable(name), place: Terminal.printable(value), problem: "expected a number")
            }
            found = Sourced(parsed, source: variable(name))
        } else if let inFile {
            found = Sourced(inFile, source: path ?? "site file")
        }
        guard let found else { return nil }
        guard found.value.isFinite, range.contains(found.value) else {
            throw refusal(
                of: found.source, name, "\(found.value) is not between \(range.lowerBound) and \(range.upperBound)")
        }
        return found
    }
}
