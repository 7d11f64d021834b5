import Analysis
import NodeModel
import Testing

@Suite struct TrialDerivationTests {
    static let plan = TrialPlan(
        workload: .gemm(GEMMShape(m: 10, n: 10, k: 10), .f32), device: .cpu, threads: [0], budget: Seconds(1),
        minimumWindow: Seconds(1))
    static let site = SiteFacts(
        factor: Sourced(CarbonTests.china, source: "test"), pue: Sourced(1, source: "test"))

    static func measurement(
        passed: Bool = true, joules: Double? = 10, samples: [Double] = Array(repeating: 0.001, count: 10),
        steal: Double? = nil
    ) -> Measurement {
        let total = joules.map { Estimate(Joules($0), low: Joules($0 * 0.9), high: Joules($0 * 1.1)) }
        let domains = [
            DomainEnergy(
                name: "package-0", kind: .package, source: "rapl:0", grade: .counter, energyJoules: total?.value,
                inTotal: true)
        ]
        return Measurement(
            work: Work(flops: Flops(2_000), tokens: 1), samples: samples.map { Seconds($0) }, repetitionsPerBatch: 100,
            windowRepetitions: 1_000,
            energy: WindowEnergy(
                durationSeconds: Seconds(1), total: total, grade: joules == nil ? .none : .counter, domains: domains),
            conditions: MeasurementConditions(stealFraction: steal),
            verification: Verification(passed: passed, method: "test", worst: 0, detail: passed ? nil : "row 3"),
            stop: .precise, notes: [:])
    }

    private func record(
        _ measurement: Measurement, device: DeviceKind = .cpu, ceilings: DeviceCeilings = DeviceCeilings(),
        idle: IdleBaseline = IdleBaseline()
    ) -> TrialRecord {
        TrialDerivation.record(
            plan: Self.plan, device: device, measurement: measurement, ceilings: ceilings, idle: idle, site: Self.site)
    }

    @Test func derivesSpeedEnergyAndCarbon() {
        let idle = IdleBaseline(beforeWatts: Watts(2), afterWatts: Watts(4), grade: .counter)
        let record = record(
            Self.measurement(), ceilings: DeviceCeilings(flopsPerSecond: [.f32: FlopsPerSecond(4e6)]), idle: idle)
        #expect(record.status == .measured)
        #expect(record.flopsPerSecond == FlopsPerSecond(2e6))
        #expect(record.fractionOfPeak == 0.5)
        #expect(record.flopsPerWatt == 200_000.0)
        #expect(record.energyNetJoules == Joules(7))
        #expect(record.flopsPerWattNet == 2_000 * 1_000 / 7.0)
        #expect(record.joulesPerToken == 0.01)
        #expect(record.energySources == ["rapl:0"])
        #expect(abs((record.gramsCo2ePerMillionTokens ?? 0) - 0.01 * 1e6 / 3.6e6 * 530.6) < 1e-9)
        #expect(record.disturbances.isEmpty)
    }

    @Test func everyFormatHasItsOwnCeiling() {
        var ceilings = DeviceCeilings(flopsPerSecond: [.f32: FlopsPerSecond(1e9), .bf16: FlopsPerSecond(2e9)])
        #expect(ceilings.peak(of: .bf16) == FlopsPerSecond(2e9))
        #expect(ceilings.peak(of: .f16) == nil)
        let plan = TrialPlan(
            workload: .peak(.f16), device: .cpu, threads: [0], budget: Seconds(1), minimumWindow: Seconds(1))
        ceilings.absorb(TrialRecord(plan: plan, status: .unsupported, reason: "no f16 arithmetic"))
        #expect(ceilings.peak(of: .f16) == FlopsPerSecond(1e9))
        ceilings.raise(to: DeviceCeilings(flopsPerSecond: [.f32: FlopsPerSecond(3e9)]))
        #expect(ceilings.peak(of: .f16) == FlopsPerSecond(3e9) && ceilings.peak(of: .bf16) == FlopsPerSecond(2e9))
    }

    @Test func latencyIsTheTimeOfOneHop() throws {
        var measurement = Self.measurement(samples: [0.9e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1.1e-3])
        measurement.work = Work(hops: 4_000)
        let plan = TrialPlan(
            workload: .latency(PointerChase(level: .l2, bytes: 1 << 19)), device: .cpu, threads: [0],
            budget: Seconds(1), minimumWindow: Seconds(0))
        let record = TrialDerivation.record(
            plan: plan, device: .cpu, measurement: measurement, ceilings: DeviceCeilings(), idle: IdleBaseline(),
            site: Self.site)
        #expect(record.latencySeconds == 1e-3 / 4_000)
        #expect(record.bytesPerSecond == nil && record.fractionOfPeak == nil)
        let limits = try #require(record.ci95["latency_seconds"])
        #expect(limits.low <= 2.5e-7 && limits.high >= 2.5e-7 && limits.low < limits.high)
    }

