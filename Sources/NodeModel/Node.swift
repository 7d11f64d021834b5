/// What legitimately changes a node's figures; two runs are comparable when their fingerprints agree.
public struct NodeFingerprint: Hashable, Codable, Sendable {
    /// The CPU's model name.
    public var cpuModel: String
    /// The machine's architecture, for example `x86_64`.
    public var architecture: String
    /// Packages, cores and hardware threads, for example `1p2c2t`.
    public var shape: String
    /// Installed memory in bytes.
    public var memoryBytes: Int
    /// The kernel's release.
    public var kernel: String
    /// The operating system's name and version.
    @ExplicitNull public var operatingSystem: String?
    /// The firmware's vendor, version and date.
    @ExplicitNull public var firmware: String?
    /// The microcode revision.
    @ExplicitNull public var microcode: String?
    /// The frequency governor of the first processor.
    @ExplicitNull public var governor: String?
    /// The power limit of each package in watts, as RAPL reports it.
    public var powerCapsWatts: [Double]
    /// Drivers by device id, as the devices report them.
    public var drivers: [String: String]
    /// The hypervisor, where the node is a virtual machine.
    @ExplicitNull public var hypervisor: String?

    /// Creates a fingerprint.
    public init(
        cpuModel: String, architecture: String, shape: String, memoryBytes: Int, kernel: String,
        operatingSystem: String? = nil, firmware: String? = nil, microcode: String? = nil, governor: String? = nil,
        powerCapsWatts: [Double] = [], drivers: [String: String] = [:], hypervisor: String? = nil
    ) {
        self.cpuModel = cpuModel
        self.architecture = architecture
        self.shape = shape
        self.memoryBytes = memoryBytes
        self.kernel = kernel
        self._operatingSystem = ExplicitNull(wrappedValue: operatingSystem)
        self._firmware = ExplicitNull(wrappedValue: firmware)
        self._microcode = ExplicitNull(wrappedValue: microcode)
        self._governor = ExplicitNull(wrappedValue: governor)
        self.powerCapsWatts = powerCapsWatts
        self.drivers = drivers
        self._hypervisor = ExplicitNull(wrappedValue: hypervisor)
    }
}

/// The node a session ran on.
public struct NodeIdentity: Hashable, Codable, Sendable {
    /// The host name.
    public var host: String
    /// What legitimately changes its figures.
    public var fingerprint: NodeFingerprint

    /// Creates an identity.
    public init(host: String, fingerprint: NodeFingerprint) {
        self.host = host
        self.fingerprint = fingerprint
    }
}

/// How the machine was while something was measured.
public struct MeasurementConditions: Hashable, Codable, Sendable {
    /// The fraction of processor time a hypervisor gave to others, 0 to 1.
    @ExplicitNull public var stealFraction: Double?
    /// The fraction of all processors' time that was busy, 0 to 1.
    @ExplicitNull public var busyFraction: Double?
    /// The fraction of the time they wanted to run in which this process's threads waited for others, 0 to 1.
    @ExplicitNull public var waitingFraction: Double?
    /// How often a control group's quota stopped this process.
    @ExplicitNull public var quotaStops: Int?
    /// The mean clock of the processors used, where the kernel tells.
    @ExplicitNull public var clockHertz: Hertz?
    /// The spread of the clock over its mean, largest less smallest, where the kernel tells.
    @ExplicitNull public var clockVariation: Double?
    /// Thermal throttling events during the measurement, where the kernel counts them.
    @ExplicitNull public var throttleEvents: Int?
    /// The clocks measured just before the timed part, with the processors still warm from the warm-up.
    @ExplicitNull public var measuredClockBefore: ClockSpread?
    /// The clocks measured just after it.
    @ExplicitNull public var measuredClockAfter: ClockSpread?
    /// How the GPU was; absent where none was used or its driver does not tell.
    public var gpu: GPUConditions?

    /// Creates conditions; everything defaults to unknown.
    public init(
        stealFraction: Double? = nil, busyFraction: Double? = nil, waitingFraction: Double? = nil,
        quotaStops: Int? = nil, clockHertz: Hertz? = nil,
        clockVariation: Double? = nil, throttleEvents: Int? = nil, measuredClockBefore: ClockSpread? = nil,
        measuredClockAfter: ClockSpread? = nil
    ) {
        self._measuredClockBefore = ExplicitNull(wrappedValue: measuredClockBefore)
        self._measuredClockAfter = ExplicitNull(wrappedValue: measuredClockAfter)
        self._clockVariation = ExplicitNull(wrappedValue: clockVariation)
        self._stealFraction = ExplicitNull(wrappedValue: stealFraction)
        self._busyFraction = ExplicitNull(wrappedValue: busyFraction)
        self._waitingFraction = ExplicitNull(wrappedValue: waitingFraction)
        self._quotaStops = ExplicitNull(wrappedValue: quotaStops)
        self._clockHertz = ExplicitNull(wrappedValue: clockHertz)
        self._throttleEvents = ExplicitNull(wrappedValue: throttleEvents)
    }
}

/// Watches the machine's condition while something is measured.
public protocol ConditionObserver: AnyObject {
    /// Starts an observation.
    func begin()

    /// Looks at what only shows while the processors work, such as their clock; called between timed batches.
    func sample()

    /// Ends the observation.
    ///
    /// - Returns: The conditions since ``begin()``.
    func end() -> MeasurementConditions
}

/// Something about the node that makes figures worse or less trustworthy, with the remedy.
public struct Warning: Hashable, Codable, Sendable {
    /// A stable name, for example `governor` or `rapl-permission`.
    public var code: String
    /// What is the matter.
    public var message: String
    /// What to do, ideally the exact command.
    public var remedy: String?

    /// Creates a warning.
    public init(code: String, message: String, remedy: String? = nil) {
        self.code = code
        self.message = message
        self.remedy = remedy
    }
}
