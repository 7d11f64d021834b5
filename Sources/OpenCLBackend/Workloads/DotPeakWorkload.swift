import Analysis
import Isolation
import NodeModel

/// The register-only ceiling of dot products of int8, where a device has them.
final class DotPeakWorkload: PreparedWorkload {
    private static let pairs = 8
    private static let steps = 8_192
    private static let stream: UInt32 = 0x9ea6

    let work: Work
    let notes: [String: String]
    private let queue: DeviceQueue
    private let results: Buffer
    private let runs: CheckedRuns
    private let starts: [UInt32]
    private let factors: [UInt32]

    /// Makes the peak ready.
    ///
    /// - Parameters:
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - tuning: How its kernels are shaped.
    ///   - seed: The seed of starts and factors.
    /// - Throws: `TrialFailure`, unsupported where the device has no such dot product.
    init(queue: DeviceQueue, device: Device, tuning: Tuning, seed: UInt32) throws {
        let dot = IntegerDot.find(on: queue, device: device)
        if case .plain(let reason) = dot {
            throw TrialFailure(.unsupported, "no dot product of int8: \(CleanText.line(reason, limit: 600))")
        }
        self.queue = queue
        // Compilers for processors vectorise across the items of a group.
        let sizes =
            tuning.isProcessor ? [64, 16, 1].filter { $0 <= tuning.maximumGroup } : tuning.localSizes(from: 256)
        let (program, local) = try queue.build(
            ["integer_dot", "peak_dot"], kernels: ["peak_dot"], options: dot.macros + ["PAIRS=\(Self.pairs)"],
            flags: dot.flags, localSizes: sizes)
        let groups = tuning.units * (tuning.isProcessor ? 8 : 16)
        let count = groups * local * Self.pairs
        let key = SeededData.key(seed: seed, stream: Self.stream)
        let words = (0..<3 * count).map { SeededData.word(key: key, index: UInt32($0)) }
        starts = Array(words[..<(2 * count)])
        factors = Array(words[(2 * count)...])
        results = try queue.buffer(bytes: 8 * count)
        let kernel = try program.kernel(
            "peak_dot", .buffer(try queue.buffer(starts)), .buffer(try queue.buffer(factors)), .buffer(results),
            .uint(Self.steps))
        runs = CheckedRuns(
            [Launch(kernel: kernel, groups: [groups], local: [local])], outputs: [results], queue: queue,
            filler: try Filler(queue: queue))
        // Two dot products a step, of four products and four additions each.
        work = Work(flops: Flops(16 * Double(count) * Double(Self.steps)))
        notes = [
            "kernel": "\(Self.pairs) pairs of sums by \(dot.title), \(local) items a group", "options": program.options,
        ]
    }

    func run(repetitions: Int) throws -> TimedBatch { try runs.run(repetitions: repetitions) }

    func verify() throws -> Verification { try runs.verify(check) }

    private func check() throws -> Verification {
        let found = try queue.read(results, UInt32.self, count: starts.count)
        return DotPeakCheck.followWalks(steps: Self.steps, starts: starts, factors: factors, results: found)
    }
}
