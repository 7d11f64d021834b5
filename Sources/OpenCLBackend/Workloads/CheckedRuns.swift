import NodeModel

/// Launches that leave the same in their outputs however often they run, and how that is checked.
final class CheckedRuns {
    private let launches: [Launch]
    private let outputs: [Buffer]
    private let queue: DeviceQueue
    private let filler: Filler
    private var hasRun = false

    /// Creates runs.
    ///
    /// - Parameters:
    ///   - launches: What is run.
    ///   - outputs: All that it writes.
    ///   - queue: The device.
    ///   - filler: Of the same device.
    init(_ launches: [Launch], outputs: [Buffer], queue: DeviceQueue, filler: Filler) {
        (self.launches, self.outputs, self.queue, self.filler) = (launches, outputs, queue, filler)
    }

    /// Runs, and waits.
    func run(repetitions: Int) throws -> TimedBatch {
        hasRun = true
        return try queue.run(launches, repetitions: repetitions)
    }

    /// Checks what the timed runs left, then a run of its own on poisoned outputs.
    ///
    /// - Parameter check: Looks at the outputs.
    /// - Returns: Both outcomes as one.
    /// - Throws: `TrialFailure` when the device fails.
    func verify(_ check: () throws -> Verification) throws -> Verification {
        let timed = hasRun ? try check() : nil
        try poison()
        try queue.run(launches)
        let own = try check()
        // What is found here after the timed runs must be theirs.
        try poison()
        hasRun = false
        return timed.map { $0.and(own) } ?? own
    }

    private func poison() throws { for output in outputs { try filler.poison(output) } }
}
