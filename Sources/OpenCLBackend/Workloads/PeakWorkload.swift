import Analysis
import NodeModel

/// The register-only ceiling in f32.
final class PeakWorkload: PreparedWorkload {
    let work: Work
    let notes: [String: String]
    private let queue: DeviceQueue
    private let filler: Filler
    private let results: Buffer
    private let launch: Launch
    private let steps: Int
    private let starts: [Float]
    private let addends: [Float]
    private var hasRun = false

    init(queue: DeviceQueue, device: Device, tuning: Tuning, seed: UInt32) throws {
        self.queue = queue
        filler = try Filler(queue: queue)
        // Twelve chains and their addends fill 24 of 32 vector registers and hide 6 cycles on two ports.
        let chains = tuning.isProcessor ? (tuning.lanes == 16 ? 12 : 6) : 8
        let type = tuning.isProcessor ? "float\(tuning.lanes)" : "float"
        let (program, local) = try queue.build(
            ["peak"], kernels: ["peak_fma"], options: ["FLOATV=\(type)", "CHAINS=\(chains)"],
            localSizes: tuning.localSizes(from: 256))
        let groups = tuning.isProcessor ? tuning.units * 8 : tuning.units * 16
        let count = groups * local * chains * tuning.lanes
        steps = tuning.isProcessor ? 65_536 : 8_192
        starts = (0..<count).map { PeakCheck.start(seed: seed, index: $0) }
        addends = (0..<count).map { PeakCheck.addend(seed: seed, index: $0) }
        results = try queue.buffer(bytes: count * 4)
        let kernel = try program.kernel(
            "peak_fma", .buffer(try queue.buffer(starts)), .buffer(try queue.buffer(addends)), .buffer(results),
            .uint(steps))
        launch = Launch(kernel: kernel, groups: [groups], local: [local])
        work = Work(flops: Flops(2 * Double(count) * Double(steps)))
        notes = ["kernel": "\(chains) chains of \(type), \(local) items a group", "options": program.options]
    }

    func run(repetitions: Int) throws -> TimedBatch {
        hasRun = true
        return try queue.run([launch], repetitions: repetitions)
    }

    /// Every repetition ends in the same state, so what the timed runs left is checked as well as a run of its own.
    func verify() throws -> Verification {
        let timed = hasRun ? try check() : nil
        try filler.poison(results)
        try queue.run([launch])
        let own = try check()
        try filler.poison(results)
        hasRun = false
        return timed.map { $0.and(own) } ?? own
    }

    private func check() throws -> Verification {
        let values = try queue.read(results, Float.self, count: starts.count)
        return PeakCheck.follow(steps: steps, starts: starts, addends: addends, results: values)
    }
}
