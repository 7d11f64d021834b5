import Analysis
import CPUKernels
package import NodeModel

/// Fused multiply-adds on registers alone.
package final class PeakWorkload: PreparedWorkload {
    /// Multiply-adds of one chain in one repetition.
    static let steps = 16_384

    private let context: KernelContext
    private let handle: OpaquePointer
    private let starts: [Float]
    private let addends: [Float]
    private var hasTimedResults = false

    init(_ context: KernelContext) throws {
        self.context = context
        let threads = context.team.threads.count
        let chains = Int(nw_peak_chains_per_thread(context.isa.handle))
        let constants = Int(nw_peak_addends_per_thread(context.isa.handle))
        starts = (0..<threads * chains).map { PeakCheck.start(seed: context.seed, index: $0) }
        let distinct = (0..<threads * constants).map { PeakCheck.addend(seed: context.seed, index: $0) }
        addends = (0..<threads * chains).map { distinct[$0 / chains * constants + $0 % chains % constants] }
        var handle: OpaquePointer?
        try check(
            nw_peak_create(context.team.handle, context.isa.handle, Int64(Self.steps), starts, distinct, &handle),
            "preparing the peak")
        guard let handle else { throw TrialFailure(.failed, "the peak is missing") }
        self.handle = handle
    }

    deinit { nw_peak_destroy(handle) }

    package var work: Work { Work(flops: Flops(2 * Double(Self.steps) * Double(starts.count))) }

    package var notes: [String: String] {
        context.notes.merging(["chains": "\(starts.count)", "steps": "\(Self.steps)"]) { first, _ in first }
    }

    package func run(repetitions: Int) throws -> TimedBatch {
        var interval = nw_interval()
        try check(nw_peak_run(handle, Int64(max(repetitions, 1)), &interval), "running the peak")
        hasTimedResults = true
        return TimedBatch(interval, repetitions: max(repetitions, 1))
    }

    package func measuredClock() -> ClockSpread? { context.measuredClock }

    /// Every repetition ends in the same state, so what the timed runs left is checked as well as a run of its own.
    package func verify() throws -> Verification {
        let timed = hasTimedResults ? verification(of: results) : nil
        poison()
        _ = try run(repetitions: 1)
        let own = verification(of: results)
        poison()
        hasTimedResults = false
        return timed.map { $0.and(own) } ?? own
    }

    /// What is found in the results afterwards must be a run's.
    private func poison() {
        UnsafeMutablePointer(mutating: nw_peak_results(handle)).update(repeating: .nan, count: starts.count)
    }

    /// What the kernel left in each chain.
    package var results: [Float] { Array(UnsafeBufferPointer(start: nw_peak_results(handle), count: starts.count)) }

    /// Checks results claimed to be the kernel's.
    package func verification(of results: [Float]) -> Verification {
        PeakCheck.follow(
            steps: Self.steps, starts: starts, addends: addends, results: results,
            fused: nw_isa_fused(context.isa.handle))
    }
}
