import Engine
import NodeModel
import Testing

/// Remembers what it was told to set.
private final class RecordingSetter: OperatingPointSetter {
    let settling = Seconds(0.002)
    var applied: [OperatingPoint] = []
    var fails: (OperatingPoint) -> Bool = { _ in false }
    /// What another program makes of it.
    var drifts = false

    func apply(_ point: OperatingPoint) throws -> OperatingPoint {
        if fails(point) { throw SystemFailure(action: "setting", reason: "refused") }
        applied.append(point)
        return point
    }

    func inForce() throws -> OperatingPoint { drifts ? OperatingPoint(threads: 99) : applied.last ?? OperatingPoint() }
}

@Suite struct SweepRunnerTests {
    private let backend = ScriptedBackend()
    private let setter = RecordingSetter()

    private func points(_ caps: [Double?]) -> [SweepPoint] {
        caps.enumerated().map { number, cap in
            SweepPoint(
                number: number, wanted: OperatingPoint(powerCapWatts: cap),
                plan: TrialPlan(
                    workload: .peak(.f32), device: .cpu, threads: [0], budget: Seconds(0.5), minimumWindow: Seconds(0.2)
                ))
        }
    }

    private func run(_ order: [Int], interruptAfter: Int = .max) -> [SweepRunner.Visit] {
        var runs = 0
        backend.onRun = { runs += 1 }
        let environment = SessionEnvironment(
            backends: ["native": backend], metering: ScriptedMetering(), conditions: { _ in ScriptedConditions() },
            store: nil, sleep: { _ in }, timestamp: { "" }, isInterrupted: { runs > interruptAfter }, onEvent: { _ in })
        return SweepRunner(
            environment: environment, device: Simulated.device, topology: Simulated.topology(),
            site: Simulated.session().site, seed: 1, setter: setter
        ).run(points([nil, 100, 150]), order: order)
    }

    @Test func theOriginalComesFirstAndLastAndEveryRoundHasEveryPoint() {
        for seed in 0..<200 as Range<UInt32> {
            let order = SweepRunner.order(original: 0, others: [1, 2, 3, 4], repeats: 3, seed: seed)
            #expect(order.count == 14 && order.first == 0 && order.last == 0)
            for round in 0..<3 { #expect(Set(order[(1 + 4 * round)..<(5 + 4 * round)]) == [1, 2, 3, 4]) }
            #expect(order == SweepRunner.order(original: 0, others: [1, 2, 3, 4], repeats: 3, seed: seed))
        }
        let orders = Set(
            (0..<200 as Range<UInt32>).map {
                SweepRunner.order(original: 0, others: [1, 2, 3, 4], repeats: 1, seed: $0)
            })
        #expect(orders.count == 24)
    }

    @Test func everyVisitSetsItsPointAndMeasures() {
        let visits = run([0, 2, 1, 0])
        #expect(setter.applied.map(\.powerCapWatts) == [nil, 150, 100, nil])
        #expect(visits.map(\.number) == [0, 2, 1, 0])
        #expect(visits.allSatisfy { $0.trial.status == .measured && $0.trial.verified && $0.trial.flopsPerWatt != nil })
    }

    @Test func aRefusedSettingFailsAlone() {
        setter.fails = { $0.powerCapWatts == 100 }
        let visits = run([0, 2, 1, 0])
        #expect(visits.filter { $0.trial.status == .failed }.compactMap(\.inForce.powerCapWatts) == [100])
        #expect(visits.filter { $0.trial.status == .measured }.count == 3)
        #expect(visits.first { $0.trial.status == .failed }?.trial.reason?.contains("refused") == true)
    }

    @Test func anInterruptionKeepsWhatWasMeasured() {
        let visits = run([0, 2, 1, 0], interruptAfter: 12)
        #expect(visits.map(\.number) == [0])
    }

    @Test func limitsThatChangeMeanwhileAreADisturbance() {
        setter.drifts = true
        #expect(run([0]).allSatisfy { $0.trial.disturbances.contains { $0.contains("another program") } })
    }

    @Test func wrongResultsHaveNoSpeed() {
        backend.behaviours[.peak] = .wrong
        #expect(run([0]).map(\.trial.status) == [.failed])
    }
}

@Suite struct DutyCycleTests {
    /// Threads of a simulated clock whose pieces take uneven times: each works its share, in short slices.
    @Test(arguments: [0.0, 0.1, 0.37, 0.5, 0.9, 1.0]) func theShareIsKept(level: Double) {
        for index in 0..<8 {
            let start = MonotonicInstant(nanoseconds: 1_000_000_000)
            var now = start
            var cycle = DutyCycle(level: level, index: index, of: 8, seed: 1, now: now)
            var slice = Seconds.zero
            var pieces = SplitTimes(index)
            while now.since(start) < Seconds(20) {
                switch cycle.step(at: now) {
                case .work:
                    let piece = pieces.next()
                    now = now.advanced(by: piece)
                    slice += piece
                    cycle.report(piece)
                    if level < 1 { #expect(slice <= Seconds(0.0115), "a slice of \(slice)") }
                case .sleep(let until):
                    #expect(until >= now && until.since(now) <= Seconds(0.010))
                    now = max(until, now.advanced(by: Seconds(1e-6)))
                    slice = .zero
                }
            }
            #expect(abs(cycle.worked / now.since(start) - level) < 0.005, "\(level) on \(index)")
        }
    }

    /// Pieces of 0.1 to 0.4 ms.
    private struct SplitTimes {
        var state: UInt64

        init(_ seed: Int) { state = UInt64(seed) + 1 }

        mutating func next() -> Seconds {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Seconds(1e-4 + 3e-4 * Double(state >> 40) * 0x1p-24)
        }
    }
}

@Suite struct LoadRampTests {
    @Test func everyLevelIsHeldFromFullLoadDownToIdle() throws {
        let backend = ScriptedBackend()
        let environment = SessionEnvironment(
            backends: ["native": backend], metering: ScriptedMetering(), conditions: { _ in ScriptedConditions() },
            store: nil, sleep: { _ in }, timestamp: { "" }, isInterrupted: { false }, onEvent: { _ in })
        let plans = [0, 1].map {
            TrialPlan(
                workload: .gemm(GEMMShape(m: 8, n: 8, k: 8), .f32), device: .cpu, threads: [$0], budget: Seconds(1),
                minimumWindow: Seconds(1))
        }
        func ramp() throws -> [LoadLevelRecord] {
            try LoadRamp(
                environment: environment, device: Simulated.device, topology: Simulated.topology(), seed: 1,
                seconds: Seconds(1)
            ).run(plans)
        }
        let levels = try ramp()
        #expect(levels.map { ($0.targetFraction * 10).rounded() } == (0...10).reversed().map(Double.init))
        #expect(levels.allSatisfy { $0.powerWatts?.value == 50 && $0.energyGrade == .counter })
        #expect(levels.last?.workPerSecond == ProfileValue(0))
        backend.behaviours[.gemm] = .wrongAfterTiming
        #expect(throws: TrialFailure.self) { try ramp() }
    }
}
