import NodeModel

/// A workload that lives in a worker; releasing it ends the worker.
final class RemoteWorkload: PreparedWorkload {
    let work: Work
    let notes: [String: String]
    private let connection: any WorkerAnswering
    /// The slowest mean of a repetition so far, to judge how long a batch may take.
    private var slowest = Seconds.zero

    init(connection: any WorkerAnswering, work: Work, notes: [String: String]) {
        self.connection = connection
        self.work = work
        self.notes = notes
    }

    func run(repetitions: Int) throws -> TimedBatch {
        guard repetitions > 0 else { throw TrialFailure(.failed, "\(repetitions) repetitions: expected at least 1") }
        let allowance = slowest * Double(repetitions) * 4
        guard case .ran(let batch) = try connection.request(.run(repetitions: repetitions), allowance: allowance),
            batch.repetitions == repetitions, batch.end > batch.start
        else { throw connection.unexpected() }
        slowest = max(slowest, batch.secondsPerRepetition)
        return batch
    }

    func verify() throws -> Verification {
        guard case .verified(let result) = try connection.request(.verify) else { throw connection.unexpected() }
        return result
    }
}
