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
    /// A domain seen through both control types is taken from the first. What lies below a zone that mirrors another is
    /// a mirror as well.
    ///
    /// - Parameters:
    ///   - domains: The domains of readable zones, those of the preferred control type first.
    ///   - twins: Top-level domains that show what another one shows, with that one's name; see
    ///     ``dieTwins(_:)``.
    /// - Returns: For each domain `nil` when it is used, or the name of the domain that already holds its energy.
    public static func mirrors(_ domains: [EnergyDomain], twins: [String: String]) -> [String?] {
        var names: Set<String> = []
        return domains.map { domain in
            guard names.insert(domain.name).inserted else { return domain.name }
            return twins[top(domain)]
        }
    }

    /// Pairs of top-level domains that may be one: dies of a package, and packages beyond those the machine has.
    ///
    /// - Parameters:
    ///   - domains: The domains of readable zones.
    ///   - packages: How many packages the machine has, where that is known.
    /// - Returns: For each doubtful domain's name that of the domain it may mirror, the first of its kind.
    public static func doubtful(_ domains: [EnergyDomain], packages: Int?) -> [String: String] {
        let tops = domains.filter { $0.kind == .package }
        let numbers = Set(tops.compactMap(\.package)).count
        let isSurplus = packages.map { numbers > $0 } ?? false
        var first: [Int: String] = [:]
        var doubtful: [String: String] = [:]
        for domain in tops where domain.package != nil {
            let group = isSurplus ? 0 : domain.package ?? 0
            if let holder = first[group] {
                if holder != domain.name { doubtful[domain.name] = holder }
            } else {
                first[group] = domain.name
            }
        }
        return doubtful
    }

    /// The dies of each package but the first, with the first die's name: what AMD and Hygon show is one counter.
    ///
    /// - Parameter domains: The domains of readable zones.
    /// - Returns: For each further die's name that of the first.
    public static func dieTwins(_ domains: [EnergyDomain]) -> [String: String] { doubtful(domains, packages: nil) }

    /// The top-level domain a domain lies in.
    private static func top(_ domain: EnergyDomain) -> String {
        domain.name.split(separator: "/").first.map(String.init) ?? domain.name
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
