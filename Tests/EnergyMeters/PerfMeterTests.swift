import EnergyMeters
import HostProbe
import NodeModel
import Synchronization
import Testing

/// A kernel with a `power` PMU whose counts a test sets.
private final class FakeKernel: PerfOpening {
    let refusal: Int32?
    let opened = Mutex<[String]>([])

    init(refusal: Int32? = nil) { self.refusal = refusal }

    func open(type: UInt32, config: UInt64, processor: Int) throws(PerfRefusal) -> any PerfCounter {
        if let refusal { throw PerfRefusal(errorNumber: refusal) }
        opened.withLock { $0.append("\(type):\(config)@\(processor)") }
        return FakeCounter()
    }
}

private final class FakeCounter: PerfCounter {
    private let value = Mutex<UInt64>(0)
    func count() throws(SystemFailure) -> UInt64 {
        value.withLock { value in
            value += 1 << 32
            return value
        }
    }
}

@Suite struct PerfMeterTests {
    private static let scale = "2.3283064365386962890625e-10"
    private static let intel = ProcessorKind(vendor: "GenuineIntel", family: 6, model: 0x6a)

    /// A tree with the `power` PMU; processors as (number, package, die).
    private static func tree(
        _ processors: [(Int, Int, Int)], events: [(String, String)] = [("energy-pkg", "event=0x02")]
    ) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let unit = "sys/bus/event_source/devices/power"
        try folder.write("\(unit)/type", "32\n")
        try folder.write("\(unit)/cpumask", processors.map { "\($0.0)" }.joined(separator: ",") + "\n")
        for (name, terms) in events {
            try folder.write("\(unit)/events/\(name)", terms + "\n")
            try folder.write("\(unit)/events/\(name).scale", scale + "\n")
            try folder.write("\(unit)/events/\(name).unit", "Joules\n")
        }
        for (number, package, die) in processors {
            try folder.write("sys/devices/system/cpu/cpu\(number)/topology/physical_package_id", "\(package)\n")
            try folder.write("sys/devices/system/cpu/cpu\(number)/topology/die_id", "\(die)\n")
        }
        return folder
    }

    private static func discover(
        _ folder: TemporaryFolder, _ kernel: FakeKernel = FakeKernel(), _ processor: ProcessorKind? = intel
    ) -> MeterInventory {
        PerfMeter.discover(HostRoot(folder.path), kernel, MeterOptions(processor: processor))
    }

    @Test("each package has its events, named as powercap names them, in joules") func twoPackages() throws {
        let folder = try Self.tree(
            [(0, 0, 0), (28, 1, 0)], events: [("energy-pkg", "event=0x02"), ("energy-ram", "event=0x03")])
        let kernel = FakeKernel()
        let found = Self.discover(folder, kernel)
        #expect(found.unavailable.isEmpty)
        #expect(
            found.meters.map(\.description.domain.name) == [
                "package-0", "package-0/dram", "package-1", "package-1/dram",
            ])
        #expect(kernel.opened.withLock { $0 } == ["32:2@0", "32:3@0", "32:2@28", "32:3@28"])
        let reading = try #require(found.meters.first).read()
        guard case .counter(let joules) = reading.reading else { return #expect(Bool(false), "not a counter") }
        #expect(abs(joules.rawValue - 1) < 1e-12)
        #expect(DomainCover.inTotal(found.meters.map(\.description.domain), expectedPackages: 2) == [0, 1, 2, 3])
    }

    @Test("dies count apart on Intel and once on AMD") func dies() throws {
        let folder = try Self.tree([(0, 0, 0), (24, 0, 1)])
        #expect(
            Self.discover(folder).meters.map(\.description.domain.name) == ["package-0-die-0", "package-0-die-1"])
        let amd = ProcessorKind(vendor: "AuthenticAMD", family: 25, model: 1)
        #expect(Self.discover(folder, FakeKernel(), amd).meters.map(\.description.domain.name) == ["package-0"])
    }

    @Test("the platform is apart, and as coarse as its register on Sapphire Rapids") func platform() throws {
        let folder = try Self.tree([(0, 0, 0), (56, 1, 0)], events: [("energy-psys", "event=0x05")])
        let sapphireRapids = ProcessorKind(vendor: "GenuineIntel", family: 6, model: 0x8f)
        let found = Self.discover(folder, FakeKernel(), sapphireRapids).meters.map(\.description)
        #expect(found.map(\.domain.name) == ["psys", "psys-1"])
        #expect(found.allSatisfy { $0.resolutionJoules == Joules(1) && $0.domain.kind == .platform })
        #expect(Self.discover(folder).meters.allSatisfy { $0.description.resolutionJoules < Joules(1e-3) })
    }

    @Test("a refusal says the command that mends it", arguments: [(2, nil), (4, "paranoid=2")] as [(Int, String?)])
    func refused(_ paranoia: Int, _ beside: String?) throws {
        let folder = try Self.tree([(0, 0, 0)])
        try folder.write("proc/sys/kernel/perf_event_paranoid", "\(paranoia)\n")
        let found = Self.discover(folder, FakeKernel(refusal: 13))
        #expect(found.meters.isEmpty)
        #expect(found.unavailable.map(\.subject) == ["perf package-0"])
        let note = try #require(found.unavailable.first)
        #expect(note.reason == "perf_event_open: Permission denied; kernel.perf_event_paranoid is \(paranoia)")
        let remedies = note.remedies ?? []
        #expect(remedies.map(\.commands.count) == [beside == nil ? 1 : 2, 1])
        #expect(remedies[0].commands[0].contains("setcap cap_perfmon=ep"))
        if let beside { #expect(remedies[0].commands[1].hasSuffix(beside)) }
        #expect(remedies[1].commands == ["sudo sysctl kernel.perf_event_paranoid=0"])
    }

    @Test(
        "a description that makes no sense gives no meter",
        arguments: [
            ("events/energy-pkg", "event=0xzz"), ("events/energy-pkg", "umask=0x1"), ("events/energy-pkg.scale", "-1"),
            ("events/energy-pkg.scale", "nan"), ("events/energy-pkg.unit", "Watts"), ("type", "power"),
            ("cpumask", "a-b"), ("cpumask", ""),
        ])
    func garbage(_ file: String, _ text: String) throws {
        let folder = try Self.tree([(0, 0, 0)])
        try folder.write("sys/bus/event_source/devices/power/\(file)", text)
        let found = Self.discover(folder)
        #expect(found.meters.isEmpty)
        #expect(file.hasPrefix("events") == found.unavailable.isEmpty)
    }

    @Test("without the PMU there is nothing, and nothing to complain of") func absent() throws {
        let found = Self.discover(try TemporaryFolder())
        #expect(found.meters.isEmpty && found.unavailable.isEmpty)
    }

    @Test("the kernel's own clock event counts time on a processor") func realEvent() throws {
        let counter: any PerfCounter
        do {
            // PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK: nanoseconds, on hardware without any counter too.
            counter = try KernelPerf().open(type: 1, config: 0, processor: 0)
        } catch {
            // What an unprivileged user gets; the refusal itself is then what was tested.
            #expect([1, 13].contains(error.errorNumber))
            return
        }
        let first = try counter.count()
        var sum = 0.0
        for index in 0..<2_000_000 { sum += Double(index).squareRoot() }
        #expect(try counter.count() > first && sum > 0)
    }
}

