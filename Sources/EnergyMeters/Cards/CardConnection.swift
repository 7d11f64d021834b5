import Isolation
import NodeModel
import Synchronization

/// What a connection starts.
struct CardLaunch: Sendable {
    var program: MeterWorkerProgram
    var kind: CardLibraryKind
    /// The library's path or name.
    var library: String
    var environment: [String: String]
    var limits: CardLimits
}

/// The parent's end of a worker that has loaded a vendor's library.
///
/// Whatever the library does costs its readings and a bounded time: a worker that crashes, hangs or talks nonsense is
/// killed, every read fails with the reason, and after a pause it is started again a few times, as counters go on
/// without it.
final class CardConnection: Sendable {
    /// Without Swift's own crash report, which would only delay the end.
    private static let settings = ["SWIFT_BACKTRACE": "enable=no"]

    private struct State {
        var child: ChildProcess?
        var failure: SystemFailure?
        var failedAt: MonotonicInstant?
        var restarts = 0
        var samples: [String: CardSample] = [:]
        var sampledAt: MonotonicInstant?
    }

    private let launch: CardLaunch
    private let state = Mutex(State())

    init(_ launch: CardLaunch) { self.launch = launch }

    deinit {
        state.withLock { state in
            state.child?.finish(grace: launch.limits.grace)
            state.child = nil
        }
    }

    /// Starts the worker and opens the library.
    ///
    /// - Returns: What the library shows.
    /// - Throws: `SystemFailure` with the reason in words.
    func open() throws(SystemFailure) -> OpenedLibrary {
        let found = state.withLock { state in
            Result { () throws(SystemFailure) in try open(&state, launch.limits.start) }
        }
        return try found.get()
    }

    /// What a card shows now, or showed a hundredth of a second ago.
    ///
    /// - Throws: `SystemFailure` when the library or its worker failed, or the card gave no number.
    func sample(_ place: String) throws(SystemFailure) -> CardSample {
        let found = state.withLock { state in Result { () throws(SystemFailure) in try sample(place, &state) } }
        return try found.get()
    }

    /// What a card does and may do.
    ///
    /// - Throws: `SystemFailure`.
    func cardState(_ place: String) throws(SystemFailure) -> CardState {
        guard case .state(let found) = try request(.state(place: place), "asking for gpu-\(place)") else {
            throw unexpected()
        }
        return found
    }

    /// Sets a card's power limit.
    ///
    /// - Throws: `SystemFailure`, for example without permission.
    func setPowerLimit(_ place: String, milliwatts: UInt32) throws(SystemFailure) {
        let reply = try request(
            .setPowerLimit(place: place, milliwatts: milliwatts), "limiting gpu-\(place)")
        guard case .done = reply else { throw unexpected() }
    }

    private func request(_ request: CardRequest, _ step: String) throws(SystemFailure) -> CardReply {
        let limit = launch.limits.state
        let found = state.withLock { state in
            Result { () throws(SystemFailure) in
                try revive(&state)
                return try ask(request, step, limit, &state)
            }
        }
        return try found.get()
    }

    private func sample(_ place: String, _ state: inout State) throws(SystemFailure) -> CardSample {
        let asked = MonotonicInstant.now
        if let at = state.sampledAt, asked.since(at) < CardLimits.youngest, let known = state.samples[place],
            known.problem == nil
        {
            return known
        }
        try revive(&state)
        let reply = try ask(.sample, "reading the cards", launch.limits.sample, &state)
        guard case .sampled(let samples) = reply else { throw end(&state, "the worker answered something else") }
        let now = MonotonicInstant.now
        state.samples = Dictionary(samples.map { ($0.place, $0) }) { first, _ in first }
        state.sampledAt = now
        guard var found = state.samples[place] else {
            throw SystemFailure(action: "reading gpu-\(place)", reason: "the library no longer shows it")
        }
        found.problem = found.problem.map { CleanText.line($0, limit: 300) }
        guard found.nanoseconds >= asked.nanoseconds, found.nanoseconds <= now.nanoseconds else {
            throw end(&state, "the worker answered with an instant that cannot be")
        }
        return found
    }

    /// Starts the worker again where that is due.
    ///
    /// - Throws: Why there is none.
    private func revive(_ state: inout State) throws(SystemFailure) {
        guard state.child == nil else { return }
        let reason = state.failure ?? SystemFailure(action: launch.library, reason: "it was not opened")
        guard let failedAt = state.failedAt, state.restarts < launch.limits.restarts,
            MonotonicInstant.now.since(failedAt) > launch.limits.pause
        else { throw reason }
        state.restarts += 1
        _ = try open(&state, launch.limits.restart)
    }

    private func open(_ state: inout State, _ limit: Seconds) throws(SystemFailure) -> OpenedLibrary {
        do {
            state.child = try ChildProcess(
                executable: launch.program.executable, arguments: launch.program.arguments + [launch.kind.rawValue],
                environment: launch.environment.merging(Self.settings) { $1 }, memoryLimit: CardLimits.memoryBytes)
        } catch {
            throw end(&state, CleanText.line("\(error)", limit: 300))
        }
        do throws(SystemFailure) {
            guard case .opened(let found) = try ask(.open(library: launch.library), "starting", limit, &state) else {
                throw end(&state, "the worker answered something else")
            }
            return found
        } catch {
            // A library that says why it cannot is of no more use than one that crashed.
            throw state.child == nil ? error : end(&state, error.reason)
        }
    }

    /// Sends a request and waits for its result, following the steps that are announced.
    ///
    /// - Throws: `SystemFailure`: the library's own, after which the worker lives on, or the worker's end.
    private func ask(_ request: CardRequest, _ step: String, _ limit: Seconds, _ state: inout State)
        throws(SystemFailure) -> CardReply
    {
        guard let child = state.child, let line = try? cardLines.encode(request) else { throw unexpected() }
        var (step, limit) = (step, limit)
        let start = limit
        guard child.send(line) else {
            throw lost(child.line(until: .now.advanced(by: Seconds(1))), step, limit, &state)
        }
        while true {
            let event = child.line(until: .now.advanced(by: limit))
            guard case .line(let bytes) = event, let reply = try? cardLines.decode(CardReply.self, from: bytes) else {
                throw lost(event, step, limit, &state)
            }
            switch reply {
            case .step(let name, let kind):
                step = CleanText.line(name, limit: 200)
                limit = kind == .card ? min(launch.limits.card, start) : start
            case .failed(let reason):
                throw SystemFailure(action: launch.library, reason: CleanText.line(reason, limit: 600))
            case .opened, .sampled, .state, .done: return reply
            }
        }
    }

    private func unexpected() -> SystemFailure {
        SystemFailure(action: launch.library, reason: "the worker answered something else than was asked")
    }

    private func lost(_ event: ChildEvent, _ step: String, _ limit: Seconds, _ state: inout State) -> SystemFailure {
        // Whatever it still says belongs to the reason.
        let reason = event.reason(while: step, limit: limit)
        state.child?.kill()
        let words = state.child?.lastWords ?? ""
        return end(&state, reason + (words.isEmpty ? "" : "; its last words: \(words)"))
    }

    private func end(_ state: inout State, _ reason: String) -> SystemFailure {
        let failure = SystemFailure(action: launch.library, reason: reason)
        state.child?.kill()
        state.child = nil
        state.failure = failure
        state.failedAt = .now
        state.samples = [:]
        return failure
    }
}
