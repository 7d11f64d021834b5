import Analysis
import CPUKernels
package import NodeModel

/// Multiply-adds or dot products on registers alone.
package final class PeakWorkload: PreparedWorkload {
    /// Steps of one chain in one repetition.
    static let steps = 16_384

    private let context: KernelContext
    private let handle: OpaquePointer
    private let layout: nw_peak_layout
    private let data: any PeakData
    private var hasTimedResults = false

    init(_ context: KernelContext, precision: Precision) throws {
        let (isa, threads) = (context.isa.handle, context.team.threads.count)
        var layout = nw_peak_layout()
        guard let kind = Self.kinds[precision], nw_peak_get_layout(isa, kind, &layout) == NW_OK else {
            throw TrialFailure(
                .unsupported,
                "\(context.isa.name) has no \(precision.rawValue) arithmetic of its own; products in "
                    + "\(precision.rawValue) run in a wider format")
        }
        let data = makePeakData(precision, layout, threads: threads, seed: context.seed, fused: nw_isa_fused(isa))
        self.data = data
        self.context = context
        self.layout = layout
        var handle: OpaquePointer?
        let status = data.starts.withUnsafeBytes { starts in
            data.operands.withUnsafeBytes { operands in
                nw_peak_create(
                    context.team.handle, isa, kind, Int64(Self.steps), starts.baseAddress, operands.baseAddress, &handle
                )
            }
        }
        try check(status, "preparing the peak")
        guard let handle else { throw TrialFailure(.failed, "the peak is missing") }
        self.handle = handle
    }

    private static let kinds: [Precision: nw_peak_kind] = [
        .f64: NW_PEAK_F64, .f32: NW_PEAK_F32, .f16: NW_PEAK_F16, .bf16: NW_PEAK_BF16, .i8: NW_PEAK_I8,
    ]

    deinit { nw_peak_destroy(handle) }

    private var chains: Int { Int(layout.chains) * context.team.threads.count }

    package var work: Work {
        Work(flops: Flops(Double(layout.step_operations) * Double(Self.steps) * Double(chains)))
    }

    package var notes: [String: String] {
        context.notes.merging(["chains": "\(chains)", "steps": "\(Self.steps)"]) { first, _ in first }
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

    /// What is found in the results afterwards must be a run's; all ones are a NaN, and odd as a sum.
    private func poison() {
        memory.initializeMemory(as: UInt8.self, repeating: 0xff)
    }

    private var memory: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: nw_peak_results(handle), count: chains * Int(layout.chain_bytes))
    }

    /// The bytes the kernel left in its chains.
    package var results: [UInt8] { Array(memory) }

    /// Checks results claimed to be the kernel's.
    package func verification(of results: [UInt8]) -> Verification { data.verification(of: results, steps: Self.steps) }
}
