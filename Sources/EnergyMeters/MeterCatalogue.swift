public import NodeModel

/// What a search for meters needs to know; everything has a default that fits this machine.
public struct MeterOptions: Sendable {
    /// A captured tree to read instead of this machine's `/sys`; its meters are marked as captured.
    public var capturedRoot: String?
    /// How many physical packages the node has, where that is known.
    public var expectedPackages: Int?
    /// What the processor is; decides how dies are counted and which power model applies.
    public var processor: ProcessorKind?
    /// How many processors the node's idle power is shared by; by default those in `/proc/stat`.
    public var processors: Int?
    /// The folder that holds `cpu_power.json`; without it there is no power model except from given watts.
    public var profilesDirectory: String?
    /// The folder with the rules that give permissions, for the commands that install them.
    public var permissionsDirectory: String?
    /// The whole node's power when idle, in place of the model's.
    public var idleWatts: Watts?
    /// The whole node's power at full load, in place of the model's.
    public var maxWatts: Watts?
    /// The clock that stamps readings.
    public var clock: MeterClock
    /// The program that loads vendors' libraries in a process of its own; without one they are not used.
    public var worker: MeterWorkerProgram?
    /// The process's environment, whose `NODEWATT_NVML`, `NODEWATT_ROCM_SMI` and `NODEWATT_IPMI` name other libraries
    /// and another device.
    public var environment: [String: String]
    /// How long vendors' libraries may take, in place of the defaults.
    package var cardLimits: CardLimits?

    /// Creates options.
    public init(
        capturedRoot: String? = nil, expectedPackages: Int? = nil, processor: ProcessorKind? = nil,
        processors: Int? = nil, profilesDirectory: String? = nil, permissionsDirectory: String? = nil,
        idleWatts: Watts? = nil, maxWatts: Watts? = nil, clock: MeterClock = .monotonic,
        worker: MeterWorkerProgram? = nil, environment: [String: String] = [:]
    ) {
        self.capturedRoot = capturedRoot
        self.expectedPackages = expectedPackages
        self.processor = processor
        self.processors = processors
        self.profilesDirectory = profilesDirectory
        self.permissionsDirectory = permissionsDirectory
        self.idleWatts = idleWatts
        self.maxWatts = maxWatts
        self.clock = clock
        self.worker = worker
        self.environment = environment
    }
}

/// One way of metering, and how it is found.
public struct MeterKind: Sendable {
    /// A short name.
    public var name: String
    /// The source file it is in; a test holds the catalogue against the folder.
    public var file: String
    /// What it reads.
    public var summary: String
    /// Looks for meters of this kind.
    public var discover: @Sendable (MeterOptions) throws -> MeterInventory

    /// Creates an entry of the catalogue.
    public init(
        name: String, file: String, summary: String,
        discover: @escaping @Sendable (MeterOptions) throws -> MeterInventory
    ) {
        self.name = name
        self.file = file
        self.summary = summary
        self.discover = discover
    }
}

/// All ways of metering this program knows.
public enum MeterCatalogue {
    /// Every kind, the most trustworthy source of a domain first.
    public static let kinds: [MeterKind] = [
        PerfMeter.kind,
        RAPLMeter.kind,
        NVMLMeter.kind,
        ROCmMeter.kind,
        HwmonMeter.kind,
        DCMIMeter.kind,
        ModelledMeter.kind,
        ScriptedMeter.kind,
    ]

    /// Looks for meters of every kind.
    ///
    /// The power model is always among the meters where it can be made. It stands in for counters that are not
    /// there or do not work; ``DomainCover`` never adds it to them.
    ///
    /// - Parameter options: What is known of the node.
    /// - Returns: The meters that work, and what could not be read, why, and what to do about it.
    /// - Throws: ``InputError`` when the power model's file or the watts given are wrong.
    public static func discover(_ options: MeterOptions = MeterOptions()) throws -> MeterInventory {
        try kinds.reduce(into: MeterInventory()) { inventory, kind in
            let found = try kind.discover(options)
            inventory.meters += found.meters
            inventory.unavailable += found.unavailable
        }
    }
}
