import Glibc
import NodeModel

/// What answers requests: a worker, or this process itself.
protocol WorkerAnswering: AnyObject {
    /// Answers a request.
    ///
    /// - Parameters:
    ///   - request: What to do.
    ///   - allowance: Time granted to a batch on top of its limit.
    /// - Returns: The result, never an announcement or a failure.
    /// - Throws: `TrialFailure`.
    func request(_ request: WorkerRequest, allowance: Seconds) throws -> WorkerReply

    /// An answer of the wrong kind.
    func unexpected() -> TrialFailure
}

extension WorkerAnswering {
    func request(_ request: WorkerRequest) throws -> WorkerReply { try self.request(request, allowance: .zero) }
}

/// What a worker does, in this process: nothing protects it from the driver, and no step has a deadline.
final class LocalConnection: WorkerAnswering {
    private var server = WorkerServer { _ in true }

    /// Prepares this process for the driver that an environment names.
    init(environment: [String: String]) {
        // The loader reads it when it is first called.
        for (name, value) in environment { setenv(name, value, 1) }
    }

    func request(_ request: WorkerRequest, allowance: Seconds) throws -> WorkerReply { try server.answer(request) }

    func unexpected() -> TrialFailure { TrialFailure(.failed, "something else was answered than was asked") }
}
