import Engine
import NodeModel
import Testing

@Suite struct SessionRunnerTests {
    private let backend = ScriptedBackend()
    private let metering = ScriptedMetering()
    private let store = MemoryStore()

    private func run(
        isThisSystem: Bool = true, interruptAfter: Int = .max, plans: [TrialPlan]? = nil, idle: Seconds? = nil,
        onEvent: @escaping (SessionEvent) -> Void = { _ in }
    ) throws -> SessionRecord {
        var runs = 0
        backend.onRun = { runs += 1 }
        var suite = try #require(Suite.all[.quick])
        suite.idleTime = idle ?? suite.idleTime
        let environment = SessionEnvironment(
            backends: ["native": backend], metering: metering, conditions: { _ in ScriptedConditions() }, store: store,
            sleep: { _ in }, timestamp: { "2026-01-01T00:01:00Z" }, isInterrupted: { runs > interruptAfter },
            onEvent: onEvent)
        var runner = SessionRunner(
            session: Simulated.session(isThisSystem: isThisSystem), suite: suite, environment: environment)
        let planner = Planner(
            suite: suite, selection: TrialSelection(), model: Simulated.model, topology: Simulated.topology(),
            minimumWindow: Seconds(0.2))
        return try runner.run(plans ?? planner.plan([Simulated.device]))
    }

    @Test func measuresAndStoresEveryTrial() throws {
        let session = try run()
        #expect(session.trials.map(\.status) == Array(repeating: .measured, count: 5))
        #expect(session.trials.allSatisfy { $0.verified && $0.energyGrade == .counter })
        // 1 ms and 2 MFLOP a repetition on the scripted clock.
        #expect(session.trials.allSatisfy { abs(($0.flopsPerSecond?.rawValue ?? 0) / 2e9 - 1) < 1e-6 })
        #expect(session.idle.watts == Watts(50))
        #expect(session.trials.allSatisfy { $0.gramsCo2ePerMillionTokens != nil })
        #expect(store.trials.count == 5 && store.finished?.endedAt != nil)
        #expect(metering.open == 0)
    }

    @Test func noIdleTimeGivesNoIdlePower() throws {
        let session = try run(idle: .zero)
        #expect(session.idle.watts == nil && session.idle.beforeWatts == nil && session.idle.afterWatts == nil)
        #expect(session.trials.allSatisfy { $0.energyNetJoules == nil && $0.flopsPerWattNet == nil })
        #expect(!session.warnings.contains { $0.code == "idle-load" })
    }

    @Test func clocksAreMeasuredBeforeAndAfter() throws {
        let conditions = try #require(try run().trials.first?.conditions)
        #expect(conditions.measuredClockBefore?.medianHertz == Hertz(1e9))
        #expect(conditions.measuredClockAfter?.medianHertz == Hertz(2e9))
    }

    @Test func samplesForTheWholeMinimumTime() throws {
        let trial = try #require(try run().trials.first)
        #expect(trial.samplesSeconds.reduce(0, +) * Double(trial.repetitions ?? 0) >= 2.499)
    }

    @Test(arguments: [ScriptedBackend.Behaviour.wrong, .wrongAfterTiming]) func wrongResultsHaveNoSpeed(
        behaviour: ScriptedBackend.Behaviour
    ) throws {
        backend.behaviours[.gemm] = behaviour
        let session = try run()
        let gemm = try #require(session.trials.first { $0.workload == .gemm })
        #expect(gemm.status == .failed && gemm.flopsPerSecond == nil && !gemm.verified)
        #expect(session.trials.filter { $0.status == .measured }.count == 4)
    }

    @Test func failuresAreRowsAndTheRestGoesOn() throws {
        backend.behaviours = [.peak: .unsupported, .llm: .crashes]
        let session = try run()
        #expect(session.trials.map(\.status) == [.unsupported, .measured, .measured, .failed, .failed])
        #expect(session.trials.first?.reason == "no such unit")
        #expect(session.trials.last?.reason == "device lost")
        #expect(metering.open == 0)
    }

    @Test func whatTheTopologyLacksIsARowAndNothingRuns() throws {
        let plan = TrialPlan(
            workload: .latency(PointerChase(level: .l3, bytes: 0)), device: .cpu, threads: [0], budget: Seconds(1),
            minimumWindow: Seconds(0), refusal: "no such cache")
        let session = try run(plans: [plan])
        #expect(session.trials.map(\.status) == [.unsupported])
        #expect(session.trials.first?.reason == "no such cache" && session.trials.first?.latencySeconds == nil)
        #expect(backend.prepared.isEmpty && metering.open == 0)
    }

    @Test func onlyTheReadOfDRAMIsACeiling() throws {
        let stream = MemoryStream(.read, level: .l1, bytesPerThread: 1 << 14, threads: 2)
        let plans = [
            Workload.stream(stream),
            .inference(
                InferenceStep(model: Simulated.model, weights: .bf16, phase: .decode, tokens: 1, contextTokens: 1)),
        ]
        .map {
            TrialPlan(workload: $0, device: .cpu, threads: [0, 1], budget: Seconds(1), minimumWindow: Seconds(0.1))
        }
        #expect(try run(plans: plans).trials.last?.fractionOfPeak == nil)
        let read = TrialPlan(
            workload: .readBandwidth(bytes: 1 << 30), device: .cpu, threads: [0, 1], budget: Seconds(1),
            minimumWindow: Seconds(0.1))
        #expect(try run(plans: [read] + plans).trials.last?.fractionOfPeak != nil)
    }

    @Test func interruptionKeepsWhatWasMeasured() throws {
        let session = try run(interruptAfter: 60)
        #expect(session.interrupted)
        #expect(session.trials.count == 5)
        #expect(session.trials.first?.status == .measured)
        #expect(session.trials.last?.status == .skipped && session.trials.last?.reason == "interrupted")
        #expect(store.trials.map(\.status) == session.trials.map(\.status))
        #expect(metering.open == 0)
    }

    @Test func aStoreThatFailsDoesNotStopTheRun() throws {
        store.refuses = true
        var failures = 0
        let session = try run { if case .storeFailed = $0 { failures += 1 } }
        #expect(failures == 5)
        #expect(session.trials.allSatisfy { $0.status == .measured })
    }

    @Test func aForeignTopologyIsRefused() {
        #expect(throws: UsageError.self) { try run(isThisSystem: false) }
        #expect(store.begun == nil)
    }
}
