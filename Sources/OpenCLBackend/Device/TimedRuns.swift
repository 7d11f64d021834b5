import COpenCL
import NodeModel

extension DeviceQueue {
    /// Runs lists of launches in turn and waits: list `first`, the next, and after the last the first again.
    ///
    /// - Parameters:
    ///   - turns: Lists of as many launches each.
    ///   - first: The list to begin with.
    ///   - repetitions: How many lists are run.
    /// - Returns: The interval from before the first launch to the end of the last.
    /// - Throws: `TrialFailure` when the device fails.
    func run(turns: [[Launch]], first: Int, repetitions: Int) throws -> TimedBatch {
        guard repetitions > 0, turns.indices.contains(first), turns.allSatisfy({ $0.count == turns[0].count }) else {
            throw TrialFailure(.failed, "\(repetitions) repetitions of \(turns.count) lists of launches")
        }
        lastLaunches = turns[first]
        let raw = turns.flatMap { $0.map(\.raw) }
        return try timed("running \(turns[0].first?.kernel.name ?? "nothing")", repetitions) { start, end in
            nwcl_run_in_turn(handle, raw, turns[0].count, turns.count, first, UInt64(repetitions), start, end)
        }
    }

    /// Runs a launch so many times, waiting for each before the next.
    func runWaiting(_ launch: Launch, repetitions: Int) throws -> TimedBatch {
        lastLaunches = [launch]
        var raw = launch.raw
        return try timed("running \(launch.kernel.name)", repetitions) { start, end in
            nwcl_run_waiting(handle, &raw, UInt64(repetitions), start, end)
        }
    }

    /// Runs lists of launches one after the other and waits for the end of each.
    ///
    /// - Parameter lists: What to run.
    /// - Returns: When the first list began, and when each ended.
    /// - Throws: `TrialFailure` when the device fails.
    func run(lists: [[Launch]]) throws -> (start: MonotonicInstant, ends: [MonotonicInstant]) {
        let raw = lists.flatMap { $0.map(\.raw) }
        let counts = lists.map(\.count)
        lastLaunches = lists.last ?? []
        var start: UInt64 = 0
        var ends = [UInt64](repeating: 0, count: lists.count)
        let status = nwcl_run_marked(handle, raw, counts, counts.count, &start, &ends)
        withExtendedLifetime(lists) {}
        try OpenCLStatus.check(status, "running \(lists.first?.first?.kernel.name ?? "nothing")")
        return (MonotonicInstant(nanoseconds: start), ends.map { MonotonicInstant(nanoseconds: $0) })
    }

    /// Copies between a buffer and as many bytes of the host's memory, so many times, and waits.
    func run(_ direction: HostCopy.Direction, _ buffer: Buffer, _ memory: HostMemory, repetitions: Int) throws
        -> TimedBatch
    {
        guard buffer.bytes == memory.bytes else { throw TrialFailure(.failed, "a copy between unequal sizes") }
        lastLaunches = []
        let toHost: Int32 = direction == .read ? 1 : 0
        return try timed("copying \(buffer.bytes) bytes", repetitions) { start, end in
            nwcl_run_copies(
                handle, buffer.handle, memory.handle, buffer.bytes, toHost, UInt64(repetitions), start, end)
        }
    }

    private func timed(
        _ action: String, _ repetitions: Int,
        _ body: (_ start: UnsafeMutablePointer<UInt64>, _ end: UnsafeMutablePointer<UInt64>) -> Int32
    ) throws -> TimedBatch {
        guard repetitions > 0 else { throw TrialFailure(.failed, "\(repetitions) repetitions: expected at least 1") }
        var start: UInt64 = 0
        var end: UInt64 = 0
        try OpenCLStatus.check(body(&start, &end), action)
        return TimedBatch(
            start: MonotonicInstant(nanoseconds: start), end: MonotonicInstant(nanoseconds: end),
            repetitions: repetitions)
    }

    /// Copies values into the beginning of a buffer, which must hold as many.
    func write<Value: BitwiseCopyable>(_ values: [Value], to buffer: Buffer) throws {
        let bytes = values.count * MemoryLayout<Value>.stride
        guard bytes <= buffer.bytes else {
            throw TrialFailure(.failed, "a write of \(bytes) bytes into a buffer of \(buffer.bytes)")
        }
        guard bytes > 0 else { return }
        let status = values.withUnsafeBytes { nwcl_write(handle, buffer.handle, 0, $0.baseAddress, $0.count) }
        try OpenCLStatus.check(status, "copying \(bytes) bytes to the device")
    }
}
