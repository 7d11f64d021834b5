public import NodeModel

/// Which metered domains make up the node's total, so that no joule is counted twice.
///
/// Packages are disjoint and are added, and so are the DRAM domains beside them and discrete accelerators.
/// Cores and uncore lie inside a package, a platform domain (psys) contains it, and a node-level meter contains
/// everything: none of these is ever added to packages. A host, as a power model sees it, is the node without its
/// accelerators.
public enum DomainCover {
    /// The covers there are, the best first: all packages with their DRAM (only when at least `expectedPackages` are
    /// metered), all platform domains, the first node-level meter, the first host.
    ///
    /// Discrete accelerators are added to all but a node-level meter, which contains them.
    ///
    /// - Parameters:
    ///   - domains: The metered domains, best meter first; a name that occurs again is ignored.
    ///   - expectedPackages: How many packages the node has, where that is known.
    /// - Returns: For each cover the positions in `domains`, ascending; empty when nothing covers the node.
    public static func candidates(_ domains: [EnergyDomain], expectedPackages: Int? = nil) -> [[Int]] {
        var seen: Set<String> = []
        let distinct = domains.indices.filter { seen.insert(domains[$0].name).inserted }
        func positions(_ kind: EnergyDomainKind) -> [Int] { distinct.filter { domains[$0].kind == kind } }

        let packages = positions(.package)
        let isWhole = !packages.isEmpty && covers(packages.map { domains[$0] }, expectedPackages)
        let sockets = Set(packages.compactMap { domains[$0].package })
        let memory = positions(.dram).filter { position in
            domains[position].package.map { sockets.isEmpty || sockets.contains($0) } ?? true
        }
        let accelerators = positions(.gpu)
        let hosts = [isWhole ? packages + memory : [], positions(.platform)].filter { !$0.isEmpty }
        let rest = positions(.host).prefix(1).map { [$0] + accelerators }
        let nodes = positions(.node).prefix(1).map { [$0] }
        return (hosts.map { $0 + accelerators } + nodes + rest).map { $0.sorted() }
    }

    /// Chooses the domains of the total: the best cover, whatever its meters give in the end.
    ///
    /// - Parameters:
    ///   - domains: The metered domains, best meter first; a name that occurs again is ignored.
    ///   - expectedPackages: How many packages the node has, where that is known.
    /// - Returns: The positions in `domains` of those in the total, ascending; empty when nothing covers the node.
    public static func inTotal(_ domains: [EnergyDomain], expectedPackages: Int? = nil) -> [Int] {
        candidates(domains, expectedPackages: expectedPackages).first ?? []
    }

    /// Whether losing a domain's energy makes the total meaningless rather than smaller.
    ///
    /// - Parameter kind: What part of the node the domain is.
    /// - Returns: `false` for memory, whose counter is missing on many nodes anyway.
    public static func isEssential(_ kind: EnergyDomainKind) -> Bool { kind != .dram }

    /// Whether the packages are all there are; dies of one package count once.
    private static func covers(_ packages: [EnergyDomain], _ expected: Int?) -> Bool {
        guard let expected else { return true }
        let numbered = Set(packages.compactMap(\.package)).count
        let unnumbered = packages.filter { $0.package == nil }.count
        return numbered + unnumbered >= expected
    }
}
