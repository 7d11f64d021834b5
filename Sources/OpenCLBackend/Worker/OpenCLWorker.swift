import Isolation
import NodeModel

/// The child process that loads drivers, so that a driver's crash or hang is one failed trial and no more.
public enum OpenCLWorker {
    /// Serves requests from standard input until it closes; answers on what was standard output.
    ///
    /// Whatever a driver prints to descriptor 1 goes to standard error, where the parent keeps its end for reasons.
    ///
    /// - Returns: The exit status: 0, or 70 when the answers cannot be written.
    public static func main() -> Int32 {
        guard let output = WorkerProcess.begin(endsWithInput: false) else { return 70 }
        var server = WorkerServer { workerLines.send($0, to: output) }
        while let line = readLine(strippingNewline: true) {
            guard server.serve(Array(line.utf8)) else { return 70 }
        }
        return 0
    }
}

/// The worker's state: at most one prepared workload.
struct WorkerServer {
    /// Passes an answer or an announcement on; whether that could be done.
    private let send: (WorkerReply) -> Bool
    private var prepared: (any PreparedWorkload)?
    private var session: OpenCLSession?

    init(send: @escaping (WorkerReply) -> Bool) { self.send = send }

    /// Answers one request.
    ///
    /// - Returns: Whether the answer could be written.
    mutating func serve(_ line: [UInt8]) -> Bool {
        let reply: WorkerReply
        do {
            reply = try answer(try workerLines.decode(WorkerRequest.self, from: line))
        } catch let failure as TrialFailure {
            reply = .failed(status: failure.status, reason: failure.reason)
        } catch {
            reply = .failed(status: .failed, reason: "the request was not understood: \(CleanText.line("\(error)"))")
        }
        return send(reply)
    }

    /// Does what is asked.
    ///
    /// - Throws: `TrialFailure`.
    mutating func answer(_ request: WorkerRequest) throws -> WorkerReply {
        let send = send
        let report: StepReport = { step, kind in _ = send(.step(name: step, kind: kind)) }
        switch request {
        case .enumerate:
            return .scanned(result: DeviceScan.run(report: report))
        case .probe(let capability, let platform, let device):
            let session = try OpenCLSession(platform: platform, device: device, report: report)
            return .probed(missing: session.missing(capability))
        case .prepare(let workload, let platform, let device, let seed, let tuning):
            prepared = nil
            let place = Place(platform: platform, device: device, seed: seed, tuning: tuning)
            return try HalvedWorkload.first(workload) { try prepare($0, place, report) }
        case .run(let repetitions):
            let workload = try current()
            report("\(repetitions) timed repetitions", .batch)
            return .ran(batch: try workload.run(repetitions: repetitions))
        case .verify:
            let workload = try current()
            report("checking results", .verify)
            return .verified(verification: try workload.verify())
        }
    }

    /// Where and how a workload is prepared.
    private struct Place {
        var platform, device: Int
        var seed: UInt32
        var tuning: TuningOrder
    }

    private mutating func prepare(_ workload: Workload, _ place: Place, _ report: @escaping StepReport) throws
        -> WorkerReply
    {
        let session = try OpenCLSession(platform: place.platform, device: place.device, report: report)
        self.session = session
        let result = try session.prepare(workload, seed: place.seed, tuning: place.tuning)
        // PoCL compiles a kernel when it is first enqueued, so the first run belongs to the preparation.
        report("first run of \(workload.name.rawValue)", .first)
        _ = try result.run(repetitions: 1)
        prepared = result
        report("one run by the device's own clock", .batch)
        let notes = result.notes.merging(["event clock": session.checkEvents()]) { $1 }
        return .prepared(work: result.work, notes: notes, tuned: session.tuningResult)
    }

    private func current() throws -> any PreparedWorkload {
        guard let prepared else { throw TrialFailure(.failed, "nothing was prepared") }
        return prepared
    }
}
