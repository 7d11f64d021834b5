import EnergyMeters
import Foundation
import HostProbe
import NodeModel
import Synchronization
import Testing

@Suite struct PowerModelTests {
    static let directory = checkout + "/Profiles/hardware"

    @Test("the file that is shipped is right, and every row names a source and can be reached") func shipped() throws {
        let model = try PowerModel.load(Self.directory)
        #expect(model.rows.count >= 10)
        #expect(Set(model.rows.map(\.id)).count == model.rows.count)
        for row in model.rows {
            let stepping = row.steppings?.first?.first
            let kind = ProcessorKind(
                vendor: row.vendor ?? "", family: row.family ?? 0, model: row.models?.first?.first ?? -1,
                stepping: stepping)
            #expect(model.row(for: kind).id == row.id)
        }
    }

    @Test(
        "a processor finds its family, any other the fallback",
        arguments: [
            ("AuthenticAMD", 26, 2, 1, "amd-zen5-epyc"), ("AuthenticAMD", 25, 17, 1, "amd-zen4-epyc"),
            ("GenuineIntel", 6, 85, 4, "intel-skylake-sp"), ("GenuineIntel", 6, 85, 7, "intel-cascade-lake"),
            ("GenuineIntel", 6, 143, nil, "intel-sapphire-rapids"), ("GenuineIntel", 6, 85, nil, "generic"),
            ("AuthenticAMD", 26, 200, 0, "generic"), ("", 0, 0, 0, "generic"),
        ] as [(String, Int, Int, Int?, String)])
    func rows(_ vendor: String, _ family: Int, _ model: Int, _ stepping: Int?, _ id: String) throws {
        let kind = ProcessorKind(vendor: vendor, family: family, model: model, stepping: stepping)
        #expect(try PowerModel.load(Self.directory).row(for: kind).id == id)
        #expect(try PowerModel.load(Self.directory).row(for: nil).id == "generic")
    }

    @Test(
        "a wrong file is refused with its path and the key",
        arguments: [
            ("\"idle_watts_per_thread\": 1", "\"idle_watts_per_thread\": -1", "rows[0].idle_watts_per_thread"),
            ("\"max_watts_per_thread\": 4", "\"max_watts_per_thread\": 0.5", "rows[0].max_watts_per_thread"),
            ("\"relative_uncertainty\": 0.3", "\"relative_uncertainty\": 0.1", "rows[0].relative_uncertainty"),
            ("\"source\": \"s\"", "\"source\": \"t\"", "rows[0].source"),
            ("\"nodewatt.cpu-power/1\"", "\"other/1\"", "schema"),
            ("\"max_watts_per_thread\": 4", "\"max_watts_per_thread\": \"4\"", "rows"),
            ("\"id\": \"r\", ", "", "rows"), ("{", "", "top level"),
        ])
    func refused(_ good: String, _ bad: String, _ place: String) throws {
        let row =
            "\"name\": \"r\", \"vendor\": \"V\", \"family\": 1, \"models\": [[1, 2]], \"idle_watts_per_thread\": 1, "
            + "\"max_watts_per_thread\": 4, \"relative_uncertainty\": 0.3, \"source\": \"s\""
        let text =
            "{\"schema\": \"nodewatt.cpu-power/1\", \"sources\": [{\"id\": \"s\", \"title\": \"\", \"url\": \"\", "
            + "\"licence\": \"\"}], \"rows\": [{\"id\": \"r\", \(row)}], \"fallback\": {\"id\": \"f\", \(row)}}"
        let folder = try TemporaryFolder()
        try folder.write("cpu_power.json", text)
        _ = try PowerModel.load(folder.path)
        let change = try #require(text.range(of: good))
        try folder.write("cpu_power.json", text.replacingCharacters(in: change, with: bad))
        let error = try #require(throws: InputError.self) { try PowerModel.load(folder.path) }
        #expect(error.source.hasSuffix("cpu_power.json"))
        #expect(error.place.contains(place))
    }

    @Test("a missing file is named") func missing() throws {
        let error = #expect(throws: InputError.self) { try PowerModel.load("/nowhere/at/all") }
        #expect(error?.description.contains("/nowhere/at/all/cpu_power.json") == true)
    }

