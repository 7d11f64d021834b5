/// The limits of a 95 % interval, in the unit of the figure they belong to.
public struct Limits: Hashable, Codable, Sendable {
    /// The lower limit.
    public var low: Double
    /// The upper limit.
    public var high: Double

    /// Creates limits.
    public init(low: Double, high: Double) {
        self.low = low
        self.high = high
    }
}

/// A trial as it is stored and printed; every key is promised, so absent values are `null`.
///
/// Base units throughout. Energy and what derives from it cover the timed window only.
public struct TrialRecord: Hashable, Codable, Sendable {
    /// The workload's name.
    public var workload: WorkloadName
    /// The device's id.
    public var device: DeviceID
    /// `read`, `copy`, `triad`, `copy-nt` or `triad-nt`, for bandwidths.
    @ExplicitNull public var variant: StreamVariant?
    /// `l1`, `l2`, `l3` or `dram`, for memory workloads sized for one of them.
    @ExplicitNull public var level: MemoryLevel?
    /// Bytes of all memory a memory workload works on, over all threads.
    @ExplicitNull public var workingSetBytes: Int?
    /// The NUMA node whose processors compute, in rows of a NUMA matrix.
    @ExplicitNull public var numaNode: Int?
    /// The NUMA node whose memory is used, in rows of a NUMA matrix.
    @ExplicitNull public var memoryNumaNode: Int?
    /// What sets the row apart from the device's usual one, such as `avx2` or `1 thread`.
    @ExplicitNull public var variation: String?
    /// Whose matrix a product is with, such as `Llama-3.1-8B down`.
    @ExplicitNull public var projection: String?
    /// `matrix` for the device's matrix engine; `null` where no part of the device is named.
    @ExplicitNull public var engine: ComputeEngine?
    /// The format a matrix engine added its products up in: `f16`, `f32`, `i32`.
    @ExplicitNull public var accumulator: Accumulator?
    /// The operands' format.
    @ExplicitNull public var precision: Precision?
    /// The size in one word.
    @ExplicitNull public var shape: String?
    /// Measured, unsupported, skipped or failed.
    public var status: TrialStatus
    /// Why, for anything but `measured`.
    @ExplicitNull public var reason: String?
    /// Seconds of one repetition, one value per timed batch, in order.
    public var samplesSeconds: [Double] = []
    /// The median of the samples.
    @ExplicitNull public var medianSeconds: Double?
    /// The fastest batch of the first half second after idling, before clocks settled: the burst beside the sustained
    /// rate.
    @ExplicitNull public var burstSeconds: Double?
    /// Lower limit of the median's 95 % interval.
    @ExplicitNull public var ci95LowSeconds: Double?
    /// Upper limit of the median's 95 % interval.
    @ExplicitNull public var ci95HighSeconds: Double?
    /// Operations of one repetition.
    @ExplicitNull public var flops: Flops?
    /// Bytes of one repetition.
    @ExplicitNull public var bytes: Double?
    /// Operations per second at the median.
    @ExplicitNull public var flopsPerSecond: FlopsPerSecond?
    /// Bytes per second at the median.
    @ExplicitNull public var bytesPerSecond: BytesPerSecond?
    /// Seconds from one dependent load to the next of the same chain, or from one launch to the next, at the median.
    @ExplicitNull public var latencySeconds: Double?
    /// The rate as a fraction of the measured ceiling of the same device: peak for compute, read bandwidth for the
    /// rest.
    @ExplicitNull public var fractionOfPeak: Double?
    /// Which ceiling an LLM's fraction is of.
    @ExplicitNull public var rooflineLimit: RooflineLimit?
    /// Whether the result was verified in this run.
    public var verified: Bool = false
    /// How it was verified.
    @ExplicitNull public var verification: Verification?
    /// Gross energy of the timed window, idle included.
    @ExplicitNull public var energyJoules: Joules?
    /// Lower limit of the energy's 95 % interval.
    @ExplicitNull public var energyCi95LowJoules: Joules?
    /// Upper limit of the energy's 95 % interval.
    @ExplicitNull public var energyCi95HighJoules: Joules?
    /// The energy above the idle power measured before and after.
    @ExplicitNull public var energyNetJoules: Joules?
    /// The length of the energy window.
    @ExplicitNull public var energyWindowSeconds: Seconds?
    /// Repetitions inside the energy window.
    @ExplicitNull public var energyRepetitions: Int?
    /// Mean power of the window.
    @ExplicitNull public var powerWatts: Watts?
    /// How far the energy can be trusted.
    public var energyGrade: EnergyGrade = .none
    /// The meters the energy was read from.
    public var energySources: [String] = []
    /// Every energy domain in the window.
    public var energyDomains: [DomainEnergy] = []
    /// Operations per joule, gross.
    @ExplicitNull public var flopsPerWatt: Double?
    /// Operations per joule above idle.
    @ExplicitNull public var flopsPerWattNet: Double?
    /// The model's name, for LLM trials.
    @ExplicitNull public var model: String?
    /// The weights' format, for LLM trials.
    @ExplicitNull public var quantization: Precision?
    /// `prefill` or `decode`, for LLM trials.
    @ExplicitNull public var phase: String?
    /// Sequences computed together, for LLM trials.
    @ExplicitNull public var batch: Int?
    /// Tokens in the key-value cache before, for LLM trials.
    @ExplicitNull public var contextTokens: Int?
    /// New tokens of each sequence: the prompt's, or those generated; for LLM trials.
    @ExplicitNull public var newTokens: Int?
    /// Of prefill the times to the first token of a prompt, for LLM trials.
    @ExplicitNull public var timeToFirstTokenSeconds: Percentiles?
    /// Of decode the times from one token of a sequence to the next, for LLM trials.
    @ExplicitNull public var timePerOutputTokenSeconds: Percentiles?
    /// Tokens per second at the median.
    @ExplicitNull public var tokensPerSecond: Double?
    /// Gross joules per token.
    @ExplicitNull public var joulesPerToken: Double?
    /// Location-based emissions with PUE, without embodied carbon.
    @ExplicitNull public var gramsCo2ePerMillionTokens: Double?
    /// Market-based emissions with PUE.
    @ExplicitNull public var gramsCo2ePerMillionTokensMarket: Double?
    /// Electricity cost with PUE.
    @ExplicitNull public var costPerMillionTokens: Double?
    /// The currency of the cost.
    @ExplicitNull public var currency: String?
    /// The 95 % intervals of derived figures, by the figure's key.
    public var ci95: [String: Limits] = [:]
    /// Why sampling ended.
    @ExplicitNull public var stopReason: StopReason?
    /// Repetitions in one timed batch.
    @ExplicitNull public var repetitions: Int?
    /// Hardware threads used by a CPU trial.
    public var threads: [Int] = []
    /// How the machine was during the timed part.
    @ExplicitNull public var conditions: MeasurementConditions?
    /// What disturbed the measurement, in words; empty when nothing did.
    public var disturbances: [String] = []
    /// Facts of the kernel used, such as its blocking.
    public var notes: [String: String] = [:]
    /// Whether any part came from a simulated or foreign source.
    public var simulated: Bool = false

