import EnergyMeters
import Glibc
import HostProbe
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
        var series = PowerSeries(metering.sampled, expectedPackages: expectedPackages)
        var failure: String?
        func sample() {
            guard let row = series.add(metering.sample()), let trace, failure == nil else { return }
            // A full disk must not take the command's energy with it.
            do { try trace.append(row) } catch { failure = "\(error)" }
        }
        let used = Self.processorTime()
        metering.beginWindow()
        if rate > 0 { sample() }
        let child = try ChildCommand(arguments, signals: signals, outputToError: outputToError)
        meanwhile()
        let ending = wait(for: child, sample)
        let energy = metering.endWindow()
        return Outcome(
            energy: energy, peak: series.peak, peakDomains: series.domains, ending: ending,
            ownProcessorSeconds: Self.processorTime() - used,
            traceFailure: failure)
    }

    private func wait(for child: ChildCommand, _ sample: () -> Void) -> ChildCommand.Ending {
        let period = rate > 0 ? Seconds(1 / rate) : nil
        var next = period.map { MonotonicClock.now().advanced(by: $0) }
        while true {
            if let signal = signals.wait(next.map { $0.since(MonotonicClock.now()) }) {
                if signal.number == SIGCHLD {
                    if let ending = child.ending() { return ending }
                } else if signal.isFromProcess {
                    child.send(signal.number)
                }
            }
            guard let due = next, let period, MonotonicClock.now() >= due else { continue }
            sample()
            // After a halt the samples it would have taken are not made up for.
            let now = MonotonicClock.now()
            let following = due.advanced(by: period)
            next = following > now ? following : now.advanced(by: period)
        }
    }

    private static func processorTime() -> Seconds {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Seconds(Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9)
    }
}
