/// A level of the memory hierarchy.
public enum MemoryLevel: String, Codable, Sendable, CaseIterable {
    case l1, l2, l3, dram

    /// The name people write: `L1`, `DRAM`.
    public var title: String { rawValue.uppercased() }

    /// The kind of a cache's objects in the topology; `nil` for DRAM.
    public var cacheKind: TopologyObjectKind? {
        switch self {
        case .l1: .l1Cache
        case .l2: .l2Cache
        case .l3: .l3Cache
        case .dram: nil
        }
    }
}

/// What is done with memory, and how results are stored.
public enum StreamVariant: String, Codable, Sendable, CaseIterable {
    case read, copy, triad
    /// With non-temporal stores, which write whole lines past the caches.
    case copyPastCaches = "copy-nt"
    /// With non-temporal stores.
    case triadPastCaches = "triad-nt"

    /// How many arrays of equal size it works on: each is read or written once.
    public var arrays: Int {
        switch self {
        case .read: 1
        case .copy, .copyPastCaches: 2
        case .triad, .triadPastCaches: 3
        }
    }
}

/// Computing on one NUMA node with memory of another, or of the same.
public struct NUMAPlacement: Hashable, Codable, Sendable {
    /// The operating-system number of the node whose processors compute.
    public var computeNode: Int
    /// The operating-system number of the node whose memory is used.
    public var memoryNode: Int
    /// Hardware threads of ``memoryNode``, which touch the memory first and so place it there.
    public var memoryThreads: [Int]

    /// Creates a placement.
    public init(computeNode: Int, memoryNode: Int, memoryThreads: [Int]) {
        self.computeNode = computeNode
        self.memoryNode = memoryNode
        self.memoryThreads = memoryThreads
    }

    /// The end of a shape: `-node0-node1`.
    var suffix: String { "-node\(computeNode)-node\(memoryNode)" }
}

/// Streams by all threads at once, each through memory of its own.
public struct MemoryStream: Hashable, Codable, Sendable {
    /// What is done.
    public var variant: StreamVariant
    /// The level that is to serve it; `nil` where the user chose the size.
    public var level: MemoryLevel?
    /// The working set of each thread in bytes, all arrays together.
    public var bytesPerThread: Int
    /// How many threads there are.
    public var threads: Int
    /// Whose memory it is, where that is not left to the threads themselves.
    public var placement: NUMAPlacement?

    /// Creates a stream.
    public init(
        _ variant: StreamVariant, level: MemoryLevel?, bytesPerThread: Int, threads: Int,
        placement: NUMAPlacement? = nil
    ) {
        self.variant = variant
        self.level = level
        self.bytesPerThread = bytesPerThread
        self.threads = threads
        self.placement = placement
    }

    /// `read-l2-524288Bx2`: variant, level, bytes of a thread and threads, then the NUMA nodes where they matter.
    var shape: String {
        [variant.rawValue, level?.rawValue, "\(bytesPerThread)Bx\(threads)"].compactMap(\.self).joined(separator: "-")
            + (placement?.suffix ?? "")
    }
}

/// The pages memory is asked for in.
public enum PageSize: String, Codable, Sendable, CaseIterable {
    /// Transparent huge pages, where the system gives them.
    case huge
    /// The system's ordinary pages.
    case small
}

/// Dependent loads: each address is known only when the load before has come back.
public struct PointerChase: Hashable, Codable, Sendable {
    /// The level that is to serve it; `nil` where the user chose the size.
    public var level: MemoryLevel?
    /// The bytes of all nodes.
    public var bytes: Int
    /// The pages the nodes are in.
    public var pages: PageSize
    /// How many independent chains one thread follows at the same time: 1, 2, 4 or 8.
    public var chains: Int
    /// Whose memory it is, where that is not left to the thread itself.
    public var placement: NUMAPlacement?

    /// Creates a chase.
    public init(
        level: MemoryLevel?, bytes: Int, pages: PageSize = .huge, chains: Int = 1, placement: NUMAPlacement? = nil
    ) {
        self.level = level
        self.bytes = bytes
        self.pages = pages
        self.chains = chains
        self.placement = placement
    }

    /// `dram-268435456B-huge-1`: level, bytes, pages and chains, then the NUMA nodes where they matter.
    var shape: String {
        [level?.rawValue, "\(bytes)B", pages.rawValue, "\(chains)"].compactMap(\.self).joined(separator: "-")
            + (placement?.suffix ?? "")
    }
}

extension Workload {
    /// What is done with memory; `nil` for what is no stream.
    public var variant: StreamVariant? {
        switch self {
        case .readBandwidth: .read
        case .stream(let stream): stream.variant
        default: nil
        }
    }

    /// The memory level; `nil` for what is no memory workload or has a size of the user's.
    public var level: MemoryLevel? {
        switch self {
        case .readBandwidth: .dram
        case .stream(let stream): stream.level
        case .latency(let chase): chase.level
        default: nil
        }
    }

    /// Bytes of all memory a memory workload works on, over all threads.
    public var workingSetBytes: Int? {
        switch self {
        case .readBandwidth(let bytes): bytes
        case .stream(let stream): stream.bytesPerThread.multipliedClamped(by: stream.threads)
        case .latency(let chase): chase.bytes
        default: nil
        }
    }

    /// Where threads and memory are, for the rows of a NUMA matrix.
    public var placement: NUMAPlacement? {
        switch self {
        case .stream(let stream): stream.placement
        case .latency(let chase): chase.placement
        default: nil
        }
    }
}

extension Int {
    /// The product, or the largest number where it does not fit.
    func multipliedClamped(by other: Int) -> Int {
        let product = multipliedReportingOverflow(by: other)
        return product.overflow ? .max : product.partialValue
    }
}
