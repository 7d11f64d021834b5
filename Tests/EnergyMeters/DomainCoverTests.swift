import EnergyMeters
import NodeModel
import Testing

@Suite struct DomainCoverTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var metered: [EnergyDomain]
        var expectedPackages: Int?
        var inTotal: Set<String>
        var testDescription: String { metered.map(\.name).joined(separator: " ") + " of \(expectedPackages ?? -1)" }
    }

    static func domains(_ names: String) -> [EnergyDomain] {
        names.split(separator: " ").map { name in
            if name == "node" || name == "wall" { return EnergyDomain(name: String(name), kind: .node) }
            if name == "host" { return EnergyDomain(name: "host", kind: .host) }
            if name.hasPrefix("gpu") { return EnergyDomain(name: String(name), kind: .gpu) }
            let parts = name.split(separator: "/").map(String.init)
            let top = RAPLTree.domain(parts[0], in: nil)
            return parts.count > 1 ? RAPLTree.domain(parts[1], in: top) : top
        }
    }

    static func row(_ names: String, _ inTotal: String, of packages: Int? = nil) -> Case {
        Case(
            metered: domains(names), expectedPackages: packages,
            inTotal: Set(inTotal.split(separator: " ").map(String.init)))
    }

    static let cases = [
        row("", ""),
        row("package-0", "package-0"),
        row("package-0 package-0/core package-0/uncore", "package-0"),
        row("package-0 package-0/dram", "package-0 package-0/dram"),
        row(
            "package-0 package-0/core package-0/dram package-1 package-1/core package-1/dram",
            "package-0 package-0/dram package-1 package-1/dram"),
        row("package-0 psys", "package-0"),
        row("psys package-0 package-0/uncore", "package-0"),
        row("package-0 package-1 psys psys-1", "package-0 package-1"),
        row("psys", "psys"),
        row("psys psys-1", "psys psys-1"),
        row("psys node", "psys"),
        row("package-0 node", "package-0"),
        row("package-0 wall node", "package-0"),
        row("wall node", "wall"),
        row("node", "node"),
        row("core uncore dram", ""),
        row("package-0/core package-0/dram", ""),
        row("package-0/core node", "node"),
        row("strange", ""),
        row("strange node", "node"),
        row("package-0 package-0", "package-0"),
        row("package-0-die-0 package-0-die-1", "package-0-die-0 package-0-die-1"),
        row("package-0-die-0 package-0-die-1", "package-0-die-0 package-0-die-1", of: 1),
        row("package-0-die-0 package-0-die-1 node", "node", of: 2),
        row("package-0", "package-0", of: 1),
        row("package-0", "", of: 2),
        row("package-0 node", "node", of: 2),
        row("package-0 package-0/dram psys node", "psys", of: 2),
        row("package-0 package-1", "package-0 package-1", of: 1),
        row("package-0 package-1/dram", "package-0"),
        row("package-0 dram", "package-0 dram"),
        row("package-0 gpu0 gpu1", "package-0 gpu0 gpu1"),
        row("gpu0 node", "node"),
        row("gpu0 host", "gpu0 host"),
        row("package-0 gpu0 host", "package-0 gpu0"),
        row("package-0 gpu0 host", "gpu0 host", of: 2),
        row("wall gpu0 host", "wall"),
        row("host", "host"),
        row("gpu0", ""),
        row("psys gpu0", "psys gpu0"),
    ]

    @Test("the total covers the node without counting anything twice", arguments: cases)
    func cover(_ row: Case) {
        let chosen = DomainCover.inTotal(row.metered, expectedPackages: row.expectedPackages)
        #expect(Set(chosen.map { row.metered[$0].name }) == row.inTotal)
        #expect(chosen.count == row.inTotal.count)
        #expect(chosen == chosen.sorted())
    }

    @Test("the order of the zones does not matter", arguments: cases)
    func order(_ row: Case) {
        guard !row.metered.contains(where: { $0.kind == .node }) else { return }
        let reversed = Array(row.metered.reversed())
        let chosen = DomainCover.inTotal(reversed, expectedPackages: row.expectedPackages)
        #expect(Set(chosen.map { reversed[$0].name }) == row.inTotal)
    }
}
