public import NodeModel

/// A memory row of a suite; its size and threads follow from the topology.
public enum MemoryRow: Hashable, Sendable {
    /// A stream through one level.
    case stream(StreamVariant, MemoryLevel)
    /// Dependent loads from one level.
    case latency(MemoryLevel, PageSize, chains: Int)
}

/// How much of the matrix of NUMA nodes a suite measures.
public enum NUMAMatrix: Hashable, Sendable {
    case none
    /// The first node's processors with the memory of every node.
    case firstNode
    /// Every node's processors with the memory of every node.
    case all
}

/// Sizes memory workloads by the topology; pure.
///
/// A row that the topology does not allow is planned with a refusal, so that it is seen and says why.
struct MemoryPlanner {
    /// What a row becomes.
    struct Sized: Hashable {
        var workload: Workload
        var threads: [Int]
        var caveat: String?
        var refusal: String?
        /// Whose matrix a product is with.
        var projection: String?
    }

    let topology: Topology
    /// The threads CPU trials use.
    let threads: [Int]
    let memoryBytes: Int

    /// Latency needs more lines than any cache and translation buffer holds, but every one costs time to link.
    private static let chaseBytes = 256 << 20
    private static let leastDRAMBytes = 1 << 30

    /// The size and threads of a row.
    func plan(_ row: MemoryRow) -> Sized {
        switch row {
        case .stream(let variant, .dram): dramStream(variant, threads: threads, placement: nil)
        case .stream(let variant, let level): cacheStream(variant, level)
        case .latency(.dram, let pages, let chains): dramChase(pages, chains: chains, thread: threads.first, nil)
        case .latency(let level, let pages, let chains): cacheChase(level, pages, chains: chains)
        }
    }

    /// Rows of a size the user chose: bytes of each thread, as near as whole lines allow.
    func plan(workingSet: Int, variants: [StreamVariant]) -> [Sized] {
        variants.map { variant in
            let whole = Self.wholeLines(workingSet, variant)
            // Where there is not a line for each array, the backend says so of the size that was asked for.
            let bytes = whole > 0 ? whole : workingSet
            return Sized(
                workload: .stream(MemoryStream(variant, level: nil, bytesPerThread: bytes, threads: threads.count)),
                threads: threads,
                caveat: bytes == workingSet
                    ? nil
                    : "\(bytes) bytes of each thread were used, not \(workingSet): whole cache lines for each of "
                        + "\(variant.arrays) arrays")
        }
    }

    /// So many bytes, or a few less, that every array is whole cache lines: what is planned is what is measured.
    private static func wholeLines(_ bytes: Int, _ variant: StreamVariant) -> Int {
        let line = 64 * variant.arrays
        return bytes / line * line
    }

    /// Chases of a size the user chose, in huge and in small pages.
    func planChases(workingSet: Int) -> [Sized] {
        PageSize.allCases.map {
            Sized(
                workload: .latency(PointerChase(level: nil, bytes: workingSet, pages: $0)),
                threads: Array(threads.prefix(1)))
        }
    }
}

// MARK: Caches

extension MemoryPlanner {
    /// The threads a level can be measured on, and the bytes of each that it is sure to hold; or why it cannot.
    private func share(of level: MemoryLevel, threads: [Int]) -> (threads: [Int], bytes: Int, refusal: String?) {
        guard let kind = level.cacheKind else { return (threads, 0, nil) }
        let caches = topology.objects(kind).filter { ($0.cacheBytes ?? 0) > 0 }
        let covered = Set(caches.flatMap(\.threads))
        let users = threads.filter(covered.contains)
        guard !users.isEmpty else {
            return (threads, 0, "the topology shows no \(level.title) data cache of a known size for these processors")
        }
        let inner = innerBytes(of: level, threads: users)
        let chosen = level == .l3 ? fewEnough(users, caches: caches, inner: inner) : users
        // Half of it: the other half is for what else runs, and for caches that are not fully associative.
        let half = topology.cacheShare(kind, of: chosen) / 2 / 64 * 64
        // What the inner cache serves twice as fast would pass for this one's.
        guard half >= 64, half >= (level == .l3 ? 2 : 1) * inner else {
            return (
                chosen, half,
                "half of a thread's share of \(level.title) is \(half) bytes, too little beside the \(inner) bytes of "
                    + "the cache before it"
            )
        }
        return (chosen, half, nil)
    }

    /// The largest share any of the threads has of the next inner cache.
    private func innerBytes(of level: MemoryLevel, threads: [Int]) -> Int {
        guard let index = MemoryLevel.allCases.firstIndex(of: level), index > 0 else { return 0 }
        for inner in MemoryLevel.allCases[..<index].reversed() {
            guard let kind = inner.cacheKind else { continue }
            let largest = threads.map { topology.cacheShare(kind, of: [$0]) }.max() ?? 0
            if largest > 0 { return largest }
        }
        return 0
    }

