/// Where a topology came from; everything but ``thisSystem`` is foreign and may not be bound to or benchmarked.
public enum TopologyOrigin: Hashable, Codable, Sendable {
    /// The running machine.
    case thisSystem
    /// An hwloc XML file.
    case xml(path: String)
    /// An hwloc synthetic description such as `pack:2 core:4 pu:2`.
    case synthetic(description: String)
    /// A captured file system root.
    case fileSystemRoot(path: String)
}

/// The kinds of topology objects, with hwloc's meaning.
public enum TopologyObjectKind: String, Codable, Sendable, CaseIterable {
    case machine, package, die, group, core, thread
    case l1Cache, l2Cache, l3Cache, l4Cache, l5Cache, l1InstructionCache, l2InstructionCache, l3InstructionCache
    case memorySideCache, numaNode
    case bridge, pciDevice, osDevice, misc
}

/// What an operating-system device is.
public enum OSDeviceKind: String, Codable, Sendable {
    case block, gpu, network, openFabrics, dma, coprocessor
}

/// A PCI device's place and identity.
public struct PCIIdentity: Hashable, Codable, Sendable {
    /// The address, `domain:bus:device.function` in lower-case hexadecimal, for example `0000:3b:00.0`.
    public var address: String
    /// The vendor identifier, for example `0x10de`.
    public var vendorID: UInt16
    /// The device identifier.
    public var deviceID: UInt16
    /// The class code, for example `0x0302` for a 3D controller.
    public var classID: UInt16
    /// The speed of the link in bytes per second, where known.
    public var linkBytesPerSecond: Double?

    /// Keys whose snake_case form comes back as the same key.
    private enum CodingKeys: String, CodingKey {
        case address, linkBytesPerSecond
        case vendorID = "vendorId"
        case deviceID = "deviceId"
        case classID = "classId"
    }

    /// Creates an identity.
    public init(address: String, vendorID: UInt16, deviceID: UInt16, classID: UInt16, linkBytesPerSecond: Double? = nil)
    {
        self.address = address
        self.vendorID = vendorID
        self.deviceID = deviceID
        self.classID = classID
        self.linkBytesPerSecond = linkBytesPerSecond
    }
}

/// One object of the hardware tree.
public struct TopologyObject: Hashable, Codable, Sendable {
    /// What the object is.
    public var kind: TopologyObjectKind
    /// hwloc's logical index among objects of its kind.
    public var logicalIndex: Int
    /// The operating system's number, where it has one.
    public var osIndex: Int?
    /// The name or model, where known.
    public var name: String?
    /// The operating-system numbers of the hardware threads below it.
    public var threads: [Int]
    /// The capacity of a cache in bytes.
    public var cacheBytes: Int?
    /// The line size of a cache in bytes.
    public var cacheLineBytes: Int?
    /// The memory attached to a NUMA node in bytes.
    public var memoryBytes: Int?
    /// The PCI identity of a PCI device or bridge.
    public var pci: PCIIdentity?
    /// What an operating-system device is.
    public var osDevice: OSDeviceKind?
    /// hwloc's info pairs, such as `CPUModel` or `GPUVendor`.
    public var information: [String: String]
    /// Normal children: packages, caches, cores, threads.
    public var children: [TopologyObject]
    /// NUMA nodes and memory-side caches attached here.
    public var memoryChildren: [TopologyObject]
    /// Bridges, PCI devices and operating-system devices attached here.
    public var ioChildren: [TopologyObject]

    /// Creates an object without children.
    public init(
        kind: TopologyObjectKind, logicalIndex: Int, osIndex: Int? = nil, name: String? = nil, threads: [Int] = []
    ) {
        self.kind = kind
        self.logicalIndex = logicalIndex
        self.osIndex = osIndex
        self.name = name
        self.threads = threads
        information = [:]
        children = []
        memoryChildren = []
        ioChildren = []
    }

