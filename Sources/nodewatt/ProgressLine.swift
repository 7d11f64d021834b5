import Engine
import NodeModel

/// One line on standard error that follows a session; nothing in a pipe.
struct ProgressLine {
    private var prefix = ""
    private var precision: Precision?
    private var quiet: Bool

    /// Creates a line; a quiet one shows nothing.
    init(quiet: Bool) { self.quiet = quiet }

    /// Shows an event.
    mutating func show(_ event: SessionEvent) {
        if case .storeFailed(let error) = event {
            Terminal.progress("")
            return Terminal.error("nodewatt: a trial could not be stored: \(error)")
        }
        guard !quiet else { return }
        switch event {
        case .idle(let before):
            Terminal.progress("idle power, \(before ? "before" : "after") the trials …")
        case .trialBegan(let number, let total, let plan):
            precision = plan.workload.precision
            prefix = "[\(number)/\(total)] \(plan.device) \(TrialText.name(plan))"
            Terminal.progress(prefix)
        case .progress(let progress):
            Terminal.progress(prefix + text(progress))
        case .trialEnded, .storeFailed:
            Terminal.progress("")
        }
    }

    private func text(_ progress: TrialProgress) -> String {
        let power = progress.power.map { "  \(UnitFormat.digits($0.rawValue)) W" } ?? ""
        guard progress.phase == .measuring, let seconds = progress.latest, let work = progress.work else {
            return "  \(Self.phases[progress.phase] ?? progress.phase.rawValue) …\(power)"
        }
        return "  \(TrialText.speed(work, seconds: seconds, precision: precision))  sample \(progress.samples)\(power)"
    }

    private static let phases: [TrialPhase: String] = [
        .warmingUp: "warming up", .preparing: "preparing", .verifying: "verifying", .checking: "checking the result",
    ]
}
