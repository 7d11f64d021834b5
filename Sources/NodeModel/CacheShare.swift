extension Topology {
    /// The part of a cache that each of some threads has to itself when all of them work.
    ///
    /// - Parameters:
    ///   - kind: A kind of cache.
    ///   - threads: The threads that work.
    /// - Returns: The smallest share in bytes among those that have such a cache, or 0 when none has one whose size is
    ///   known.
    public func cacheShare(_ kind: TopologyObjectKind, of threads: [Int]) -> Int {
        let used = Set(threads)
        return objects(kind).compactMap { cache -> Int? in
            let users = cache.threads.count(where: used.contains)
            guard users > 0, let bytes = cache.cacheBytes, bytes > 0 else { return nil }
            return bytes / users
        }.min() ?? 0
    }
}
