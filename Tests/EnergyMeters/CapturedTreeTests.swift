import EnergyMeters
import Foundation
import NodeModel
import Testing

@Suite struct CapturedTreeTests {
    /// Writes a zone of a captured tree.
    static func zone(
        _ folder: TemporaryFolder, _ path: String, _ name: String, energy: String = "1000000\n",
        range: String = "262143328850\n", constraints: [(String, String)] = []
    ) throws {
        let base = "sys/class/powercap/" + path + "/"
        try folder.write(base + "name", name + "\n")
        try folder.write(base + "energy_uj", energy)
        try folder.write(base + "max_energy_range_uj", range)
        for (index, constraint) in constraints.enumerated() {
            try folder.write(base + "constraint_\(index)_name", constraint.0 + "\n")
            try folder.write(base + "constraint_\(index)_power_limit_uw", constraint.1 + "\n")
        }
    }

    static func discover(_ folder: TemporaryFolder, processor: ProcessorKind? = nil, packages: Int? = nil) throws
        -> MeterInventory
    {
        try MeterCatalogue.discover(
            MeterOptions(capturedRoot: folder.path, expectedPackages: packages, processor: processor))
    }

    @Test("a client with peak_power and psys-1 shows all its zones") func client() throws {
        let folder = try TemporaryFolder()
        try Self.zone(
            folder, "intel-rapl/intel-rapl:0", "package-0",
            constraints: [("long_term", "55000000"), ("short_term", "157000000"), ("peak_power", "0")])
        try Self.zone(folder, "intel-rapl/intel-rapl:0/intel-rapl:0:0", "core")
        try Self.zone(folder, "intel-rapl/intel-rapl:3", "psys-1")
        let meters = try Self.discover(folder).meters.map(\.description)
        #expect(meters.map(\.domain.name) == ["package-0", "package-0/core", "psys-1"])
        #expect(meters.map(\.id) == ["captured:intel-rapl:0", "captured:intel-rapl:0:0", "captured:intel-rapl:3"])
        #expect(meters.allSatisfy { $0.source == "captured tree" && $0.grade == .counter })
        #expect(RAPLMeter.packagePowerCaps(MeterOptions(capturedRoot: folder.path)) == [55])
    }

    @Test("the modulus is the largest value plus one unit of 2^-14 J") func modulus() throws {
        let folder = try TemporaryFolder()
        // (2^32 - 1) * 2^-14 J in whole microjoules
        try Self.zone(folder, "intel-rapl/intel-rapl:0", "package-0", range: "262143999938\n")
        let meter = try #require(try Self.discover(folder).meters.first).description
        #expect(abs(meter.resolutionJoules.rawValue * 16384 - 1) < 1e-9)
        #expect(abs((meter.wrapRangeJoules?.rawValue ?? 0) - 262_144) < 2e-6)
    }

    @Test("a reading is the file's microjoules") func reading() throws {
        let folder = try TemporaryFolder()
        try Self.zone(folder, "intel-rapl/intel-rapl:0", "package-0", energy: "123456789\n")
        let meter = try #require(try Self.discover(folder).meters.first)
        #expect(try meter.read().reading == .counter(Joules(123.456789)))
        try folder.write("sys/class/powercap/intel-rapl/intel-rapl:0/energy_uj", "999999999999999\n")
        #expect(throws: SystemFailure.self) { try meter.read() }
        try folder.write("sys/class/powercap/intel-rapl/intel-rapl:0/energy_uj", "garbage\n")
        #expect(throws: SystemFailure.self) { try meter.read() }
    }

    @Test(
        "damaged zones are named and do not hide the others",
        arguments: [
            ("energy_uj", "garbage\n"), ("energy_uj", ""), ("energy_uj", "-5\n"), ("max_energy_range_uj", "0\n"),
            ("max_energy_range_uj", "99999999999999999999999\n"), ("max_energy_range_uj", "\u{1B}[31m\n"),
        ])
    func damaged(_ file: String, _ text: String) throws {
        let folder = try TemporaryFolder()
        try Self.zone(folder, "intel-rapl/intel-rapl:0", "package-0")
        try Self.zone(folder, "intel-rapl/intel-rapl:1", "package-1")
        try folder.write("sys/class/powercap/intel-rapl/intel-rapl:0/" + file, text)
        let inventory = try Self.discover(folder)
        #expect(inventory.meters.map(\.description.domain.name) == ["package-1"])
        let note = try #require(inventory.unavailable.first { $0.subject == "rapl intel-rapl:0" })
        #expect(note.reason.contains(file))
        #expect(!note.reason.contains("\u{1B}"))
    }

    @Test("a package short is said, and the rest is still shown") func missingPackage() throws {
        let folder = try TemporaryFolder()
        try Self.zone(folder, "intel-rapl/intel-rapl:1", "package-1")
        let inventory = try Self.discover(folder, packages: 2)
        #expect(inventory.meters.count == 1)
        #expect(inventory.unavailable.contains { $0.reason.contains("1 of 2 packages") })
    }

    @Test("mirrored dies of AMD are counted once, dies of Intel are all counted") func dies() throws {
        let folder = try TemporaryFolder()
        for die in 0..<2 { try Self.zone(folder, "intel-rapl/intel-rapl:\(die)", "package-0-die-\(die)") }
        let amd = ProcessorKind(vendor: "AuthenticAMD", family: 25, model: 17)
        let intel = ProcessorKind(vendor: "GenuineIntel", family: 6, model: 85)
        #expect(try Self.discover(folder, processor: amd).meters.count == 1)
        #expect(try Self.discover(folder, processor: amd).unavailable.contains { $0.subject == "rapl intel-rapl:1" })
        #expect(try Self.discover(folder, processor: intel).meters.count == 2)
    }

    @Test("the same package through MSR and MMIO is counted once") func twins() throws {
        let folder = try TemporaryFolder()
        try Self.zone(folder, "intel-rapl-mmio/intel-rapl-mmio:0", "package-0")
        #expect(try Self.discover(folder).meters.map(\.description.id) == ["captured:intel-rapl-mmio:0"])
        try Self.zone(folder, "intel-rapl/intel-rapl:0", "package-0")
        #expect(try Self.discover(folder).meters.map(\.description.id) == ["captured:intel-rapl:0"])
    }

    @Test("an absurd power limit does not switch the check of readings off") func absurdLimit() throws {
        let folder = try TemporaryFolder()
        try Self.zone(
            folder, "intel-rapl/intel-rapl:0", "package-0", constraints: [("long_term", "18446744073709551615")])
        let meter = try #require(try Self.discover(folder).meters.first as? any PowerBounded)
        #expect(meter.plausibleWatts == Watts(2000))
    }

    @Test("nothing there is a status with a reason") func empty() throws {
        let folder = try TemporaryFolder()
        let inventory = try Self.discover(folder)
        #expect(inventory.meters.isEmpty)
        #expect(inventory.unavailable.contains { $0.subject == "rapl" && $0.reason.contains("does not exist") })
        #expect(RAPLMeter.packagePowerCaps(MeterOptions(capturedRoot: folder.path)).isEmpty)
    }
}
