import HostProbe
import Testing

@Suite struct ProcessorPlacesTests {
    static func probe(packages: [String?]) throws -> HostProbe {
        var files = ["sys/devices/system/cpu/online": "0-3\n"]
        for (index, package) in packages.enumerated() {
            files["sys/devices/system/cpu/cpu\(index)/topology/physical_package_id"] = package.map { $0 + "\n" }
        }
        return try FixtureRoot(files).probe
    }

    @Test(
        "packages are counted where the kernel tells all of them",
        arguments: [
            (["0", "0", "1", "1"], 2), (["0", "0", "0", "0"], 1), (["36", "36", "36", "4096"], 2),
            (["-1", "-1", "-1", "-1"], nil), (["0", "0", "0", nil], nil), (["0", "x", "0", "0"], nil),
        ] as [([String?], Int?)])
    func packages(_ packages: [String?], _ expected: Int?) throws {
        let probe = try Self.probe(packages: packages)
        #expect(probe.onlineProcessors == [0, 1, 2, 3])
        #expect(probe.packages(of: probe.onlineProcessors) == expected)
    }

    @Test("without a kernel's list nothing is known") func nothing() throws {
        let probe = try FixtureRoot().probe
        #expect(probe.onlineProcessors.isEmpty && probe.packages(of: []) == nil)
    }
}
