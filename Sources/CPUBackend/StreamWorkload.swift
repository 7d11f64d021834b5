import CPUKernels
package import NodeModel

/// Streams through memory: every thread reads, copies or combines arrays of its own.
package final class StreamWorkload: PreparedWorkload {
    private static let firstStream: UInt32 = 0xbad5_0000
    private static let samples = 1024

    private let context: KernelContext
    private let owners: ThreadTeam?
    private let handle: OpaquePointer
    private let variant: StreamVariant
    private let kind: nw_stream_kind
    private let arrayBytes: Int
    private let keys: [UInt32]
    /// Repetitions of the last run; 0 when what lies in memory is no run's.
    private var repetitions = 0

    /// Allocates and fills the arrays.
    ///
    /// - Parameters:
    ///   - context: Who streams.
    ///   - variant: What is done.
    ///   - bytesPerThread: The working set of each thread, all arrays together; rounded down to whole cache lines.
    ///   - farBytes: The working set from which on no cache of a thread holds it.
    ///   - owners: Who touches the memory first, if not each thread its own.
    /// - Throws: `TrialFailure` when a thread's share is too small, or the system gives no memory.
    init(
        _ context: KernelContext, _ variant: StreamVariant, bytesPerThread: Int, farBytes: Int,
        owners: ThreadTeam? = nil
    ) throws {
        let arrayBytes = bytesPerThread / variant.arrays / 64 * 64
        guard arrayBytes >= 64 else {
            throw TrialFailure(
                .unsupported,
                "\(bytesPerThread) bytes per thread are fewer than one cache line for each of \(variant.arrays) arrays")
        }
        self.context = context
        self.owners = owners
        self.variant = variant
        self.arrayBytes = arrayBytes
        let kind = variant.kernel
        self.kind = kind
        let inputs = Int(nw_stream_inputs(kind)) * context.team.threads.count
        let keys = (0..<UInt32(inputs)).map { SeededData.key(seed: context.seed, stream: Self.firstStream + $0) }
        self.keys = keys
        var handle: OpaquePointer?
        try keys.withUnsafeBufferPointer { keys in
            var spec = nw_stream_spec(
                kind: kind, past_caches: variant.isPastCaches, array_bytes: arrayBytes, far_bytes: farBytes,
                keys: keys.baseAddress)
            try check(
                nw_stream_create(context.team.handle, owners?.handle, context.isa.handle, &spec, &handle),
                "allocating \(bytesPerThread) bytes for each of \(context.team.threads.count) threads")
        }
        guard let handle else { throw TrialFailure(.failed, "the arrays are missing") }
        self.handle = handle
    }

    deinit { nw_stream_destroy(handle) }

    /// Explicit traffic; the lines a plain store reads first are not counted.
    package var work: Work { Work(bytes: Double(arrayBytes * variant.arrays * context.team.threads.count)) }

    package var notes: [String: String] {
        context.notes.merging(["bytes per thread": "\(arrayBytes * variant.arrays)"]) { first, _ in first }
    }

    package func run(repetitions: Int) throws -> TimedBatch {
        self.repetitions = max(repetitions, 1)
        var interval = nw_interval()
        try check(nw_stream_run(handle, Int64(self.repetitions), &interval), "streaming")
        return TimedBatch(interval, repetitions: self.repetitions)
    }

    package func measuredClock() -> ClockSpread? { context.measuredClock }

    /// What the timed runs left is checked as well as one run of its own, both on poisoned outputs.
    package func verify() throws -> Verification {
        let timed = repetitions > 0 ? verification(of: results) : nil
        nw_stream_poison(handle)
        _ = try run(repetitions: 1)
        let own = verification(of: results)
        nw_stream_poison(handle)
        repetitions = 0
        return timed.map { $0.and(own) } ?? own
    }

    /// What each thread's run left: for reads its sum over all repetitions modulo 2³², for the others the number of
    /// wrong words in its output, every one compared.
    package var results: [UInt32] {
        variant == .read ? context.team.threads.indices.map { nw_stream_sum(handle, Int32($0)) } : checked
    }

    /// What a scalar loop finds: sums of the inputs, or numbers of wrong words.
    private var checked: [UInt32] {
        var results = [UInt32](repeating: .max, count: context.team.threads.count)
        nw_stream_check(handle, &results)
        return results
    }

    /// Checks results claimed to be the kernel's, and samples of all arrays against the seeded data.
    package func verification(of results: [UInt32]) -> Verification {
        let expected =
            variant == .read
            ? checked.map { $0 &* UInt32(truncatingIfNeeded: repetitions) } : context.team.threads.map { _ in 0 }
        var failure = results.count == expected.count ? nil : "\(results.count) results of \(expected.count) threads"
        for (thread, (result, right)) in zip(results, expected).enumerated() where result != right {
            failure = failure ?? "what thread \(thread) left is wrong: \(result), expected \(right)"
        }
        failure = failure ?? context.team.threads.indices.lazy.compactMap(firstWrongSample).first
        let what = variant == .read ? "checksum of every byte read" : "every word written compared"
        return Verification(
            passed: failure == nil, method: "\(what), and \(Self.samples) words of each array against the seeded data",
            worst: failure == nil ? 0 : .infinity, detail: failure)
    }

    /// Flips a high bit in a word of one of a thread's arrays, outputs last, for tests.
    package func corrupt(thread: Int, array: Int, word: Int) {
        words(thread: thread, array: array)[word] ^= 1 << 30
    }

    private func words(thread: Int, array: Int) -> UnsafeMutableBufferPointer<UInt32> {
        let start = nw_stream_array(handle, Int32(thread), Int32(array))
        return UnsafeMutableBufferPointer(
            start: start?.assumingMemoryBound(to: UInt32.self), count: start == nil ? 0 : arrayBytes / 4)
    }

    private func firstWrongSample(thread: Int) -> String? {
        for array in 0..<variant.arrays {
            let words = words(thread: thread, array: array)
            let count = min(Self.samples, words.count)
            for sample in 0..<count {
                let index = sample * (words.count - 1) / max(count - 1, 1)
                if words[index] != expected(thread: thread, array: array, index: UInt32(truncatingIfNeeded: index)) {
                    return "word \(index) of array \(array) of thread \(thread) is not what the seed makes it"
                }
            }
        }
        return nil
    }

    /// The bits of an element, made from the seed alone.
    private func expected(thread: Int, array: Int, index: UInt32) -> UInt32 {
        guard kind == NW_STREAM_TRIAD else { return SeededData.word(key: keys[thread], index: index) }
        let a = SeededData.uniform(key: keys[2 * thread], index: index)
        let b = SeededData.uniform(key: keys[2 * thread + 1], index: index)
        return [a, b, a + 2 * b][array].bitPattern
    }
}

extension StreamVariant {
    /// What the kernels call it.
    fileprivate var kernel: nw_stream_kind {
        switch self {
        case .read: NW_STREAM_READ
        case .copy, .copyPastCaches: NW_STREAM_COPY
        case .triad, .triadPastCaches: NW_STREAM_TRIAD
        }
    }

    /// Whether stores go past the caches.
    fileprivate var isPastCaches: Bool { self == .copyPastCaches || self == .triadPastCaches }
}