    @Test func aClockThatMovedIsADisturbance() {
        func disturbances(_ after: Double) -> [String] {
            var measurement = Self.measurement()
            measurement.conditions.measuredClockBefore = ClockSpread(
                lowHertz: Hertz(3e9), medianHertz: Hertz(3e9), highHertz: Hertz(3e9))
            measurement.conditions.measuredClockAfter = ClockSpread(
                lowHertz: Hertz(after), medianHertz: Hertz(after), highHertz: Hertz(after))
            return record(measurement).disturbances
        }
        #expect(disturbances(2.95e9).isEmpty)
        #expect(disturbances(2.5e9) == ["the measured clock went from 3.0 to 2.5 GHz"])
    }

    @Test func aWrongResultHasNoSpeed() {
        let record = record(Self.measurement(passed: false))
        #expect(record.status == .failed)
        #expect(record.flopsPerSecond == nil && record.energyJoules == nil && record.samplesSeconds.isEmpty)
        #expect(record.reason?.contains("row 3") == true)
    }

    @Test func missingEnergyIsNullNeverZero() {
        let record = record(Self.measurement(joules: nil))
        #expect(record.energyGrade == .none)
        #expect(record.energyJoules == nil && record.flopsPerWatt == nil && record.gramsCo2ePerMillionTokens == nil)
        #expect(record.flopsPerSecond != nil)
    }

    @Test func packagesSayNothingOfAGPU() {
        let record = record(Self.measurement(), device: .gpu)
        #expect(record.energyGrade == .none && record.energyJoules == nil && record.flopsPerWatt == nil)
        #expect(record.joulesPerToken == nil && record.flopsPerSecond != nil)
        #expect(record.disturbances.contains { $0.contains("no meter") })
    }

    @Test func derivedFiguresHaveIntervals() throws {
        let record = record(Self.measurement())
        let watts = try #require(record.ci95["power_watts"])
        #expect(abs(watts.low - 9) < 1e-9 && abs(watts.high - 11) < 1e-9)
        let efficiency = try #require(record.ci95["flops_per_watt"])
        #expect(abs(efficiency.low - 2e5 / 1.1) < 1e-6 && abs(efficiency.high - 2e5 / 0.9) < 1e-6)
        #expect(record.ci95["flops_per_second"] == Limits(low: 2e6, high: 2e6))
        #expect(record.stopReason == .precise)
    }

    @Test func scatteredRepetitionsWidenWhatComesOfTheEnergy() throws {
        let samples = [1, 2, 1, 2, 1, 2, 1, 2].map { $0 * 0.001 }
        // The standard deviation is sqrt(2/7) of 1 ms, the mean 1.5 ms.
        let repetition = 2 * (2.0 / 7).squareRoot() / 8.squareRoot() / 1.5
        #expect(abs(Statistics.meanPrecision(samples) - repetition) < 1e-12)
        let record = record(Self.measurement(samples: samples))
        let value = try #require(record.joulesPerToken)
        let limits = try #require(record.ci95["joules_per_token"])
        #expect(abs(limits.low / value - (0.9 - repetition)) < 1e-9)
        #expect(abs(limits.high / value - (1.1 + repetition)) < 1e-9)
        #expect(Statistics.meanPrecision([1]) == 0 && Statistics.meanPrecision([0, 0]) == .infinity)
    }

    @Test func idleReadingsOfTwoGradesAreNotMixed() {
        var idle = IdleBaseline()
        idle.absorb(Watts(10), grade: .counter, before: true)
        idle.absorb(Watts(2), grade: .modelled, before: false)
        #expect(idle.watts == Watts(10) && idle.grade == .counter)
    }

    @Test func aDifferenceWithinTheNoiseIsNoNetEnergy() {
        let idle = IdleBaseline(beforeWatts: Watts(9.9), afterWatts: nil, grade: .counter)
        let record = record(Self.measurement(), idle: idle)
        #expect(record.energyNetJoules == nil && record.flopsPerWattNet == nil && record.flopsPerWatt != nil)
    }

    @Test func idleOfAnotherGradeIsNotSubtracted() {
        let idle = IdleBaseline(beforeWatts: Watts(2), afterWatts: nil, grade: .modelled)
        #expect(record(Self.measurement(), idle: idle).energyNetJoules == nil)
    }

    @Test func bytesThatAreNotCountedAreSaid() {
        var measurement = Self.measurement()
        measurement.notes = [TrialRecord.paddingNote: "15 rows of zeros"]
        #expect(record(measurement).disturbances == ["15 rows of zeros"])
    }

    @Test func disturbancesAreNamed() {
        #expect(record(Self.measurement(steal: 0.05)).disturbances.count == 1)
        let high = record(Self.measurement(), ceilings: DeviceCeilings(flopsPerSecond: [.f32: FlopsPerSecond(1e6)]))
        #expect(high.disturbances.contains { $0.contains("ceiling") })
        let noisy = record(Self.measurement(samples: [1, 2, 1, 2, 1, 2, 1, 2].map { $0 * 0.001 }))
        #expect(noisy.disturbances.contains { $0.contains("scatter") })
    }
}
