import EnergyMeters
import NodeModel
import Testing

@Suite struct RAPLTreeTests {
    @Test(
        "zone names become domains",
        arguments: [
            ("package-0", EnergyDomainKind.package, 0), ("package-12", .package, 12), ("package-1-die-3", .package, 1),
            ("psys", .platform, nil), ("psys-1", .platform, nil), ("core", .core, nil), ("uncore", .uncore, nil),
            ("dram", .dram, nil), ("package", .other, nil), ("package-", .other, nil), ("package-x", .other, nil),
            ("package-0-die-", .other, nil), ("package-0-chip-1", .other, nil),
            ("package-99999999999999999999", .other, nil),
            ("package--1", .other, nil), ("psys-", .other, nil), ("CORE", .other, nil), ("", .other, nil),
        ] as [(String, EnergyDomainKind, Int?)])
    func names(_ name: String, _ kind: EnergyDomainKind, _ package: Int?) {
        let domain = RAPLTree.domain(name, in: nil)
        #expect(domain.kind == kind)
        #expect(domain.package == package)
        #expect(!domain.name.isEmpty)
    }

    @Test("a zone inside a package carries its name and number") func nested() {
        let package = RAPLTree.domain("package-1", in: nil)
        #expect(RAPLTree.domain("dram", in: package) == EnergyDomain(name: "package-1/dram", kind: .dram, package: 1))
        #expect(RAPLTree.domain("package-0", in: package).kind == .other)
    }

    @Test(
        "only folder names that libpowercap would write are zones",
        arguments: [
            ("intel-rapl:0", [0]), ("intel-rapl:1f", [31]), ("intel-rapl:ffffffff", [UInt32.max]),
            ("intel-rapl:1F", nil), ("intel-rapl:00", nil), ("intel-rapl:", nil), ("intel-rapl", nil),
            ("intel-rapl:0:1", nil), ("intel-rapl:-1", nil), ("intel-rapl:+1", nil), ("intel-rapl:100000000", nil),
            ("intel-rapl:0/../..", nil), ("power", nil), ("intel-rapl-mmio:0", nil), ("", nil),
        ] as [(String, [UInt32]?)])
    func folders(_ folder: String, _ path: [UInt32]?) {
        let root = PowercapAddress(controlType: "intel-rapl", path: [])
        #expect(RAPLTree.address(folder, in: root)?.path == path)
    }

    @Test("a zone's folder is nested as the kernel nests it") func nesting() {
        let address = PowercapAddress(controlType: "intel-rapl", path: [10, 1])
        #expect(address.name == "intel-rapl:a:1")
        #expect(address.folder == "intel-rapl/intel-rapl:a/intel-rapl:a:1")
    }

    @Test(
        "what shows the same energy is counted once",
        arguments: [
            (["package-0", "package-1"], [:], [nil, nil]),
            (["package-0", "psys", "package-0"], [:], [nil, nil, "package-0"]),
            (
                ["package-0-die-0", "package-0-die-1"], ["package-0-die-1": "package-0-die-0"],
                [nil, "package-0-die-0"]
            ),
        ] as [([String], [String: String], [String?])])
    func mirrors(_ names: [String], _ twins: [String: String], _ expected: [String?]) {
        let domains = names.map { RAPLTree.domain($0, in: nil) }
        #expect(RAPLTree.mirrors(domains, twins: twins) == expected)
    }

    @Test(
        "dies of a package and packages beyond the machine's are doubtful",
        arguments: [
            (["package-0", "package-1"], 2, [:]), (["package-0", "package-1"], nil, [:]),
            (["package-0", "package-1"], 1, ["package-1": "package-0"]),
            (["package-0-die-0", "package-0-die-1"], 1, ["package-0-die-1": "package-0-die-0"]),
            (
                ["package-0-die-0", "package-1-die-0", "psys", "package-1-die-1"], 2,
                ["package-1-die-1": "package-1-die-0"]
            ),
            (["package-0", "package-0"], 1, [:]),
        ] as [([String], Int?, [String: String])])
    func doubtful(_ names: [String], _ packages: Int?, _ expected: [String: String]) {
        let domains = names.map { RAPLTree.domain($0, in: nil) }
        #expect(RAPLTree.doubtful(domains, packages: packages) == expected)
    }
}
