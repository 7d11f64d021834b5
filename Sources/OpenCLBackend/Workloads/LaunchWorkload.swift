import NodeModel

/// Launches of a kernel of one work-item that counts, so that every launch can be seen.
final class LaunchWorkload: PreparedWorkload {
    let work = Work(hops: 1)
    let notes: [String: String]
    private let mode: LaunchMode
    private let queue: DeviceQueue
    private let counter: Buffer
    private let launch: Launch
    /// What the counter should be.
    private var expected: UInt32 = 0

    init(_ mode: LaunchMode, queue: DeviceQueue, seed: UInt32) throws {
        self.mode = mode
        self.queue = queue
        expected = SeededData.key(seed: seed, stream: 0x1a0c)
        counter = try queue.buffer([expected])
        let program = try queue.build(["launch"], options: [])
        launch = Launch(kernel: try program.kernel("count_launch", .buffer(counter)), groups: [1], local: [1])
        notes = ["kernel": "one work-item adds 1 to a counter"]
    }

    func run(repetitions: Int) throws -> TimedBatch {
        expected &+= UInt32(truncatingIfNeeded: repetitions)
        // Another launch, for the device's own clock, would count as well.
        defer { queue.lastLaunches = [] }
        switch mode {
        case .queued: return try queue.run([launch], repetitions: repetitions)
        case .roundTrip: return try queue.runWaiting(launch, repetitions: repetitions)
        }
    }

    func verify() throws -> Verification {
        _ = try run(repetitions: 1)
        let found = try queue.read(counter, UInt32.self, count: 1)[0]
        let passed = found == expected
        return Verification(
            passed: passed, method: "every launch counted", worst: passed ? 0 : .infinity,
            detail: passed ? nil : "\(Int64(expected) - Int64(found)) launches are missing")
    }
}
