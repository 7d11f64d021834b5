public import NodeModel

/// Which metered domains make up the node's total, so that no joule is counted twice.
///
/// Packages are disjoint and are added, and so are the DRAM domains beside them and discrete accelerators.
/// Cores and uncore lie inside a package, a platform domain (psys) contains it, and a node-level meter contains
/// everything: none of these is ever added to packages.
public enum DomainCover {
    /// Chooses the domains of the total.
    ///
    /// The first of these that exists is taken: all packages with their DRAM (only when at least `expectedPackages`
    /// are metered); all platform domains; the first node-level meter. Discrete accelerators are added to packages
    /// and platforms, but a node-level meter contains them.
    ///
    /// - Parameters:
    ///   - domains: The metered domains, best meter first; a name that occurs again is ignored.
    ///   - expectedPackages: How many packages the node has, where that is known.
    /// - Returns: The positions in `domains` of those in the total, ascending; empty when nothing covers the node.
    public static func inTotal(_ domains: [EnergyDomain], expectedPackages: Int? = nil) -> [Int] {
        var seen: Set<String> = []
        let distinct = domains.indices.filter { seen.insert(domains[$0].name).inserted }
        func positions(_ kind: EnergyDomainKind) -> [Int] { distinct.filter { domains[$0].kind == kind } }

        let packages = positions(.package)
        if !packages.isEmpty, covers(packages.map { domains[$0] }, expectedPackages) {
            let sockets = Set(packages.compactMap { domains[$0].package })
            let memory = positions(.dram).filter { position in
                domains[position].package.map { sockets.isEmpty || sockets.contains($0) } ?? true
            }
            return (packages + memory + positions(.gpu)).sorted()
        }
        let platforms = positions(.platform)
        if !platforms.isEmpty { return (platforms + positions(.gpu)).sorted() }
        return Array(positions(.node).prefix(1))
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
