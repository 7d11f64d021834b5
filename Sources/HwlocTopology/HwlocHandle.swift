import CHwloc
import Glibc
import NodeModel

/// Where hwloc takes a topology from.
enum HwlocInput {
    /// The running machine.
    case thisSystem
    /// What the environment names: a captured root.
    case environment
    /// A synthetic description.
    case synthetic(String)
    /// An XML document with a terminating zero.
    case xml([UInt8])
}

/// Why an input from outside cannot be loaded.
enum Refusal: Error {
    /// hwloc says it is wrong.
    case refused
    /// hwloc crashes on it or takes too long.
    case crashed
    /// It describes more objects, or more memory, than any machine has.
    case tooLarge
    /// It has no hardware thread.
    case empty

    /// The reason in words.
    var reason: String {
        switch self {
        case .refused: "hwloc refuses it"
        case .crashed: "it contradicts itself: hwloc crashes on it, or needs longer than 20 s"
        case .tooLarge: "it describes more than any machine has"
        case .empty: "it has no hardware thread"
        }
    }
}

/// A loaded hwloc topology, freed when it goes out of scope.
struct HwlocHandle: ~Copyable {
    /// hwloc's own handle, valid as long as this value.
    let raw: hwloc_topology_t

    /// Components that talk to GPU drivers; a library may have them built in instead of as plug-ins.
    private static let driverComponents = ["opencl", "cuda", "nvml", "rsmi", "levelzero", "gl"]

    /// Sets up and loads a topology; one from outside is loaded in a child process first.
    ///
    /// - Parameter input: Where the topology comes from.
    /// - Throws: ``Refusal`` for an input hwloc cannot load, ``SystemFailure`` naming the call that failed.
    init(_ input: HwlocInput) throws {
        var created: hwloc_topology_t?
        guard hwloc_topology_init(&created) == 0, let topology = created else {
            throw Self.failure("hwloc_topology_init")
        }
        do {
            try Self.prepare(topology)
            try Self.load(topology, input)
        } catch {
            hwloc_topology_destroy(topology)
            throw error
        }
        raw = topology
    }

    /// Chooses what is discovered.
    private static func prepare(_ topology: hwloc_topology_t) throws {
        for name in driverComponents {
            // Fails where the component does not exist, which is as good.
            _ = hwloc_topology_set_components(topology, UInt(HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST.rawValue), name)
        }
        // Disallowed processors are part of the machine; what this process may use is told apart.
        let flags = UInt(HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED.rawValue)
        guard hwloc_topology_set_flags(topology, flags) == 0,
            hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT) == 0
        else { throw failure("hwloc_topology_set_flags") }
    }

    private static func load(_ topology: hwloc_topology_t, _ input: HwlocInput) throws {
        switch input {
        case .thisSystem:
            guard hwloc_topology_load(topology) == 0 else { throw failure("hwloc_topology_load") }
        case .environment:
            try checkRehearsal(nodewatt_hwloc_rehearse(topology, nil, 0, nil))
            guard hwloc_topology_load(topology) == 0 else { throw Refusal.refused }
        case .synthetic(let description):
            try checkRehearsal(nodewatt_hwloc_rehearse(topology, nil, 0, description))
            guard hwloc_topology_set_synthetic(topology, description) == 0, hwloc_topology_load(topology) == 0
            else { throw Refusal.refused }
        case .xml(let bytes):
            try bytes.withUnsafeBytes { buffer in
                let text = buffer.bindMemory(to: CChar.self)
                try checkRehearsal(nodewatt_hwloc_rehearse(topology, text.baseAddress, Int32(text.count), nil))
                guard hwloc_topology_set_xmlbuffer(topology, text.baseAddress, Int32(text.count)) == 0,
                    hwloc_topology_load(topology) == 0
                else { throw Refusal.refused }
            }
        }
    }

    private static func checkRehearsal(_ outcome: nodewatt_rehearsal) throws {
        switch outcome {
        case NODEWATT_REHEARSAL_LOADED: return
        case NODEWATT_REHEARSAL_REFUSED: throw Refusal.refused
        case NODEWATT_REHEARSAL_CRASHED: throw Refusal.crashed
        default: throw failure("starting a child process to try the topology in")
        }
    }

    deinit { hwloc_topology_destroy(raw) }

    /// Whether hwloc read the running machine.
    var isThisSystem: Bool { hwloc_topology_is_thissystem(raw) == 1 }

    /// The processors this process may use: allowed by the system and, on the running machine, by its affinity.
    func allowedThreads(boundBy affinity: Bool) -> [Int] {
        let allowed = HwlocBitmap.numbers(hwloc_topology_get_allowed_cpuset(raw))
        guard affinity, let set = hwloc_bitmap_alloc() else { return allowed }
        defer { hwloc_bitmap_free(set) }
        guard hwloc_get_cpubind(raw, set, Int32(HWLOC_CPUBIND_THREAD.rawValue)) == 0 else { return allowed }
        let bound = Set(HwlocBitmap.numbers(set))
        let both = allowed.filter(bound.contains)
        return both.isEmpty ? allowed : both
    }

    /// The kinds of cores, slowest first as hwloc ranks them.
    func cpuKinds() -> [CPUKind] {
        guard let set = hwloc_bitmap_alloc() else { return [] }
        defer { hwloc_bitmap_free(set) }
        return (0..<max(hwloc_cpukinds_get_nr(raw, 0), 0)).compactMap { index in
            var efficiency: Int32 = -1
            var count: UInt32 = 0
            var pairs: UnsafeMutablePointer<hwloc_info_s>?
            guard hwloc_cpukinds_get_info(raw, UInt32(index), set, &efficiency, &count, &pairs, 0) == 0 else {
                return nil
            }
            return CPUKind(
                threads: HwlocBitmap.numbers(set), efficiency: efficiency < 0 ? nil : Int(efficiency),
                information: HwlocInformation.pairs(pairs, count: count))
        }
    }

    private static func failure(_ call: String) -> SystemFailure {
        SystemFailure(action: call, reason: String(cString: strerror(errno)))
    }
}

/// hwloc's sets of numbers.
enum HwlocBitmap {
    /// Numbers from here on are ignored: sets in a hostile file can be infinite.
    static let limit: Int32 = 65_536

    /// The members in ascending order.
    static func numbers(_ set: hwloc_const_bitmap_t?) -> [Int] {
        guard let set else { return [] }
        var numbers: [Int] = []
        var next = hwloc_bitmap_first(set)
        while next >= 0, next < limit {
            numbers.append(Int(next))
            next = hwloc_bitmap_next(set, next)
        }
        return numbers
    }
}