    /// Creates an empty record of a plan.
    public init(plan: TrialPlan, status: TrialStatus, reason: String? = nil) {
        workload = plan.workload.name
        device = plan.device
        self.status = status
        _precision = ExplicitNull(wrappedValue: plan.workload.precision)
        _shape = ExplicitNull(wrappedValue: plan.workload.shape)
        _reason = ExplicitNull(wrappedValue: reason)
        threads = plan.threads
        variation = plan.variation
        _projection = ExplicitNull(wrappedValue: plan.projection)
        _engine = ExplicitNull(wrappedValue: plan.workload.engine)
        _accumulator = ExplicitNull(wrappedValue: plan.workload.accumulator)
        _variant = ExplicitNull(wrappedValue: plan.workload.variant)
        _level = ExplicitNull(wrappedValue: plan.workload.level)
        _workingSetBytes = ExplicitNull(wrappedValue: plan.workload.workingSetBytes)
        _numaNode = ExplicitNull(wrappedValue: plan.workload.placement?.computeNode)
        _memoryNumaNode = ExplicitNull(wrappedValue: plan.workload.placement?.memoryNode)
        if case .inference(let step) = plan.workload {
            _model = ExplicitNull(wrappedValue: step.model.name)
            _quantization = ExplicitNull(wrappedValue: step.weights.precision)
            _phase = ExplicitNull(wrappedValue: step.phase.rawValue)
            _batch = ExplicitNull(wrappedValue: step.batch)
            _contextTokens = ExplicitNull(wrappedValue: step.contextTokens)
            _newTokens = ExplicitNull(wrappedValue: step.tokens)
        }
    }
}

extension TrialRecord {
    /// The key of the note on bytes that are read but no part of the algorithm's.
    public static let paddingNote = "padding"

    /// The note that says what is wrong with the tuning of its kernel.
    public static let tuningWarningNote = "tuning_warning"

    /// Whether this is a read of all DRAM by all threads, the only bandwidth that is a ceiling for anything.
    ///
    /// Records from before there were variants are such reads.
    public var isDRAMRead: Bool {
        workload == .bandwidth && numaNode == nil && (variant == nil || variant == .read && level == .dram)
    }
}

