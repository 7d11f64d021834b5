import NodeModel

/// The data caches one thread of a team has to itself, in bytes; 0 where the topology does not tell.
struct CacheShares: Hashable {
    var l1 = 0
    var l2 = 0
    var l3 = 0

    /// Divides each cache among the threads below it and takes the smallest share.
    init(topology: Topology, threads: [Int]) {
        l1 = topology.cacheShare(.l1Cache, of: threads)
        l2 = topology.cacheShare(.l2Cache, of: threads)
        l3 = topology.cacheShare(.l3Cache, of: threads)
    }

    /// The working set of a thread from which on no cache holds it.
    var farBytes: Int {
        let largest = max(l1, l2, l3)
        return largest > 0 ? largest : 4 << 20
    }
}
