import Analysis
public import NodeModel

/// What happens in a session, for whoever shows it.
public enum SessionEvent: Sendable {
    /// Idle power is being watched; `true` before the trials, `false` after.
    case idle(before: Bool)
    /// A trial begins: its number from 1, how many there are, and what it is.
    case trialBegan(number: Int, of: Int, plan: TrialPlan)
    /// The trial in flight moved on.
    case progress(TrialProgress)
    /// A trial ended.
    case trialEnded(TrialRecord)
    /// The store refused a trial; the run goes on.
    case storeFailed(any Error)
}

/// What a session needs from the outside.
public struct SessionEnvironment {
    /// The backends, by ``NodeModel/Device/backend``.
    public var backends: [String: any ComputeBackend]
    /// The energy meters.
    public var metering: any EnergyMetering
    /// Makes what watches the machine while a trial runs; without one, the whole node.
    public var conditions: (TrialPlan?) -> any ConditionObserver
    /// Where trials are kept; `nil` to keep none.
    public var store: (any SessionStore)?
    /// Waits; must return early when the user interrupts.
    public var sleep: (Seconds) -> Void
    /// The time now, RFC 3339 in UTC.
    public var timestamp: () -> String
    /// Whether the user wants to stop.
    public var isInterrupted: () -> Bool
    /// Takes events.
    public var onEvent: (SessionEvent) -> Void

    /// Creates an environment.
    public init(
        backends: [String: any ComputeBackend], metering: any EnergyMetering,
        conditions: @escaping (TrialPlan?) -> any ConditionObserver,
        store: (any SessionStore)?, sleep: @escaping (Seconds) -> Void, timestamp: @escaping () -> String,
        isInterrupted: @escaping () -> Bool, onEvent: @escaping (SessionEvent) -> Void
    ) {
        self.backends = backends
        self.metering = metering
        self.conditions = conditions
        self.store = store
        self.sleep = sleep
        self.timestamp = timestamp
        self.isInterrupted = isInterrupted
        self.onEvent = onEvent
    }
}

/// Runs the trials of a session one after the other, storing each as soon as it is measured.
public struct SessionRunner {
    private let environment: SessionEnvironment
    private let suite: Suite
    private var session: SessionRecord
    private var ceilings: [CeilingKey: DeviceCeilings] = [:]

    /// A device, or a variation of how it is used.
    private struct CeilingKey: Hashable {
        var device: DeviceID
        var variation: String?
    }

    /// Creates a runner for a session that is about to begin.
    ///
    /// - Parameters:
    ///   - session: The record, without trials.
    ///   - suite: Sizes and times.
    ///   - environment: Backends, meters, store.
    public init(session: SessionRecord, suite: Suite, environment: SessionEnvironment) {
        self.session = session
        self.suite = suite
        self.environment = environment
    }

    /// Runs the plans.
    ///
    /// - Parameter plans: The trials, in order.
    /// - Returns: The finished record; trials after an interruption are in it as skipped.
    /// - Throws: ``NodeModel/UsageError`` for a foreign topology, ``NodeModel/SystemFailure`` when the store cannot
    ///   begin.
    public mutating func run(_ plans: [TrialPlan]) throws -> SessionRecord {
        guard session.isThisSystem, session.topology.isThisSystem else {
            throw UsageError("a foreign topology cannot be benchmarked: only the running machine can")
        }
        try environment.store?.begin(session)
        watchIdle(before: true)
        for (index, plan) in plans.enumerated() {
            environment.onEvent(.trialBegan(number: index + 1, of: plans.count, plan: plan))
            keep(record(of: plan))
        }
        if !environment.isInterrupted() { watchIdle(before: false) }
        session.trials = LevelCheck.flagging(session.trials).map {
            TrialDerivation.addingSiteFigures(to: $0, idle: session.idle, site: session.site)
        }
        session.interrupted = environment.isInterrupted()
        session.endedAt = environment.timestamp()
        do { try environment.store?.finish(session) } catch { environment.onEvent(.storeFailed(error)) }
        return session
    }

    private mutating func keep(_ record: TrialRecord) {
        session.trials.append(record)
        let key = CeilingKey(device: record.device, variation: record.variation)
        ceilings[key, default: DeviceCeilings()].absorb(record)
        do {
            try environment.store?.append(record, to: session.sessionId)
        } catch {
            environment.onEvent(.storeFailed(error))
        }
        environment.onEvent(.trialEnded(record))
    }

    private func record(of plan: TrialPlan) -> TrialRecord {
        guard let device = session.devices.first(where: { $0.id == plan.device }),
            let backend = environment.backends[device.backend]
        else { return TrialRecord(plan: plan, status: .skipped, reason: "no backend drives \(plan.device)") }
        return environment.measure(
            plan, on: device, backend: backend, topology: session.topology, seed: session.seed
        ) { measurement in
            TrialDerivation.record(
                plan: plan, device: device.kind, measurement: measurement,
                ceilings: ceilings(of: device, plan.variation), idle: session.idle, site: session.site)
        }
    }

    /// A CPU's OpenCL device has the same silicon as the CPU itself, so the better of both ceilings holds.
    private func ceilings(of device: Device, _ variation: String?) -> DeviceCeilings {
        var own = ceilings[CeilingKey(device: device.id, variation: variation)] ?? DeviceCeilings()
        guard device.kind == .cpu, device.id != .cpu, let native = ceilings[CeilingKey(device: .cpu)] else {
            return own
        }
        own.raise(to: native)
        return own
    }

    /// An idle power measured beside somebody's work is not idle, and what is net of it is too little.
    private mutating func warnOfLoad(_ conditions: MeasurementConditions, before: Bool) {
        guard let busy = conditions.busyFraction, busy > Self.idleLoad else { return }
        let percent = (busy * 1_000).rounded() / 10
        session.warnings.append(
            Warning(
                code: "idle-load",
                message: "other programs used \(percent) % of the processors while idle power was measured "
                    + "\(before ? "before" : "after") the trials, so net figures are not to be relied on",
                remedy: "stop other work and measure again"))
    }

    /// More load than this is more than a system's own housekeeping.
    private static let idleLoad = 0.1

    /// An idle time of nothing means that none is asked for: a meter's reading over no time would be any number.
    private mutating func watchIdle(before: Bool) {
        guard suite.idleTime > .zero else { return }
        environment.onEvent(.idle(before: before))
        let observer = environment.conditions(nil)
        observer.begin()
        environment.metering.beginWindow()
        environment.sleep(suite.idleTime)
        let energy = environment.metering.endWindow()
        warnOfLoad(observer.end(), before: before)
        session.idle.absorb(energy.power?.value, grade: energy.grade, before: before)
    }
}
