import CPUKernels
package import NodeModel

/// Reads of a block of memory that no cache can hold.
package final class ReadWorkload: PreparedWorkload {
    private static let stream: UInt32 = 0xbad5

    private let context: KernelContext
    private let handle: OpaquePointer
    private let bytes: Int
    private let key: UInt32
    /// Repetitions of the last run, whose sums are still there.
    private var repetitions = 0

    init(_ context: KernelContext, bytes requested: Int) throws {
        guard requested >= 64 else {
            throw TrialFailure(.unsupported, "\(requested) bytes are fewer than one cache line")
        }
        self.context = context
        bytes = requested / 64 * 64
        key = SeededData.key(seed: context.seed, stream: Self.stream)
        var handle: OpaquePointer?
        try check(
            nw_read_create(context.team.handle, context.isa.handle, bytes, key, &handle),
            "allocating \(bytes) bytes to read")
        guard let handle else { throw TrialFailure(.failed, "the memory to read is missing") }
        self.handle = handle
    }

    deinit { nw_read_destroy(handle) }

    package var work: Work { Work(bytes: Double(bytes)) }

    package var notes: [String: String] { context.notes }

    package func run(repetitions: Int) throws -> TimedBatch {
        self.repetitions = max(repetitions, 1)
        var interval = nw_interval()
        try check(nw_read_run(handle, Int64(self.repetitions), &interval), "reading memory")
        return TimedBatch(interval, repetitions: self.repetitions)
    }

    package func verify() throws -> Verification {
        if repetitions == 0 { _ = try run(repetitions: 1) }
        return try verification(of: sums)
    }

    /// Each thread's sum over all repetitions of the last run, modulo 2³².
    package var sums: [UInt32] { context.team.threads.indices.map { nw_read_sum(handle, Int32($0)) } }

    /// Checks sums claimed to be the kernel's against a scalar loop, and samples of the memory against the seeded data.
    package func verification(of sums: [UInt32]) throws -> Verification {
        let method = "checksum of every byte read, and 1024 words of each thread against the seeded data"
        var expected = [UInt32](repeating: 0, count: context.team.threads.count)
        try check(nw_read_expected(handle, &expected), "adding up the memory")
        var failure: String?
        for thread in expected.indices {
            if sums.count != expected.count
                || sums[thread] != expected[thread] &* UInt32(truncatingIfNeeded: repetitions)
            {
                failure = "the sum of thread \(thread) is wrong"
            }
        }
        failure = failure ?? firstWrongWord()
        return Verification(
            passed: failure == nil, method: method, worst: failure == nil ? 0 : .infinity, detail: failure)
    }

    private func firstWrongWord() -> String? {
        var first = 0
        for thread in context.team.threads.indices {
            var size = 0
            guard let start = nw_read_slice(handle, Int32(thread), &size) else {
                return "thread \(thread) has no memory"
            }
            let words = UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt32.self), count: size / 4)
            for sample in 0..<min(1024, words.count) {
                let index = sample * (words.count - 1) / max(min(1024, words.count) - 1, 1)
                let expected = SeededData.word(key: key, index: UInt32(truncatingIfNeeded: first + index))
                if words[index] != expected { return "word \(first + index) of the memory is not the seeded one" }
            }
            first += words.count
        }
        return first * 4 == bytes ? nil : "the threads' slices hold \(first * 4) of \(bytes) bytes"
    }
}
