import EnergyMeters
import Foundation
import NodeModel
import Testing

@Suite struct HwmonMeterTests {
    /// A chip of a captured tree: its name and files.
    private static func chip(_ folder: TemporaryFolder, _ number: Int, _ name: String, _ files: [String: String]) throws
    {
        let base = "sys/class/hwmon/hwmon\(number)/"
        try folder.write(base + "name", name + "\n")
        for (file, text) in files { try folder.write(base + file, text + "\n") }
    }

    private static func discover(_ folder: TemporaryFolder) throws -> MeterInventory {
        try HwmonMeter.kind.discover(MeterOptions(capturedRoot: folder.path))
    }

    @Test("an ACPI meter is a wall meter of the node, as exact and as slow as it says") func acpi() throws {
        let folder = try TemporaryFolder()
        try Self.chip(
            folder, 0, "power_meter",
            ["power1_average": "412000000", "power1_average_interval": "2000", "power1_accuracy": "98.0%"])
        let meter = try #require(try Self.discover(folder).meters.first)
        let description = meter.description
        #expect(description.grade == .wall && description.domain.kind == .node)
        #expect(description.updatePeriodSeconds == Seconds(2) && description.samplesPower == true)
        #expect(abs(description.relativeUncertainty - 0.02) < 1e-9)
        #expect(try meter.read().reading == .power(Watts(412)))
    }

    @Test("cards are named for their place on the bus, and a part of one is not added") func cards() throws {
        let folder = try TemporaryFolder()
        try Self.chip(
            folder, 1, "amdgpu",
            [
                "power1_average": "301000000", "power1_label": "PPT",
                "device/uevent": "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:c1:00.0\nMODALIAS=x",
            ])
        try Self.chip(
            folder, 2, "xe",
            [
                "energy1_input": "5000000", "energy1_label": "card", "energy2_input": "4000000",
                "energy2_label": "pkg", "power1_max": "300000000", "device/uevent": "PCI_SLOT_NAME=0000:03:00.0",
            ])
        let found = try Self.discover(folder).meters
        #expect(found.map(\.description.domain.name) == ["gpu-0000:c1:00.0", "gpu-0000:03:00.0", "xe/pkg"])
        #expect(found.map(\.description.domain.kind) == [.gpu, .gpu, .other])
        #expect(
            try found.map { try $0.read().reading } == [.power(Watts(301)), .counter(Joules(5)), .counter(Joules(4))])
    }

    @Test("what an APU shows holds its cores too, so it is not added to their package") func processorGraphics() throws
    {
        let folder = try TemporaryFolder()
        try Self.chip(folder, 1, "amdgpu", ["power1_average": "30000000", "in1_label": "vddnb"])
        try Self.chip(folder, 2, "amdgpu", ["power1_average": "500000000", "device/device": "0x74a0"])
        try Self.chip(folder, 3, "amdgpu", ["power1_average": "500000000", "device/device": "0x74a1"])
        let found = try Self.discover(folder).meters.map(\.description)
        #expect(found.map(\.domain.kind) == [.other, .other, .gpu])
        #expect(found[0].boundary.contains("processor cores included"))
    }

    @Test("sockets of amd_energy are packages, its cores are not added to them") func sockets() throws {
        let folder = try TemporaryFolder()
        try Self.chip(
            folder, 0, "amd_energy",
            ["energy1_input": "1", "energy1_label": "Ecore000", "energy2_input": "9", "energy2_label": "Esocket1"])
        let domains = try Self.discover(folder).meters.map(\.description.domain)
        #expect(domains.map(\.kind) == [.core, .package])
        #expect(domains.last == EnergyDomain(name: "package-1", kind: .package, package: 1))
        #expect(DomainCover.inTotal(domains) == [1])
    }

    @Test("a chip nobody knows is shown and never counted") func unknown() throws {
        let folder = try TemporaryFolder()
        try Self.chip(folder, 4, "ina3221", ["power1_input": "7000000", "power1_label": "VDD_IN"])
        let domains = try Self.discover(folder).meters.map(\.description.domain)
        #expect(domains == [EnergyDomain(name: "ina3221/VDD_IN", kind: .other)])
        #expect(DomainCover.inTotal(domains).isEmpty)
    }

    @Test(
        "what stands for unknown gives no meter, and says so",
        arguments: [
            "0", "-5", "4294967295000", "4294967295", "2147483647", "50000000000", "garbage", "", "1e9",
            "99999999999999999999",
        ])
    func hostile(_ text: String) throws {
        let folder = try TemporaryFolder()
        try Self.chip(folder, 0, "power_meter", ["power1_average": text])
        let found = try Self.discover(folder)
        #expect(found.meters.isEmpty)
        #expect(found.unavailable.map(\.subject) == ["hwmon power_meter power1"])
        #expect(found.unavailable.first?.reason.contains("hwmon0/power1_average") == true)
    }

    @Test("a sensor that is switched off is not read, and the command that switches it on is told") func off() throws {
        let folder = try TemporaryFolder()
        try Self.chip(folder, 0, "amdgpu", ["power1_input": "9000000", "power1_enable": "0"])
        let found = try Self.discover(folder)
        #expect(found.meters.isEmpty)
        #expect(found.unavailable.first?.reason.contains("power1_enable") == true)
    }

    @Test("names from outside are cleaned") func names() throws {
        let folder = try TemporaryFolder()
        try Self.chip(folder, 0, "evil\u{1b}[31m\u{7}", ["power1_input": "9000000", "power1_label": "a\tb\u{0}c"])
        let meters = try Self.discover(folder).meters.map(\.description)
        #expect(meters.count == 1)
        #expect(meters.allSatisfy { !($0.id + $0.domain.name).unicodeScalars.contains { $0.value < 32 } })
    }

    @Test("a power averaged over minutes tells nothing of a window of seconds") func minutes() throws {
        let clock = ManualClock()
        var slow = meter("node", .node, grade: .wall, range: nil, update: 300)
        slow.samplesPower = true
        let hand = HandMeter(slow, clock: clock.clock)
        hand.show(watts: 400)
        let accumulator = EnergyAccumulator(meters: [hand], clock: clock.clock, polling: .manual)
        accumulator.beginWindow()
        clock.advance(10)
        let short = accumulator.endWindow()
        #expect(short.total == nil)
        #expect(short.domains.first?.problem?.contains("averages over 300.0 s") == true)
        accumulator.beginWindow()
        for _ in 0..<40 {
            clock.advance(10)
            accumulator.poll()
        }
        #expect(accumulator.endWindow().total?.value == Joules(160_000))
    }
}
