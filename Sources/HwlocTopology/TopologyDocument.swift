public import NodeModel

/// What `nodewatt topology --format json` writes: schema `nodewatt.topology/1`.
public struct TopologyDocument: Encodable, Sendable {
    /// The caches of one level that are alike.
    public struct Cache: Encodable, Sendable {
        /// The level, `l1Cache` and so on.
        public var kind: TopologyObjectKind
        /// How many there are.
        public var count: Int
        /// The capacity of one in bytes.
        public var bytes: Int
        /// The line size in bytes, where known.
        @ExplicitNull public var lineBytes: Int?
    }

    /// Limits of control groups, every key always there.
    public struct Cgroup: Encodable, Sendable {
        /// How many processors' time may be used.
        @ExplicitNull public var cpuQuota: Double?
        /// The memory limit in bytes.
        @ExplicitNull public var memoryBytes: Int?
        /// The processors that may be used.
        @ExplicitNull public var cpuset: [Int]?
    }

    /// The document type and version.
    public var schema = "nodewatt.topology/1"
    /// Whether this is the running machine.
    public var isThisSystem: Bool
    /// Where the tree came from: `this_system`, `xml`, `synthetic` or `file_system_root`.
    public var origin: String
    /// The file, description or directory it came from; `null` for the running machine.
    @ExplicitNull public var originSource: String?
    /// The number of packages.
    public var packages: Int
    /// The number of dies, where the machine tells of them.
    public var dies: Int
    /// The number of NUMA nodes.
    public var numaNodes: Int
    /// The number of cores.
    public var cores: Int
    /// The number of hardware threads.
    public var threads: Int
    /// The memory of all NUMA nodes in bytes.
    public var memoryBytes: Int
    /// The data and unified caches, by level.
    public var caches: [Cache]
    /// The kinds of cores.
    public var cpuKinds: [CPUKind]
    /// The hardware threads this process may use.
    public var allowedThreads: [Int]
    /// Limits of control groups.
    public var cgroup: Cgroup
    /// The number of PCI devices.
    public var pciDevices: Int
    /// The number of operating-system devices.
    public var osDevices: Int
    /// The devices with their locality.
    public var devices: [AttachedDevice]
    /// The whole tree.
    public var tree: TopologyObject

    /// Describes a topology.
    ///
    /// - Parameter topology: Any topology.
    public init(_ topology: Topology) {
        let counts = TopologyCounts(topology)
        isThisSystem = topology.isThisSystem
        (origin, _originSource) = Self.describe(topology.origin)
        packages = counts[.package]
        dies = counts[.die]
        numaNodes = counts[.numaNode]
        cores = counts[.core]
        threads = counts[.thread]
        pciDevices = counts[.pciDevice]
        osDevices = counts[.osDevice]
        memoryBytes = topology.memoryBytes
        caches = Self.caches(topology)
        cpuKinds = topology.cpuKinds
        allowedThreads = topology.allowedThreads
        cgroup = Cgroup(
            cpuQuota: topology.cgroup.cpuQuota, memoryBytes: topology.cgroup.memoryBytes, cpuset: topology.cgroup.cpuset
        )
        devices = topology.attachedDevices
        tree = topology.root
    }

    private static func describe(_ origin: TopologyOrigin) -> (String, ExplicitNull<String>) {
        switch origin {
        case .thisSystem: ("this_system", ExplicitNull(wrappedValue: nil))
        case .xml(let path): ("xml", ExplicitNull(wrappedValue: path))
        case .synthetic(let description): ("synthetic", ExplicitNull(wrappedValue: description))
        case .fileSystemRoot(let path): ("file_system_root", ExplicitNull(wrappedValue: path))
        }
    }

    private static func caches(_ topology: Topology) -> [Cache] {
        let levels: [TopologyObjectKind] = [.l1Cache, .l2Cache, .l3Cache, .l4Cache, .l5Cache, .memorySideCache]
        return levels.flatMap { kind in
            let alike = Dictionary(grouping: topology.objects(kind)) { [$0.cacheBytes ?? 0, $0.cacheLineBytes ?? 0] }
            return alike.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { key, objects in
                Cache(kind: kind, count: objects.count, bytes: key[0], lineBytes: key[1] > 0 ? key[1] : nil)
            }
        }
    }
}

/// How many objects of each kind a topology has.
public struct TopologyCounts: Hashable, Sendable {
    private var counts: [TopologyObjectKind: Int] = [:]

    /// Counts the objects of a topology.
    ///
    /// - Parameter topology: Any topology.
    public init(_ topology: Topology) {
        for object in topology.root.flattened { counts[object.kind, default: 0] += 1 }
    }

    /// The number of objects of one kind.
    public subscript(kind: TopologyObjectKind) -> Int { counts[kind] ?? 0 }

    /// Packages, cores and threads in one word, such as `1p2c2t`, as a node's fingerprint has it.
    public var shape: String { "\(self[.package])p\(self[.core])c\(self[.thread])t" }
}