@Suite struct CrossCheckTests {
    private static func window(_ one: Double, _ other: Double?) -> WindowEnergy {
        let clock = ManualClock()
        var perf = meter("package-0", package: 0, range: nil, update: 1e-3)
        perf.source = "perf_event"
        var powercap = meter("package-0", package: 0, update: 1e-3)
        powercap.source = "libpowercap"
        let meters = [HandMeter(perf, clock: clock.clock), HandMeter(powercap, clock: clock.clock)]
        let accumulator = EnergyAccumulator(meters: meters, clock: clock.clock, polling: .manual)
        accumulator.beginWindow()
        clock.advance(1)
        one.isNaN ? meters[0].fail() : meters[0].show(one)
        if let other { meters[1].show(other) } else { meters[1].fail() }
        return accumulator.endWindow()
    }

    @Test("two sources of one domain count once, the first") func once() {
        let window = Self.window(100, 100.2)
        #expect(window.total?.value == Joules(100))
        #expect(window.domains.map(\.inTotal) == [true, false])
        #expect(window.domains.allSatisfy { $0.problem == nil })
    }

    @Test("sources that disagree both say so, and the interval holds both") func disagreement() throws {
        let window = Self.window(100, 150)
        let total = try #require(window.total)
        #expect(total.value == Joules(100) && total.high >= Joules(150))
        #expect(window.domains.allSatisfy { $0.problem?.contains("libpowercap 150.0 J") == true })
    }

    @Test("where the first source fails the second counts") func standIn() {
        let window = Self.window(.nan, 150)
        #expect(window.total?.value == Joules(150))
        #expect(window.domains.map(\.inTotal) == [false, true])
        #expect(Self.window(100, nil).total?.value == Joules(100))
    }
}
