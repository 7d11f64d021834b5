import EnergyMeters
import Glibc
import NodeModel

/// Runs a command under the meters: starts it, samples while it runs, passes signals on, waits for its end.
struct MeteredCommand {
    /// What was gathered.
    struct Outcome {
        /// The energy from just before the command's start to just after its end.
        var energy: WindowEnergy
        /// The highest power over a tenth of a second.
        var peak: Watts?
        /// The domains whose sum the peak is of.
        var peakDomains: Set<String>
        /// How the command ended.
        var ending: ChildCommand.Ending
        /// Whether the terminal interrupted both the command and this program.
        var wasInterrupted: Bool
        /// Processor time this program used meanwhile.
        var ownProcessorSeconds: Seconds
        /// Why the trace ends early, where it does.
        var traceFailure: String?
    }

    let arguments: [String]
    let outputToError: Bool
    let signals: ForwardedSignals
    let metering: EnergyAccumulator
    let expectedPackages: Int?
    /// Samples a second; 0 for none.
    let rate: Double

    /// Runs the command.
    ///
    /// - Parameters:
    ///   - trace: Takes the powers as they are sampled.
    ///   - meanwhile: Is called once when the command has been started; must be short.
    /// - Returns: What was gathered.
    /// - Throws: ``CommandNotStarted``.
    func run(_ trace: PowerTraceFile?, meanwhile: () -> Void) throws(CommandNotStarted) -> Outcome {
        let sampler = PowerSampler(metering, expectedPackages, trace)
        let used = Self.processorTime()
        metering.beginWindow()
        if rate > 0 { sampler.sample() }
        let child = try ChildCommand(arguments, signals: signals, outputToError: outputToError)
        // In a thread of its own: a meter that takes long must not keep signals from the command.
        var sampling = rate > 0 ? GuardThread(interval: Seconds(1 / rate)) { sampler.sample() } : nil
        let cannotSample = rate > 0 && sampling == nil
        meanwhile()
        let (ending, wasInterrupted) = wait(for: child)
        sampling = nil
        let energy = metering.endWindow()
        return Outcome(
            energy: energy, peak: sampler.series.peak, peakDomains: sampler.series.domains, ending: ending,
            wasInterrupted: wasInterrupted, ownProcessorSeconds: Self.processorTime() - used,
            traceFailure: cannotSample ? "the system has no thread left to sample powers with" : sampler.failure)
    }

    /// Waits for the command's end and passes signals on meanwhile.
    private func wait(for child: ChildCommand) -> (ending: ChildCommand.Ending, wasInterrupted: Bool) {
        var wasInterrupted = false
        while true {
            guard let signal = signals.wait(nil) else { continue }
            if signal.number == SIGCHLD {
                if let ending = child.ending() { return (ending, wasInterrupted) }
            } else if signal.isFromProcess {
                child.send(signal.number)
            } else if signal.number == SIGINT {
                wasInterrupted = true
            }
        }
    }

    private static func processorTime() -> Seconds {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Seconds(Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9)
    }
}

/// Samples powers for the peak and the trace.
///
/// Used by one thread at a time: the main one before the sampling thread is started and after it was joined.
private final class PowerSampler: @unchecked Sendable {
    private(set) var series: PowerSeries
    private(set) var failure: String?
    private let metering: EnergyAccumulator
    private let trace: PowerTraceFile?

    init(_ metering: EnergyAccumulator, _ expectedPackages: Int?, _ trace: PowerTraceFile?) {
        self.metering = metering
        self.trace = trace
        series = PowerSeries(metering.sampled, expectedPackages: expectedPackages)
    }

    func sample() {
        guard let row = series.add(metering.sample()), let trace, failure == nil else { return }
        // A full disk must not take the command's energy with it.
        do { try trace.append(row) } catch { failure = "\(error)" }
    }
}
