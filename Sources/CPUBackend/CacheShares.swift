import CPUKernels
import NodeModel

/// The data caches one thread of a team has to itself, in bytes; 0 where the topology does not tell.
struct CacheShares: Hashable {
    var l1 = 0
    var l2 = 0
    var l3 = 0

    /// Divides each cache among the threads below it and takes the smallest share.
    init(topology: Topology, threads: [Int]) {
        let used = Set(threads)
        func share(_ kind: TopologyObjectKind) -> Int {
            topology.objects(kind).compactMap { cache -> Int? in
                let users = cache.threads.count(where: used.contains)
                guard users > 0, let bytes = cache.cacheBytes, bytes > 0 else { return nil }
                return bytes / users
            }.min() ?? 0
        }
        l1 = share(.l1Cache)
        l2 = share(.l2Cache)
        l3 = share(.l3Cache)
    }

    var kernelArgument: nw_caches { nw_caches(l1_bytes: l1, l2_bytes: l2, l3_bytes: l3) }
}
