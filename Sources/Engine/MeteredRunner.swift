public import Analysis
public import NodeModel

/// Where a trial stands, for progress displays.
public enum TrialPhase: String, Hashable, Sendable {
    case preparing, verifying, calibrating, warmingUp, measuring, checking
}

/// Progress of a trial.
public struct TrialProgress: Sendable {
    /// What the trial is doing.
    public var phase: TrialPhase
    /// Samples so far.
    public var samples: Int
    /// The latest sample's seconds per repetition.
    public var latest: Seconds?
    /// The work of one repetition, once prepared.
    public var work: Work?
    /// The node's power now, where something meters it.
    public var power: Watts?
}

/// Thrown when the user interrupted a trial; what was measured before is kept.
public struct Interrupted: Error {
    /// Creates the error.
    public init() {}
}

/// Runs one trial: prepare, verify, calibrate, warm up, sample under the meters, verify again.
///
/// The only impure step of a trial; it computes nothing but repetitions.
public struct MeteredRunner {
    /// A batch is long enough that the clock's and the launch's cost vanish, and short enough to give many samples.
    static let targetBatch = Seconds(0.1)
    /// Clocks settle over hundreds of milliseconds of full load.
    public static let warmUp = Seconds(0.5)

    private let metering: any EnergyMetering
    private let conditions: any ConditionObserver
    private let isInterrupted: () -> Bool
    private let progress: (TrialProgress) -> Void
    private let warmUp: Seconds

    /// Creates a runner.
    ///
    /// - Parameters:
    ///   - metering: The energy meters.
    ///   - conditions: What watches the machine.
    ///   - isInterrupted: Whether the user wants to stop; asked between batches.
    ///   - progress: Takes progress, many times a second.
    ///   - warmUp: How long the load runs before it is measured.
    public init(
        metering: any EnergyMetering, conditions: any ConditionObserver, isInterrupted: @escaping () -> Bool,
        progress: @escaping (TrialProgress) -> Void, warmUp: Seconds = MeteredRunner.warmUp
    ) {
        self.metering = metering
        self.conditions = conditions
        self.isInterrupted = isInterrupted
        self.progress = progress
        self.warmUp = warmUp
    }

    /// Runs one trial.
    ///
    /// - Parameters:
    ///   - plan: What to run.
    ///   - device: Where.
    ///   - backend: What drives the device.
    ///   - topology: The running machine.
    ///   - seed: The seed of all data.
    /// - Returns: What was gathered. A wrong result is returned with its failed verification and no samples.
    /// - Throws: ``NodeModel/TrialFailure``, or ``Interrupted``.
    public func run(
        _ plan: TrialPlan, on device: Device, backend: any ComputeBackend, topology: Topology, seed: UInt32
    ) throws -> Measurement {
        try report(.preparing)
        let prepared = try backend.prepare(plan, on: device, in: topology, seed: seed)
        try report(.verifying)
        let before = try prepared.verify()
        guard before.passed else { return wrong(prepared, before) }
        try report(.calibrating)
        let repetitions = try calibrate(prepared)
        let burst = try warmUp(prepared, repetitions)
        var measurement = try sample(prepared, plan, repetitions)
        measurement.burst = burst
        try report(.checking)
        measurement.verification = try prepared.verify()
        return measurement
    }

    private func report(_ phase: TrialPhase, samples: Int = 0, latest: Seconds? = nil, work: Work? = nil) throws {
        if isInterrupted() { throw Interrupted() }
        progress(
            TrialProgress(phase: phase, samples: samples, latest: latest, work: work, power: metering.currentPower))
    }

    private func wrong(_ prepared: any PreparedWorkload, _ verification: Verification) -> Measurement {
        Measurement(
            work: prepared.work, samples: [], repetitionsPerBatch: 0, windowRepetitions: 0,
            energy: WindowEnergy(durationSeconds: .zero, total: nil, grade: .none, domains: []),
            conditions: MeasurementConditions(), verification: verification, stop: .outOfTime, notes: prepared.notes)
    }

    /// Doubles the repetitions until a batch is long enough to be timed, then scales to the target.
    private func calibrate(_ prepared: any PreparedWorkload) throws -> Int {
        var repetitions = 1
        while true {
            try report(.calibrating)
            let batch = try prepared.run(repetitions: repetitions)
            let seconds = batch.end.since(batch.start)
            if seconds * 4 >= Self.targetBatch || repetitions >= 1 << 24 {
                let scaled = Double(repetitions) * (Self.targetBatch / max(seconds, Seconds(1e-9)))
                return max(1, Int(scaled.rounded(.up)))
            }
            repetitions *= seconds * 40 < Self.targetBatch ? 8 : 2
        }
    }

    /// Runs until clocks have settled; what is fastest until then is the burst.
    private func warmUp(_ prepared: any PreparedWorkload, _ repetitions: Int) throws -> Seconds? {
        var spent = Seconds.zero
        var fastest: Seconds?
        while spent < warmUp {
            try report(.warmingUp)
            let batch = try prepared.run(repetitions: repetitions)
            spent += max(batch.end.since(batch.start), Seconds(1e-4))
            fastest = min(fastest ?? batch.secondsPerRepetition, batch.secondsPerRepetition)
        }
        return fastest
    }

    private func sample(_ prepared: any PreparedWorkload, _ plan: TrialPlan, _ repetitions: Int) throws -> Measurement {
        var rule = PrecisionRule(
            minimumTime: min(plan.minimumWindow, plan.budget), budget: max(plan.budget, plan.minimumWindow))
        var samples: [Seconds] = []
        var latencies: [Seconds] = []
        var batches = 0
        var first: MonotonicInstant?
        var stop: StopReason?
        let clockBefore = prepared.measuredClock()
        conditions.begin()
        metering.beginWindow()
        do {
            while stop == nil {
                let batch = try prepared.run(repetitions: repetitions)
                first = first ?? batch.start
                conditions.sample()
                let parts = batch.samples ?? [batch.secondsPerRepetition]
                samples += parts
                latencies += batch.latencies ?? []
                batches += 1
                for part in parts { rule.add(part, elapsed: batch.end.since(first ?? batch.start)) }
                stop = rule.verdict
                try report(.measuring, samples: samples.count, latest: samples.last, work: prepared.work)
            }
        } catch {
            _ = metering.endWindow()
            _ = conditions.end()
            throw error
        }
        let energy = metering.endWindow()
        var observed = conditions.end()
        observed.measuredClockBefore = clockBefore
        observed.measuredClockAfter = prepared.measuredClock()
        var measurement = Measurement(
            work: prepared.work, samples: samples, repetitionsPerBatch: repetitions,
            windowRepetitions: repetitions * batches, energy: energy, conditions: observed,
            verification: Verification(passed: false, method: "not yet", worst: .infinity), stop: stop ?? .outOfTime,
            notes: prepared.notes)
        measurement.latencies = latencies
        return measurement
    }
}