/// Idle power before and after the trials.
public struct IdleBaseline: Hashable, Codable, Sendable {
    /// Mean power before the first trial.
    @ExplicitNull public var beforeWatts: Watts?
    /// Mean power after the last trial.
    @ExplicitNull public var afterWatts: Watts?
    /// How far the figures can be trusted.
    public var grade: EnergyGrade

    /// Creates a baseline.
    public init(beforeWatts: Watts? = nil, afterWatts: Watts? = nil, grade: EnergyGrade = .none) {
        self._beforeWatts = ExplicitNull(wrappedValue: beforeWatts)
        self._afterWatts = ExplicitNull(wrappedValue: afterWatts)
        self.grade = grade
    }

    /// Takes a reading in; one of another grade than the first is dropped, since grades are never mixed.
    ///
    /// - Parameters:
    ///   - power: The mean power, where it is known.
    ///   - grade: How far it can be trusted.
    ///   - before: Whether it was taken before the first trial.
    public mutating func absorb(_ power: Watts?, grade: EnergyGrade, before: Bool) {
        guard let power, self.grade == .none || self.grade == grade else { return }
        self.grade = grade
        if before { beforeWatts = power } else { afterWatts = power }
    }

    /// The mean of what was measured.
    public var watts: Watts? {
        let known = [beforeWatts, afterWatts].compactMap(\.self)
        return known.isEmpty ? nil : known.reduce(.zero, +) / Double(known.count)
    }
}

/// Everything one `nodewatt run` found: schema `nodewatt.session/1`.
public struct SessionRecord: Hashable, Codable, Sendable {
    /// The document type and version.
    public var schema: String = "nodewatt.session/1"
    /// A UUID.
    public var sessionId: String
    /// When the run began, RFC 3339 in UTC.
    public var startedAt: String
    /// When the run ended, RFC 3339 in UTC; `null` while it runs or when it was cut off.
    @ExplicitNull public var endedAt: String?
    /// The program's version.
    public var nodewattVersion: String
    /// Whether the figures are of the running machine.
    public var isThisSystem: Bool
    /// Whether any meter or device was simulated; such sessions never enter history unasked.
    public var simulated: Bool = false
    /// The suite's name.
    public var suite: String
    /// The seed of all random data.
    public var seed: UInt32
    /// The node.
    public var node: NodeIdentity
    /// The site's facts, each with its source.
    public var site: SiteFacts
    /// The hardware tree.
    public var topology: Topology
    /// The devices that were found.
    public var devices: [Device]
    /// The meters that were used.
    public var meters: [MeterDescription]
    /// What was not available, and why.
    public var unavailable: [Unavailable]
    /// Idle power before and after.
    public var idle: IdleBaseline = IdleBaseline()
    /// What makes the figures worse or less trustworthy.
    public var warnings: [Warning]
    /// The trials, in the order they ran.
    public var trials: [TrialRecord] = []
    /// Whether the run was interrupted.
    public var interrupted: Bool = false

    /// Creates the record of a run that begins.
    public init(
        sessionId: String, startedAt: String, nodewattVersion: String, isThisSystem: Bool, suite: String, seed: UInt32,
        node: NodeIdentity, site: SiteFacts, topology: Topology, devices: [Device], meters: [MeterDescription],
        unavailable: [Unavailable], warnings: [Warning]
    ) {
        self.sessionId = sessionId
        self.startedAt = startedAt
        self.nodewattVersion = nodewattVersion
        self.isThisSystem = isThisSystem
        self.suite = suite
        self.seed = seed
        self.node = node
        self.site = site
        self.topology = topology
        self.devices = devices
        self.meters = meters
        self.unavailable = unavailable
        self.warnings = warnings
    }
}

/// Keeps sessions, each trial as soon as it is measured.
public protocol SessionStore: AnyObject {
    /// Stores a session that begins, without trials.
    ///
    /// - Parameter session: The record.
    /// - Throws: ``SystemFailure`` when it cannot be written.
    func begin(_ session: SessionRecord) throws

    /// Stores one trial of a session; after this returns a crash cannot lose it.
    ///
    /// - Parameters:
    ///   - trial: The trial.
    ///   - sessionId: The session it belongs to.
    /// - Throws: ``SystemFailure`` when it cannot be written.
    func append(_ trial: TrialRecord, to sessionId: String) throws

    /// Stores the finished session in place of what ``begin(_:)`` stored.
    ///
    /// - Parameter session: The record with its trials.
    /// - Throws: ``SystemFailure`` when it cannot be written.
    func finish(_ session: SessionRecord) throws
}
