/// A setting of a node: what of it is `null` was not varied.
public struct OperatingPoint: Hashable, Codable, Sendable {
    /// Threads of the CPU's own kernels.
    @ExplicitNull public var threads: Int?
    /// The long-term power limit of each package.
    @ExplicitNull public var powerCapWatts: Double?
    /// The highest clock of the processors.
    @ExplicitNull public var frequencyHertz: Double?
    /// The power limit of each GPU.
    @ExplicitNull public var gpuPowerWatts: Double?

    /// Creates a setting; nothing given is varied.
    public init(
        threads: Int? = nil, powerCapWatts: Double? = nil, frequencyHertz: Double? = nil, gpuPowerWatts: Double? = nil
    ) {
        _threads = ExplicitNull(wrappedValue: threads)
        _powerCapWatts = ExplicitNull(wrappedValue: powerCapWatts)
        _frequencyHertz = ExplicitNull(wrappedValue: frequencyHertz)
        _gpuPowerWatts = ExplicitNull(wrappedValue: gpuPowerWatts)
    }
}

/// What a rate counts.
public enum WorkUnit: String, Codable, Sendable {
    case flop, operation, byte, token, access, launch
}

/// What was measured at one operating point.
public struct OperatingPointRecord: Hashable, Codable, Sendable {
    /// The point's number in its sweep; 0 is the setting the node had before.
    public var number: Int
    /// The setting that was asked for.
    public var wanted: OperatingPoint
    /// The setting that was in force, read back after it was set.
    public var inForce: OperatingPoint
    /// Whether there are figures.
    public var status: TrialStatus
    /// Why there are none, or `nil`.
    @ExplicitNull public var reason: String?
    /// Whether the results were checked and right.
    public var verified = false
    /// How often the point was measured.
    public var repeats = 0
    /// The speed, in the sweep's unit of work.
    @ExplicitNull public var workPerSecond: ProfileValue?
    /// Mean gross power.
    @ExplicitNull public var powerWatts: ProfileValue?
    /// Gross energy of a unit of work.
    @ExplicitNull public var joulesPerWork: ProfileValue?
    /// Work for a joule, gross.
    @ExplicitNull public var workPerJoule: ProfileValue?
    /// How far power and energy can be trusted.
    public var energyGrade: EnergyGrade = .none
    /// The meters the energy was read from.
    public var energySources: [String] = []
    /// The clock of the processors that worked, where something measures it.
    @ExplicitNull public var clockHertz: Double?
    /// Whether the processors had to slow down for heat; `nil` where the kernel does not count that.
    @ExplicitNull public var throttled: Bool?
    /// What disturbed the measurement; empty when nothing did.
    public var disturbances: [String] = []
    /// Whether no other point is better in both speed and efficiency; `nil` where efficiency was not measured.
    @ExplicitNull public var onParetoFront: Bool?

    /// Creates a record without figures.
    public init(
        number: Int, wanted: OperatingPoint, inForce: OperatingPoint, status: TrialStatus, reason: String? = nil
    ) {
        self.number = number
        self.wanted = wanted
        self.inForce = inForce
        self.status = status
        _reason = ExplicitNull(wrappedValue: reason)
    }
}

/// The operating points of a node under one workload.
public struct OperatingPoints: Hashable, Codable, Sendable {
    /// When the sweep began, RFC 3339 in UTC.
    public var measuredAt: String
    /// The program that measured.
    public var nodewattVersion: String
    /// The digest of the node's fingerprint before anything was changed.
    public var fingerprintDigest: String
    /// The device that worked.
    public var device: DeviceID
    /// What it computed.
    public var workload: WorkloadName
    /// The operands' format.
    @ExplicitNull public var precision: Precision?
    /// The size in one word.
    @ExplicitNull public var shape: String?
    /// The model, for LLM workloads.
    @ExplicitNull public var model: String?
    /// What speeds and efficiencies count.
    public var workUnit: WorkUnit
    /// Seconds each point was measured, each time.
    public var secondsPerPoint: Double
    /// The seed of the data and of the order.
    public var seed: UInt32
    /// The points, number by number.
    public var points: [OperatingPointRecord] = []
    /// How the original setting's speed at the end compares to that at the beginning, less 1.
    @ExplicitNull public var drift: Double?
    /// Whether the two differ by more than their intervals.
    @ExplicitNull public var driftIsSignificant: Bool?
    /// The numbers of the points that no other is better than in both speed and efficiency.
    public var paretoFront: [Int] = []
    /// The number of the point with most work for a joule.
    @ExplicitNull public var mostEfficient: Int?
    /// The points whose efficiency cannot be told from it.
    public var asEfficient: [Int] = []
    /// The number of the point at the knee of the front.
    @ExplicitNull public var knee: Int?
    /// Why there is no front, no most efficient point or no knee.
    public var notes: [String] = []

    /// Creates a sweep without points.
    public init(
        measuredAt: String, nodewattVersion: String, fingerprintDigest: String, device: DeviceID,
        workload: WorkloadName,
        workUnit: WorkUnit, secondsPerPoint: Double, seed: UInt32
    ) {
        self.measuredAt = measuredAt
        self.nodewattVersion = nodewattVersion
        self.fingerprintDigest = fingerprintDigest
        self.device = device
        self.workload = workload
        self.workUnit = workUnit
        self.secondsPerPoint = secondsPerPoint
        self.seed = seed
    }
}
