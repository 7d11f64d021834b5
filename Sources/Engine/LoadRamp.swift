import Analysis
public import NodeModel

/// Holds a node at load levels and meters each: full load, 90 % … 10 %, idle.
///
/// Every hardware thread computes small products of its own, in slices of at most 10 ms whose phases are spread over the
/// threads. Idle is measured with the threads gone.
public struct LoadRamp {
    /// The levels above idle, in the order in which they are held.
    public static let levels = (1...10).reversed().map { Double($0) / 10 }
    /// How long a level is held before it is measured.
    static let settling = Seconds(1)
    /// A level is measured in parts of this length, but in no fewer than ``leastParts``: its interval is theirs.
    static let part = Seconds(0.5)
    static let leastParts = 10.0
    /// The time of one piece of work: short against a slice, long against its start.
    static let piece = Seconds(2.5e-4)

    private let environment: SessionEnvironment
    private let device: Device
    private let topology: Topology
    private let seed: UInt32
    private let seconds: Seconds

    /// Creates a ramp.
    ///
    /// - Parameters:
    ///   - environment: Backends, meters, the clock; no store is used.
    ///   - device: The processors.
    ///   - topology: The running machine.
    ///   - seed: The seed of data and slices.
    ///   - seconds: How long each level is measured.
    public init(environment: SessionEnvironment, device: Device, topology: Topology, seed: UInt32, seconds: Seconds) {
        self.environment = environment
        self.device = device
        self.topology = topology
        self.seed = seed
        self.seconds = seconds
    }

    /// Runs the ramp.
    ///
    /// - Parameters:
    ///   - plans: One plan for each hardware thread.
    ///   - onLevel: Takes each level as soon as it was measured.
    /// - Returns: The levels, full load first; after an interruption those until then.
    /// - Throws: ``NodeModel/TrialFailure`` when a workload cannot run or its result is wrong.
    public func run(_ plans: [TrialPlan], onLevel: (LoadLevelRecord) -> Void = { _ in }) throws -> [LoadLevelRecord] {
        guard let backend = environment.backends[device.backend] else {
            throw TrialFailure(.skipped, "no backend drives \(device.id)")
        }
        let workloads = try plans.map { try backend.prepare($0, on: device, in: topology, seed: seed) }
        try verify(workloads)
        let threads = try DutyThreads(workloads, repetitions: try repetitions(workloads[0]), seed: seed)
        var records: [LoadLevelRecord] = []
        for level in Self.levels where !environment.isInterrupted() {
            threads.set(level)
            environment.sleep(Self.settling)
            guard let record = try hold(level, threads, workloads) else { break }
            onLevel(record)
            records.append(record)
        }
        threads.stop()
        try verify(workloads)
        guard !environment.isInterrupted() else { return records }
        environment.sleep(Self.settling)
        guard let idle = try hold(0, threads, workloads) else { return records }
        onLevel(idle)
        return records + [idle]
    }

    /// Meters one level; `nil` when the user interrupted it.
    private func hold(_ level: Double, _ threads: DutyThreads, _ workloads: [any PreparedWorkload]) throws
        -> LoadLevelRecord?
    {
        let conditions = environment.conditions(nil)
        conditions.begin()
        environment.metering.beginWindow()
        let before = threads.progress
        let repetitions = watch(conditions, threads)
        let after = threads.progress
        let energy = environment.metering.endWindow()
        let observed = conditions.end()
        if let failure = threads.failure { throw TrialFailure(.failed, failure) }
        guard !environment.isInterrupted() else { return nil }
        let work = workloads.first?.work.flops?.rawValue ?? 0
        let available = energy.durationSeconds * Double(max(workloads.count, 1))
        return LoadCurveDerivation.level(
            target: level, duty: available > .zero ? (after.worked - before.worked) / available : 0,
            rates: repetitions.map { $0 * work }, energy: energy, conditions: observed)
    }

    /// Waits for the length of a level, looking at the clock and the work meanwhile.
    ///
    /// - Returns: The repetitions per second of all threads in each part.
    private func watch(_ conditions: any ConditionObserver, _ threads: DutyThreads) -> [Double] {
        // Parts of equal length, each many slices long.
        let count = max(Self.leastParts, (seconds / Self.part).rounded())
        var rates: [Double] = []
        var earlier = threads.progress
        while Double(rates.count) < count && !environment.isInterrupted() {
            environment.sleep(Seconds(seconds.rawValue / count))
            conditions.sample()
            let now = threads.progress
            let time = now.instant.since(earlier.instant).rawValue
            rates.append(time > 0 ? (now.repetitions - earlier.repetitions) / time : 0)
            earlier = now
        }
        return rates
    }

    private func verify(_ workloads: [any PreparedWorkload]) throws {
        for workload in workloads {
            let verification = try workload.verify()
            guard verification.passed else {
                throw TrialFailure(.failed, "result wrong: \(verification.detail ?? verification.method)")
            }
        }
    }

    /// How many repetitions make a piece of work.
    private func repetitions(_ workload: any PreparedWorkload) throws -> Int {
        var count = 1
        while true {
            let batch = try workload.run(repetitions: count)
            let time = max(batch.end.since(batch.start), Seconds(1e-9))
            if time * 2 >= Self.piece || count >= 1 << 20 {
                return max(1, Int((Double(count) * (Self.piece / time)).rounded()))
            }
            count *= 2
        }
    }
}