    @Test("watts given replace the model's, and must make sense") func given() throws {
        let options = MeterOptions(idleWatts: Watts(40), maxWatts: Watts(200))
        let figures = try #require(try ModelledMeter.figures(options, processors: 8))
        #expect(figures.idleWatts == Watts(40) && figures.maxWatts == Watts(200))
        #expect(figures.relativeUncertainty >= 0.3)
        for (idle, peak) in [(200.0, 40.0), (-1, 5), (5, 5), (.nan, 5), (1, .infinity)] {
            let wrong = MeterOptions(idleWatts: Watts(idle), maxWatts: Watts(peak))
            #expect(throws: InputError.self) { try ModelledMeter.figures(wrong, processors: 8) }
        }
        let half = MeterOptions(profilesDirectory: Self.directory, maxWatts: Watts(500))
        #expect(try ModelledMeter.figures(half, processors: 8)?.idleWatts == Watts(0.74 * 8))
        #expect(try ModelledMeter.figures(MeterOptions(maxWatts: Watts(500)), processors: 8) == nil)
    }
}

/// Processor times that a test sets.
final class HandUtilisation: UtilisationSource {
    let processors = 4
    private let clock: MeterClock
    private let busy = Mutex(1000.0)

    init(clock: MeterClock) { self.clock = clock }

    func add(_ seconds: Double) { busy.withLock { $0 += seconds } }

    func read() throws -> ProcessorUse {
        ProcessorUse(instant: clock.now(), busySeconds: Seconds(busy.withLock { $0 }))
    }
}

@Suite struct ModelledMeterTests {
    @Test("energy is idle power over time and the rest over busy time") func energy() throws {
        let time = ManualClock()
        let use = HandUtilisation(clock: time.clock)
        let figures = PowerFigures(idleWatts: Watts(10), maxWatts: Watts(50), relativeUncertainty: 0.3, origin: "test")
        let meter = try ModelledMeter(figures, utilisation: use)
        #expect(meter.description.grade == .modelled)
        #expect(meter.description.domain.kind == .host)
        time.advance(10)
        #expect(try meter.read().reading == .counter(Joules(100)))
        time.advance(10)
        use.add(20)
        // 20 s idle at 10 W, half of 4 processors busy over 10 s at 40 W more
        #expect(try meter.read().reading == .counter(Joules(400)))
        use.add(-5)
        #expect(try meter.read().reading == .counter(Joules(400)))
    }

    @Test("its interval is at least 30 %") func interval() throws {
        let time = ManualClock()
        let use = HandUtilisation(clock: time.clock)
        let figures = PowerFigures(idleWatts: Watts(10), maxWatts: Watts(50), relativeUncertainty: 0.3, origin: "test")
        let accumulator = EnergyAccumulator(
            meters: [try ModelledMeter(figures, utilisation: use)], clock: time.clock, polling: .manual)
        accumulator.beginWindow()
        time.advance(10)
        use.add(40)
        let window = accumulator.endWindow()
        let total = try #require(window.total)
        #expect(abs(total.value.rawValue - 500) < 1e-9)
        #expect(total.low.rawValue <= 350 && total.high.rawValue >= 650)
        #expect(window.grade == .modelled)
        #expect(window.domains.map(\.source) == ["power model: test"])
    }

    @Test("this machine's processor times can be read") func procStat() throws {
        let source = try ProcStatUtilisation()
        #expect(source.processors > 0)
        let first = try source.read()
        let second = try source.read()
        #expect(second.busySeconds.rawValue >= first.busySeconds.rawValue - 1)
        #expect(throws: SystemFailure.self) { try ProcStatUtilisation(root: HostRoot("/nowhere")) }
    }

    @Test("cpuinfo names the processor") func cpuinfo() {
        let text =
            "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: X\n"
            + "stepping\t: 1\n"
        #expect(
            ProcessorKind(cpuinfo: text)
                == ProcessorKind(vendor: "AuthenticAMD", family: 26, model: 2, stepping: 1))
        #expect(ProcessorKind(cpuinfo: "processor: 0\nCPU implementer: 0x41\n") == nil)
        #expect(ProcessorKind(cpuinfo: "") == nil)
    }

    @Test("A virtual machine's share is uncertain to a factor of three, and its cores may be whole")
    func virtualMachine() {
        let figures = PowerFigures(idleWatts: Watts(1), maxWatts: Watts(5), relativeUncertainty: 0.3, origin: "row")
        let cores = figures.ofVirtualMachine(threadsPerCore: 1)
        #expect(cores.idleWatts == Watts(2) && cores.maxWatts == Watts(10) && cores.relativeUncertainty == 2)
        let threads = figures.ofVirtualMachine(threadsPerCore: 2)
        #expect(threads.maxWatts == Watts(5) && threads.relativeUncertainty == 2 && threads.origin.hasPrefix("row"))
    }
}
