import HostProbe
public import NodeModel

/// What RAPL's zone names mean, and which of several zones for the same thing to use.
public enum RAPLTree {
    /// The control types that hold RAPL zones, the preferred one first; AMD and Hygon use the same names.
    public static let controlTypes = ["intel-rapl", "intel-rapl-mmio"]

    /// More zones than this at one level are not believed.
    static let maximumZones = 1024

    /// Reads a zone's folder name.
    ///
    /// Only the form in which libpowercap would write it again is taken: lower-case hexadecimal without leading
    /// zeros. Holes in the numbering are allowed.
    ///
    /// - Parameters:
    ///   - folder: A name such as `intel-rapl:0:1f`.
    ///   - parent: The zone or, with an empty path, the control type it lies in.
    /// - Returns: The address, or `nil` when the folder is not a zone directly below `parent`.
    public static func address(_ folder: String, in parent: PowercapAddress) -> PowercapAddress? {
        guard let last = folder.split(separator: ":", omittingEmptySubsequences: false).last,
            let index = UInt32(last, radix: 16)
        else { return nil }
        let address = PowercapAddress(controlType: parent.controlType, path: parent.path + [index])
        return address.name == folder ? address : nil
    }

    /// What a zone meters, by its name and the domain it lies in.
    ///
    /// - Parameters:
    ///   - name: The content of the zone's `name` file.
    ///   - parent: The domain the zone is nested in.
    /// - Returns: The domain; its kind is `other` where the name says nothing known.
    public static func domain(_ name: String, in parent: EnergyDomain?) -> EnergyDomain {
        let full = (parent.map { $0.name + "/" } ?? "") + (name.isEmpty ? "unnamed" : name)
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        func number(_ index: Int) -> Int? {
            index < parts.count && parts[index].allSatisfy(\.isNumber) && parts[index].count <= 5
                ? Int(parts[index]) : nil
        }
        let kind: EnergyDomainKind
        var package = parent?.package
        switch (parts.first, parts.count) {
        case ("package", 2) where parent == nil && number(1) != nil,
            ("package", 4) where parent == nil && number(1) != nil && parts[2] == "die" && number(3) != nil:
            kind = .package
            package = number(1)
        case ("core", 1): kind = .core
        case ("uncore", 1): kind = .uncore
        case ("dram", 1): kind = .dram
        case ("psys", 1): kind = .platform
        case ("psys", 2) where number(1) != nil: kind = .platform
        default: kind = .other
        }
        return EnergyDomain(name: full, kind: kind, package: package)
    }

    /// The zones to use when each package may be counted only once.
    ///
    /// A domain seen through both control types is taken from the first. On AMD and Hygon each `package-P-die-N`
    /// shows the whole package's counter, so one die stands for the package; on Intel dies are real and are kept.
    ///
    /// - Parameters:
    ///   - domains: The domains of readable zones, those of the preferred control type first.
    ///   - countsPerPackage: Whether dies mirror their package.
    /// - Returns: For each domain `nil` when it is used, or the name of the domain that already holds its energy.
    public static func mirrors(_ domains: [EnergyDomain], countsPerPackage: Bool) -> [String?] {
        var names: Set<String> = []
        var packages: [Int: String] = [:]
        return domains.map { domain in
            guard names.insert(domain.name).inserted else { return domain.name }
            guard countsPerPackage, let package = domain.package else { return nil }
            // What lies below a mirrored die is a mirror as well.
            let top = domain.name.split(separator: "/").first.map(String.init) ?? domain.name
            let holder = packages[package] ?? top
            packages[package] = holder
            return holder == top ? nil : holder
        }
    }

    /// Lists the zones of a control type, parents before their children.
    static func zones(_ controlType: String, in source: some PowercapSource) -> [PowercapAddress] {
        children(of: PowercapAddress(controlType: controlType, path: []), in: source).flatMap { zone in
            [zone] + children(of: zone, in: source)
        }
    }

    private static func children(of parent: PowercapAddress, in source: some PowercapSource) -> [PowercapAddress] {
        // The kernel shows each zone below its parent and, as a link, at the top; a copy may hold only one of the two.
        let folders = [source.folder + "/" + parent.folder, source.folder]
        let found = Set(folders.flatMap { source.root.names(in: $0) }.compactMap { address($0, in: parent) })
        return Array(found.sorted { $0.path.lexicographicallyPrecedes($1.path) }.prefix(maximumZones))
    }
}