    /// This object and everything below it, in depth-first order.
    ///
    /// - Complexity: O(*n*) in the number of objects.
    public var flattened: [TopologyObject] {
        [self] + (memoryChildren + children + ioChildren).flatMap(\.flattened)
    }
}

/// A kind of CPU core in a hybrid machine, as the operating system ranks them.
public struct CPUKind: Hashable, Codable, Sendable {
    /// The hardware threads of this kind.
    public var threads: [Int]
    /// The rank of the kind, larger is faster; `nil` when unknown.
    public var efficiency: Int?
    /// hwloc's info pairs, such as `CoreType` or `FrequencyMaxMHz`.
    public var information: [String: String]

    /// Creates a kind.
    public init(threads: [Int], efficiency: Int?, information: [String: String]) {
        self.threads = threads
        self.efficiency = efficiency
        self.information = information
    }
}

/// Limits a control group sets on this process.
public struct CgroupLimits: Hashable, Codable, Sendable {
    /// How many processors' time the group may use (`cpu.max`), where limited.
    public var cpuQuota: Double?
    /// The group's memory limit in bytes, where limited.
    public var memoryBytes: Int?
    /// The processors the group may use, where limited.
    public var cpuset: [Int]?

    /// Creates limits; all default to none.
    public init(cpuQuota: Double? = nil, memoryBytes: Int? = nil, cpuset: [Int]? = nil) {
        self.cpuQuota = cpuQuota
        self.memoryBytes = memoryBytes
        self.cpuset = cpuset
    }
}

/// A machine's hardware tree and what this process may use of it.
public struct Topology: Hashable, Codable, Sendable {
    /// Where the tree came from.
    public var origin: TopologyOrigin
    /// Whether this is the running machine; a foreign topology must not be bound to or benchmarked.
    public var isThisSystem: Bool
    /// The machine object.
    public var root: TopologyObject
    /// The hardware threads this process may run on.
    public var allowedThreads: [Int]
    /// The kinds of cores; one element or none on a machine that is not hybrid.
    public var cpuKinds: [CPUKind]
    /// Limits set by control groups.
    public var cgroup: CgroupLimits

    /// Creates a topology.
    public init(
        origin: TopologyOrigin, isThisSystem: Bool, root: TopologyObject, allowedThreads: [Int],
        cpuKinds: [CPUKind] = [], cgroup: CgroupLimits = CgroupLimits()
    ) {
        self.origin = origin
        self.isThisSystem = isThisSystem
        self.root = root
        self.allowedThreads = allowedThreads
        self.cpuKinds = cpuKinds
        self.cgroup = cgroup
    }

    /// All objects of one kind, in logical order.
    public func objects(_ kind: TopologyObjectKind) -> [TopologyObject] {
        root.flattened.filter { $0.kind == kind }.sorted { $0.logicalIndex < $1.logicalIndex }
    }

    /// The hardware threads to run on by default: one per physical core, only those this process may use.
    public var oneThreadPerCore: [Int] {
        let allowed = Set(allowedThreads)
        let firsts = objects(.core).compactMap { core in core.threads.filter(allowed.contains).min() }
        return firsts.isEmpty ? allowedThreads : firsts
    }

    /// The capacity of all last-level data caches together, in bytes.
    public var lastLevelCacheBytes: Int {
        let levels: [TopologyObjectKind] = [.l5Cache, .l4Cache, .l3Cache, .l2Cache, .l1Cache]
        for level in levels {
            let total = objects(level).compactMap(\.cacheBytes).reduce(0, +)
            if total > 0 { return total }
        }
        return 0
    }

    /// The memory of all NUMA nodes together, in bytes.
    public var memoryBytes: Int { objects(.numaNode).compactMap(\.memoryBytes).reduce(0, +) }
}

/// Something that can discover a topology.
public protocol TopologySource {
    /// Reads the hardware tree.
    ///
    /// - Returns: The tree, marked foreign unless it is the running machine.
    /// - Throws: ``InputError`` for a file or description that is wrong, ``SystemFailure`` when hwloc fails.
    func discover() throws -> Topology
}
