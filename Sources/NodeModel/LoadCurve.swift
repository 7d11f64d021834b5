/// What was measured at one load level.
public struct LoadLevelRecord: Hashable, Codable, Sendable {
    /// The level asked for, as a fraction of all hardware threads' time; 0 is idle.
    public var targetFraction: Double
    /// The processors' busy time as a fraction of all time, from `/proc/stat`; `nil` where the kernel does not tell.
    @ExplicitNull public var utilisationFraction: Double?
    /// The fraction of the time that the load itself worked.
    public var dutyFraction: Double
    /// Work per second of all threads.
    public var workPerSecond: ProfileValue
    /// Mean gross power.
    @ExplicitNull public var powerWatts: ProfileValue?
    /// How far the power can be trusted.
    public var energyGrade: EnergyGrade
    /// The clock of the processors while they worked, where something measures it.
    @ExplicitNull public var clockHertz: Double?
    /// Whether the processors had to slow down for heat; `nil` where the kernel does not count that.
    @ExplicitNull public var throttled: Bool?
    /// What disturbed the level; empty when nothing did.
    public var disturbances: [String] = []

    /// Creates a record of work alone.
    public init(
        targetFraction: Double, utilisationFraction: Double?, dutyFraction: Double,
        workPerSecond: ProfileValue,
        energyGrade: EnergyGrade
    ) {
        self.targetFraction = targetFraction
        _utilisationFraction = ExplicitNull(wrappedValue: utilisationFraction)
        self.dutyFraction = dutyFraction
        self.workPerSecond = workPerSecond
        self.energyGrade = energyGrade
    }
}

/// The power of a node over its load, in the manner of SPECpower: levels from full load down to idle.
public struct LoadCurve: Hashable, Codable, Sendable {
    /// When the ramp began, RFC 3339 in UTC.
    public var measuredAt: String
    /// The program that measured.
    public var nodewattVersion: String
    /// The digest of the node's fingerprint.
    public var fingerprintDigest: String
    /// What was computed, in slices, on every thread by itself.
    public var workload: WorkloadName
    /// The operands' format.
    public var precision: Precision
    /// The size of each thread's product.
    public var shape: String
    /// What ``LoadLevelRecord/workPerSecond`` counts.
    public var workUnit: WorkUnit
    /// How many hardware threads worked.
    public var threads: Int
    /// Seconds each level was measured.
    public var secondsPerLevel: Double
    /// Whether all results were right, before and after.
    public var verified: Bool
    /// How far the powers can be trusted: the worst of all levels.
    public var energyGrade: EnergyGrade = .none
    /// The levels, full load first, idle last.
    public var levels: [LoadLevelRecord] = []
    /// The constant of P = k0 + k1·exp(k2·x), where x is the utilisation in per cent; `nil` where it is not determined.
    @ExplicitNull public var k0Watts: Double?
    /// The factor of the exponential.
    @ExplicitNull public var k1Watts: Double?
    /// The exponent for each per cent.
    @ExplicitNull public var k2PerPercent: Double?
    /// The part of the variance that the curve explains.
    @ExplicitNull public var rSquared: Double?
    /// Measured less fitted power of each level.
    public var residualsWatts: [Double] = []
    /// Why there is no fit, and what else there is to know.
    public var notes: [String] = []

    /// Creates a curve without levels.
    public init(
        measuredAt: String, nodewattVersion: String, fingerprintDigest: String, workload: WorkloadName,
        precision: Precision, shape: String, workUnit: WorkUnit, threads: Int, secondsPerLevel: Double, verified: Bool
    ) {
        self.measuredAt = measuredAt
        self.nodewattVersion = nodewattVersion
        self.fingerprintDigest = fingerprintDigest
        self.workload = workload
        self.precision = precision
        self.shape = shape
        self.workUnit = workUnit
        self.threads = threads
        self.secondsPerLevel = secondsPerLevel
        self.verified = verified
    }
}
