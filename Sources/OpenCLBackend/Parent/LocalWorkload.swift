import Glibc
import NodeModel

/// A workload in this process, without the isolation of a worker.
final class LocalWorkload: PreparedWorkload {
    let work: Work
    private(set) var notes: [String: String]
    /// What the search for the kernel found, where there was one.
    let tuningResult: TuningResult?
    private let workload: any PreparedWorkload

    /// Loads the driver into this process and makes a workload ready.
    ///
    /// - Throws: `TrialFailure`.
    init(
        _ workload: Workload, _ place: DevicePlace, environment: [String: String], seed: UInt32, tuning: TuningOrder
    ) throws {
        // The loader reads it when it is first called.
        for (name, value) in environment { setenv(name, value, 1) }
        let session = try OpenCLSession(platform: place.platform, device: place.device)
        self.workload = try session.prepare(workload, seed: seed, tuning: tuning)
        _ = try self.workload.run(repetitions: 1)
        work = self.workload.work
        tuningResult = session.tuningResult
        notes = self.workload.notes.merging(["process": "in nodewatt's own, not isolated"]) { $1 }
    }

    /// The same with more notes.
    func with(notes more: [String: String]) -> LocalWorkload {
        notes.merge(more) { $1 }
        return self
    }

    func run(repetitions: Int) throws -> TimedBatch { try workload.run(repetitions: repetitions) }

    func verify() throws -> Verification { try workload.verify() }
}
