import Isolation
import NodeModel

/// A worker for one driver: sends requests, follows the steps it announces, and kills it when one takes too long.
///
/// After a failure every further request fails with the same reason.
final class WorkerConnection: WorkerAnswering {
    /// Without Swift's own crash report: it would push the driver's last words out, and delay the end.
    private static let settings = ["SWIFT_BACKTRACE": "enable=no"]

    private let child: ChildProcess
    private let driver: String
    private let limits: WorkerLimits
    private let isCancelled: @Sendable () -> Bool
    private var failure: TrialFailure?
    /// When it was first seen in this request that the user wants to stop.
    private var cancelledAt: MonotonicInstant?

    /// Starts a worker.
    ///
    /// - Parameters:
    ///   - launch: The program.
    ///   - environment: Its whole environment.
    ///   - driver: The platform or driver it loads, for messages.
    ///   - limits: How long steps may take.
    /// - Throws: `TrialFailure` when the program cannot be started.
    init(_ launch: WorkerLaunch, environment: [String: String], driver: String, limits: WorkerLimits) throws {
        do {
            child = try ChildProcess(
                executable: launch.executable, arguments: launch.arguments,
                environment: environment.merging(Self.settings) { $1 },
                memoryLimit: limits.memoryBytes ?? MemoryGuard.availableHostBytes.map { $0 / 10 * 9 } ?? Int.max)
        } catch let failure as SystemFailure {
            throw TrialFailure(.failed, "the OpenCL worker: \(failure)")
        }
        self.driver = driver
        self.limits = limits
        isCancelled = launch.isCancelled
    }

    deinit { if failure == nil { child.finish(grace: limits.grace) } else { child.kill() } }

    /// Sends a request and waits for its result.
    ///
    /// - Parameters:
    ///   - request: What to do.
    ///   - allowance: Time granted to a batch on top of its limit.
    /// - Returns: The result, never an announcement or a failure.
    /// - Throws: `TrialFailure`: the worker's own, or one that names the driver, the step and what happened.
    func request(_ request: WorkerRequest, allowance: Seconds) throws -> WorkerReply {
        if let failure { throw failure }
        let line = try workerLines.encode(request)
        cancelledAt = nil
        var step = "starting"
        var limit = limits.open
        let last = MonotonicInstant.now.advanced(by: limits.request + allowance)
        guard child.send(line) else { throw fail(step, child.line(until: .now.advanced(by: Seconds(1))), limit) }
        while true {
            let deadline = min(last, MonotonicInstant.now.advanced(by: limit))
            guard let event = wait(until: deadline) else { throw stopped(step) }
            // The limit that ended it, for the message.
            if deadline == last { limit = limits.request + allowance }
            guard case .line(let bytes) = event else { throw fail(step, event, limit) }
            guard let reply = try? workerLines.decode(WorkerReply.self, from: bytes) else {
                throw fail(step, event, limit)
            }
            switch reply {
            case .step(let name, let kind):
                if isOverdue { throw stopped(step) }
                step = CleanText.line(name, limit: 200)
                limit = limits.limit(kind) + (kind == .batch ? allowance : .zero)
            case .failed(let status, let reason):
                throw TrialFailure(status, "\(driver): \(CleanText.line(reason, limit: 2_000))")
            case .scanned, .probed, .prepared, .ran, .verified:
                return reply
            }
        }
    }

    /// Waits for the next line in slices, so that the user can stop a long step; `nil` when that happened.
    ///
    /// A batch in flight gets a second to end.
    private func wait(until deadline: MonotonicInstant) -> ChildEvent? {
        while true {
            let now = MonotonicInstant.now
            let event = child.line(until: min(deadline, now.advanced(by: Seconds(0.2))))
            guard case .timedOut = event, now < deadline else { return event }
            if isOverdue { return nil }
        }
    }

    /// Whether the user has wanted to stop for longer than a batch in flight is given to end.
    private var isOverdue: Bool {
        guard isCancelled() else { return false }
        let now = MonotonicInstant.now
        guard let cancelledAt else {
            self.cancelledAt = now
            return false
        }
        return now.since(cancelledAt) > Seconds(1)
    }

    private func stopped(_ step: String) -> TrialFailure {
        end("\(driver): stopped by the user while \(step)", status: .skipped)
    }

    /// An answer of the wrong kind.
    func unexpected() -> TrialFailure { end("\(driver): the worker answered something else than was asked") }

    private func fail(_ step: String, _ event: ChildEvent, _ limit: Seconds) -> TrialFailure {
        let what = event.reason(while: step, limit: limit)
        child.kill()
        let words = child.lastWords
        return end("\(driver): \(what)" + (words.isEmpty ? "" : "; its last words: \(words)"))
    }

    private func end(_ reason: String, status: TrialStatus = .failed) -> TrialFailure {
        let result = TrialFailure(status, reason)
        failure = result
        child.kill()
        return result
    }
}

/// The program that serves as worker.
struct WorkerLaunch {
    var executable: String
    var arguments: [String]
    /// Whether the user wants to stop.
    var isCancelled: @Sendable () -> Bool
}