    /// So few threads of each cache that half of each one's share is twice its inner cache.
    private func fewEnough(_ threads: [Int], caches: [TopologyObject], inner: Int) -> [Int] {
        guard inner > 0 else { return threads }
        let kept = caches.flatMap { cache in
            threads.filter(cache.threads.contains).prefix(max(1, (cache.cacheBytes ?? 0) / (4 * inner)))
        }
        return threads.filter(Set(kept).contains)
    }

    private func cacheStream(_ variant: StreamVariant, _ level: MemoryLevel) -> Sized {
        let (threads, bytes, refusal) = share(of: level, threads: threads)
        let each = Self.wholeLines(bytes, variant)
        return Sized(
            workload: .stream(MemoryStream(variant, level: level, bytesPerThread: each, threads: threads.count)),
            threads: threads, refusal: refusal)
    }

    private func cacheChase(_ level: MemoryLevel, _ pages: PageSize, chains: Int) -> Sized {
        // One thread follows pointers, yet through no more than its share: neighbours use a shared cache too.
        let (threads, bytes, refusal) = share(of: level, threads: threads)
        return Sized(
            workload: .latency(PointerChase(level: level, bytes: bytes, pages: pages, chains: chains)),
            threads: Array(threads.prefix(1)), refusal: refusal)
    }
}

// MARK: DRAM

extension MemoryPlanner {
    /// At least four times all last-level caches for each array, and a gibibyte, where a quarter of memory allows.
    private func dramStream(_ variant: StreamVariant, threads: [Int], placement: NUMAPlacement?) -> Sized {
        let wanted = max(Self.leastDRAMBytes, 4 * variant.arrays * topology.lastLevelCacheBytes)
        let bytes = min(wanted, memoryBytes > 0 ? max(memoryBytes / 4, 1 << 20) : .max)
        let each = Self.wholeLines(bytes / max(threads.count, 1), variant)
        return Sized(
            workload: .stream(
                MemoryStream(
                    variant, level: .dram, bytesPerThread: each, threads: threads.count, placement: placement)),
            threads: threads, caveat: caveat(array: bytes / variant.arrays))
    }

    private func dramChase(_ pages: PageSize, chains: Int, thread: Int?, _ placement: NUMAPlacement?) -> Sized {
        let wanted = max(Self.chaseBytes, 4 * topology.lastLevelCacheBytes)
        let bytes = min(wanted, memoryBytes > 0 ? max(memoryBytes / 4, 1 << 20) : .max) / 64 * 64
        return Sized(
            workload: .latency(
                PointerChase(level: .dram, bytes: bytes, pages: pages, chains: chains, placement: placement)),
            threads: thread.map { [$0] } ?? [], caveat: caveat(array: bytes))
    }

    /// Each array by itself, as STREAM counts: caches that hold one of three arrays serve a third of the traffic.
    private func caveat(array bytes: Int) -> String? {
        bytes < 4 * topology.lastLevelCacheBytes ? TrialPlan.noCeiling : nil
    }

    /// Reads and latencies between NUMA nodes; nothing on a machine with one.
    func matrix(_ extent: NUMAMatrix, _ name: WorkloadName) -> [Sized] {
        let nodes = topology.objects(.numaNode).filter { ($0.memoryBytes ?? 0) > 0 && $0.osIndex != nil }
        guard extent != .none, nodes.count > 1 else { return [] }
        let computing = nodes.filter { node in threads.contains(where: node.threads.contains) }
        return computing.prefix(extent == .all ? computing.count : 1).flatMap { compute in
            nodes.map { memory in pair(compute: compute, memory: memory, name) }
        }
    }

    private func pair(compute: TopologyObject, memory: TopologyObject, _ name: WorkloadName) -> Sized {
        let users = threads.filter(compute.threads.contains)
        let owners = topology.oneThreadPerCore.filter(memory.threads.contains)
        let one = name == .latency
        let placement = NUMAPlacement(
            computeNode: compute.osIndex ?? -1, memoryNode: memory.osIndex ?? -1,
            memoryThreads: one ? Array(owners.prefix(1)) : owners)
        var sized =
            one
            ? dramChase(.huge, chains: 1, thread: users.first, placement)
            : dramStream(.read, threads: users, placement: placement)
        if owners.isEmpty {
            sized.refusal =
                "node \(placement.memoryNode) has no processor this process may use, and memory is placed by the "
                + "processor that touches it first"
        }
        return sized
    }
}
