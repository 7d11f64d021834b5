import Analysis
import NodeModel

/// A backend whose speed, results and failures are scripted.
final class ScriptedBackend: ComputeBackend {
    enum Behaviour { case right, wrong, wrongAfterTiming, unsupported, crashes }

    let name = "native"
    var behaviours: [WorkloadName: Behaviour] = [:]
    var onRun: () -> Void = {}
    private(set) var prepared: [WorkloadName] = []

    func devices(in topology: Topology) -> DeviceInventory { DeviceInventory(devices: [Simulated.device]) }

    func prepare(_ plan: TrialPlan, on device: Device, in topology: Topology, seed: UInt32) throws
        -> any PreparedWorkload
    {
        prepared.append(plan.workload.name)
        let behaviour = behaviours[plan.workload.name] ?? .right
        if behaviour == .unsupported { throw TrialFailure(.unsupported, "no such unit") }
        return ScriptedWorkload(behaviour: behaviour, onRun: onRun)
    }
}

/// A workload of exactly 1 ms a repetition on a clock of its own.
final class ScriptedWorkload: PreparedWorkload {
    let work = Work(flops: Flops(2_000_000), bytes: 1_000, tokens: 1)
    let notes = ["isa": "scripted"]
    private let behaviour: ScriptedBackend.Behaviour
    private let onRun: () -> Void
    private var now = MonotonicInstant(nanoseconds: 1_000)
    private var verifications = 0
    private var clocks = 0

    init(behaviour: ScriptedBackend.Behaviour, onRun: @escaping () -> Void) {
        self.behaviour = behaviour
        self.onRun = onRun
    }

    func measuredClock() -> ClockSpread? {
        clocks += 1
        return ClockSpread(lowHertz: Hertz(1e9), medianHertz: Hertz(1e9 * Double(clocks)), highHertz: Hertz(9e9))
    }

    func run(repetitions: Int) throws -> TimedBatch {
        if behaviour == .crashes { throw TrialFailure(.failed, "device lost") }
        onRun()
        let start = now
        now = now.advanced(by: Seconds(0.001) * Double(repetitions))
        return TimedBatch(start: start, end: now, repetitions: repetitions)
    }

    func verify() -> Verification {
        verifications += 1
        let passed = behaviour != .wrong && !(behaviour == .wrongAfterTiming && verifications > 1)
        return Verification(passed: passed, method: "scripted", worst: passed ? 0 : .infinity)
    }
}

/// Meters that always say 50 J in a window of 1 s.
final class ScriptedMetering: EnergyMetering {
    let descriptions: [MeterDescription] = []
    let minimumWindow = Seconds(0.2)
    let currentPower: Watts? = Watts(50)
    private(set) var open = 0

    func beginWindow() { open += 1 }

    func endWindow() -> WindowEnergy {
        open -= 1
        let domain = DomainEnergy(
            name: "package-0", kind: .package, source: "scripted", grade: .counter, energyJoules: Joules(50),
            inTotal: true)
        return WindowEnergy(
            durationSeconds: Seconds(1), total: Estimate(Joules(50)), grade: .counter, domains: [domain])
    }
}

final class ScriptedConditions: ConditionObserver {
    func begin() {}
    func sample() {}
    func end() -> MeasurementConditions { MeasurementConditions(stealFraction: 0) }
}

/// Keeps everything in memory; can refuse.
final class MemoryStore: SessionStore {
    var refuses = false
    private(set) var begun: SessionRecord?
    private(set) var trials: [TrialRecord] = []
    private(set) var finished: SessionRecord?

    func begin(_ session: SessionRecord) { begun = session }

    func append(_ trial: TrialRecord, to sessionId: String) throws {
        if refuses { throw SystemFailure(action: "store", reason: "disk full") }
        trials.append(trial)
    }

    func finish(_ session: SessionRecord) { finished = session }
}

enum Simulated {
    static let device = Device(
        id: .cpu, kind: .cpu, backend: "native", name: "scripted", vendor: "none", driver: "none", computeUnits: 2,
        memoryBytes: 1 << 34, maximumAllocationBytes: 1 << 34)

    static func topology(isThisSystem: Bool = true, quota: Double? = nil) -> Topology {
        var root = TopologyObject(kind: .machine, logicalIndex: 0, threads: [0, 1, 2, 3])
        root.children = (0..<2).map { core in
            var object = TopologyObject(kind: .core, logicalIndex: core, threads: [core, core + 2])
            object.children = [core, core + 2].map {
                TopologyObject(kind: .thread, logicalIndex: $0, osIndex: $0, threads: [$0])
            }
            return object
        }
        var cache = TopologyObject(kind: .l3Cache, logicalIndex: 0)
        cache.cacheBytes = 512 << 20
        root.children.append(cache)
        return Topology(
            origin: isThisSystem ? .thisSystem : .synthetic(description: "x"), isThisSystem: isThisSystem, root: root,
            allowedThreads: [0, 1, 2, 3], cgroup: CgroupLimits(cpuQuota: quota))
    }

    static let model = ModelShape(
        name: "tiny", source: "test", layers: 2, hidden: 64, feedForward: 160, heads: 4, keyValueHeads: 2,
        headDimension: 16, vocabulary: 96)

    static func session(isThisSystem: Bool = true) -> SessionRecord {
        let factor = GridFactor(
            zone: "WORLD", name: "world", gramsPerKwh: GramsPerKilowattHour(480), gas: "CO2e", scope: "life-cycle",
            year: 2023, source: "test", url: "")
        return SessionRecord(
            sessionId: "s", startedAt: "2026-01-01T00:00:00Z", nodewattVersion: "0", isThisSystem: isThisSystem,
            suite: "quick", seed: 1,
            node: NodeIdentity(
                host: "h",
                fingerprint: NodeFingerprint(
                    cpuModel: "c", architecture: "x86_64", shape: "1p2c4t", memoryBytes: 1, kernel: "6")),
            site: SiteFacts(factor: Sourced(factor, source: "test"), pue: Sourced(1, source: "test")),
            topology: topology(isThisSystem: isThisSystem), devices: [device], meters: [], unavailable: [], warnings: []
        )
    }
}
