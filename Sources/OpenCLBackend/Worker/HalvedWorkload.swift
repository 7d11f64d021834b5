import NodeModel

/// Streams made smaller until a device has the memory for them: what it says of its memory is often too much.
enum HalvedWorkload {
    /// What no stream is made smaller than: caches of processors may serve less.
    private static let leastBytes = 64 << 20

    /// Tries a workload, then half of it, and so on while memory is what is short.
    ///
    /// - Parameters:
    ///   - workload: What was asked for.
    ///   - prepare: Makes one ready from nothing, since a context that ran out of memory may be lost.
    /// - Returns: The first answer; where something was halved its notes say so.
    /// - Throws: The last failure.
    static func first(_ workload: Workload, prepare: (Workload) throws -> WorkerReply) throws -> WorkerReply {
        var tried = workload
        while true {
            do {
                let reply = try prepare(tried)
                guard tried != workload, case .prepared(let work, var notes, let tuned) = reply else { return reply }
                notes["halved"] = "from \(workload.shape ?? "") to \(tried.shape ?? ""), for lack of memory"
                return .prepared(work: work, notes: notes, tuned: tuned)
            } catch let failure as TrialFailure where failure.isShortOfMemory {
                guard let half = half(of: tried) else { throw failure }
                tried = half
            }
        }
    }

    /// Half of a stream; `nil` for what has the size it has, and for what is small.
    private static func half(of workload: Workload) -> Workload? {
        switch workload {
        case .readBandwidth(let bytes) where bytes >= 2 * leastBytes: return .readBandwidth(bytes: bytes / 2)
        case .stream(var stream) where stream.bytesPerThread * stream.threads >= 2 * leastBytes:
            stream.bytesPerThread /= 2
            return .stream(stream)
        default: return nil
        }
    }
}
