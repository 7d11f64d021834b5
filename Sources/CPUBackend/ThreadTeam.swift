import Analysis
import CPUKernels
import NodeModel

/// A team of threads, each pinned to one hardware thread for its whole life.
final class ThreadTeam {
    let handle: OpaquePointer
    /// The operating-system numbers of the hardware threads.
    let threads: [Int]

    /// Starts one thread on each of the hardware threads.
    init(threads: [Int]) throws {
        var handle: OpaquePointer?
        var failed: Int32 = -1
        let status = nw_team_create(threads.compactMap { Int32(exactly: $0) }, Int32(threads.count), &handle, &failed)
        if status == NW_NOT_PINNED {
            throw TrialFailure(
                .failed, "a thread could not be pinned to processor \(failed). Check the cpuset: `taskset -p $$`")
        }
        try check(status, "starting \(threads.count) threads")
        guard let handle else { throw TrialFailure(.failed, "the thread team is missing") }
        self.handle = handle
        self.threads = threads
    }

    deinit { nw_team_destroy(handle) }
}

/// Memory for operands, released with the object.
final class KernelMemory {
    private let handle: OpaquePointer
    let base: UnsafeMutableRawPointer

    /// Reserves bytes aligned to 2 MiB; pages come at first touch.
    init(bytes: Int) throws {
        var handle: OpaquePointer?
        try check(nw_memory_create(bytes, &handle), "allocating \(bytes) bytes")
        guard let handle, let base = nw_memory_bytes(handle) else {
            throw TrialFailure(.failed, "allocating \(bytes) bytes: no address")
        }
        self.handle = handle
        self.base = base
    }

    deinit { nw_memory_destroy(handle) }

    /// The address of the float `offset` floats from the start.
    func floats(at offset: Int = 0) -> UnsafeMutablePointer<Float> {
        base.assumingMemoryBound(to: Float.self) + offset
    }
}

extension TimedBatch {
    init(_ interval: nw_interval, repetitions: Int) {
        self.init(
            start: MonotonicInstant(nanoseconds: interval.start_ns),
            end: MonotonicInstant(nanoseconds: interval.end_ns),
            repetitions: repetitions)
    }
}

/// What every CPU workload needs: who computes, with which instructions, on which data.
struct KernelContext {
    var isa: InstructionSet
    var team: ThreadTeam
    var seed: UInt32

    /// The clocks of the team's processors, measured by chains of additions; `nil` where there is no such chain.
    var measuredClock: ClockSpread? {
        var hertz = [Double](repeating: 0, count: team.threads.count)
        guard nw_clock_measure(team.handle, &hertz) == NW_OK, hertz.allSatisfy({ $0 > 0 }), let low = hertz.min(),
            let high = hertz.max(), let median = Statistics.median(hertz)
        else { return nil }
        return ClockSpread(lowHertz: Hertz(low), medianHertz: Hertz(median), highHertz: Hertz(high))
    }

    /// Notes that belong to every record.
    var notes: [String: String] {
        ["isa": isa.name, "threads": team.threads.map(String.init).joined(separator: " ")]
            .merging(HugePages.note) { first, _ in first }
    }
}
