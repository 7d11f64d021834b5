import Isolation
package import NodeModel

/// What became of one way to shape a kernel.
package struct TunedCandidate: Hashable, Codable, Sendable {
    /// The shape.
    package var parameters: KernelParameters
    /// Work a second, the best of its measurements; `nil` where it was refused.
    package var rate: Double?
    /// Why it was refused: it cannot be built or run, or its results are wrong.
    package var refusal: String?
}

/// A search that ended.
package struct TuningResult: Hashable, Codable, Sendable {
    /// The fastest of what gave right results; `nil` when nothing did.
    package var best: TunedCandidate?
    /// Everything tried, in order.
    package var tried: [TunedCandidate]
    /// How long it took.
    package var seconds: Seconds
    /// Whether the time ended the search.
    package var isCutShort: Bool
}

/// Looks for the fastest shape of a kernel: seeds by successive halving, then the best one's neighbours.
///
/// Each candidate is checked before it is timed, by whoever evaluates it, so that a wrong result never wins.
package struct Tuner {
    /// What a neighbour must gain to be taken: less is noise.
    private static let leastGain = 1.01

    private let space: TuningSpace
    private let budget: Seconds
    private let now: () -> MonotonicInstant

    /// Creates a search.
    ///
    /// - Parameters:
    ///   - space: What to choose from.
    ///   - budget: When to stop; the measurement in hand is finished.
    ///   - now: The clock.
    package init(_ space: TuningSpace, budget: Seconds, now: @escaping () -> MonotonicInstant) {
        (self.space, self.budget, self.now) = (space, budget, now)
    }

    /// Searches.
    ///
    /// - Parameter evaluate: Measures a shape; throws `TrialFailure` where that cannot be.
    /// - Returns: The best, and all that was tried.
    package func search(_ evaluate: Evaluation) -> TuningResult {
        var state = State(start: now())
        halve(&state, evaluate)
        climb(&state, evaluate)
        return TuningResult(
            best: state.best, tried: state.ranked, seconds: now().since(state.start), isCutShort: isOver(state))
    }

    /// Builds, checks and times a shape, longer with more effort, and gives work a second.
    package typealias Evaluation = (KernelParameters, _ effort: Int) throws -> Double

    private struct State {
        let start: MonotonicInstant
        var outcomes: [KernelParameters: TunedCandidate] = [:]
        var order: [KernelParameters] = []

        init(start: MonotonicInstant) { self.start = start }

        /// What was tried, in order.
        var ranked: [TunedCandidate] { order.compactMap { outcomes[$0] } }

        /// The fastest so far.
        var best: TunedCandidate? {
            ranked.reduce(nil as TunedCandidate?) { best, next in
                guard let rate = next.rate else { return best }
                return rate > (best?.rate ?? 0) ? next : best
            }
        }

        /// Measures a candidate, keeping the best it ever showed: what disturbs only ever slows.
        mutating func measure(_ parameters: KernelParameters, effort: Int, _ evaluate: Evaluation) -> Double? {
            var outcome = outcomes[parameters] ?? TunedCandidate(parameters: parameters)
            if outcomes[parameters] == nil { order.append(parameters) }
            do {
                let rate = try evaluate(parameters, effort)
                if outcome.refusal == nil { outcome.rate = max(outcome.rate ?? 0, rate) }
            } catch {
                outcome.refusal = (error as? TrialFailure)?.reason ?? "\(error)"
                outcome.rate = nil
            }
            outcomes[parameters] = outcome
            return outcome.rate
        }
    }

    private func isOver(_ state: State) -> Bool { now().since(state.start) >= budget }

    /// Measures the seeds, the better half of them for longer, and so on down to one.
    private func halve(_ state: inout State, _ evaluate: Evaluation) {
        var field = space.seeds
        var effort = 1
        while !field.isEmpty {
            var rated: [(KernelParameters, Double)] = []
            for parameters in field {
                // The first is always measured, so that there is something to go on with.
                if isOver(state), !state.order.isEmpty { return }
                if let rate = state.measure(parameters, effort: effort, evaluate) { rated.append((parameters, rate)) }
            }
            guard field.count > 1 else { return }
            field = rated.sorted { $0.1 > $1.1 }.prefix(max(field.count / 2, 1)).map(\.0)
            effort *= 2
        }
    }

    /// Goes to the best neighbour as long as there is a better one.
    private func climb(_ state: inout State, _ evaluate: Evaluation) {
        guard var best = state.best else { return }
        while true {
            let fresh = space.neighbours(of: best.parameters).filter { state.outcomes[$0] == nil }
            var next: TunedCandidate?
            for parameters in fresh {
                if isOver(state) { return }
                guard let rate = state.measure(parameters, effort: 2, evaluate) else { continue }
                if rate > max(next?.rate ?? 0, (best.rate ?? 0) * Self.leastGain) { next = state.outcomes[parameters] }
            }
            guard let next else { return }
            best = next
        }
    }
}
