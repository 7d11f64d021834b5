import ArgumentParser
import EnergyMeters
import Exporters
import FoundationEssentials
import Glibc
import HostProbe
import NodeModel

/// Profiles any command.
struct MeterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meter",
        abstract: "Meter the node's energy while a command runs; its exit status is passed through.",
        discussion: """
            EXAMPLES:
              nodewatt meter -- make -j8
              nodewatt meter --zone FRA --format json -- ./train.sh
              nodewatt meter --trace power.csv --rate 100 -- ./train.sh
              nodewatt meter --idle-seconds 5 -- ./train.sh          idle power before and after, and energy net of it

            The whole node is metered: the command, its children, and whatever else runs. The summary goes to standard
            error; with --format json one document goes to standard output and the command's own output to standard
            error. Signals that other processes send are passed on to the command. Exit status: the command's, 128 + N
            after signal N, 127 when there is no such command, 126 when it cannot be run; 2 when the command went well and a
            file of nodewatt's could not be written.
            """)

    @OptionGroup(title: "Site") var site: SiteOptions
    @OptionGroup(title: "Power model") var power: PowerModelOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .customLong("output"), help: "Also write the document as JSON to this file.")
    var file: String?

    @Option(help: "Write the power over time to this file: CSV, or JSON where the name ends in .json.")
    var trace: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: """
            Samples a second for trace and peak, up to 1000; 0 reads meters at the edges and as needed alone. Default: 10; \
            2 where there is only a power model to sample, and no trace.
            """)
    var rate: Double?

    @Option(
        name: .long, parsing: .unconditional,
        help: """
            Seconds of idle power metered before and after the command. Without, the idle power is the one in this \
            node's profile, where that has the same grade.
            """)
    var idleSeconds = 0.0

    @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.")
    var command: [String] = []

    mutating func validate() throws {
        if let rate, rate != 0, !(0.01...1000).contains(rate) {
            throw ValidationError("--rate \(rate): expected 0, or 0.01 to 1000 samples a second")
        }
        guard idleSeconds.isFinite, (0...3600).contains(idleSeconds) else {
            throw ValidationError("--idle-seconds \(idleSeconds): expected 0 to 3600 seconds")
        }
        if trace != nil, rate == 0 { throw ValidationError("--trace needs a --rate above 0") }
        if let trace, trace == file { throw ValidationError("--trace and --output name the same file: \(trace)") }
        // Forgotten dashes would otherwise read as a missing command.
        if command.isEmpty { throw ValidationError("name a command after --, e.g. nodewatt meter -- sleep 1") }
    }

    func run() throws {
        let signals = ForwardedSignals()
        let node = try MeterAssembly()
        let facts = try SiteResolver(
            options: site, environment: node.environment, factors: try node.profiles.gridFactors()
        ).resolve()
        try ResultsDirectory.requireWritable(file, option: "--output")
        let inventory = try node.meters(power)
        let metering = EnergyAccumulator(meters: inventory.meters, expectedPackages: node.packages)
        let idle = IdlePower(metering: metering, seconds: Seconds(idleSeconds), signals: signals)
        let (before, signal) = idle.measure()
        if let signal {
            Terminal.error("nodewatt: stopped by a signal before the command was started")
            throw ExitStatus(rawValue: 128 + signal)
        }
        let started = Timestamp.now()
        let traceFile = try trace.map { try PowerTraceFile($0, meters: metering.sampled, startedAt: started) }
        let metered = MeteredCommand(
            arguments: command, outputToError: output.format == .json, signals: signals, metering: metering,
            expectedPackages: node.packages, rate: rate ?? usualRate(metering.sampled))
        var recorded: IdlePower.Recorded?
        let outcome: MeteredCommand.Outcome
        do {
            // Whatever only the summary needs is looked up while the command runs, not while somebody waits for it.
            outcome = try metered.run(traceFile) {
                if before == nil { recorded = IdlePower.recorded(node) }
            }
        } catch {
            traceFile?.discard()
            Terminal.error(error.message)
            throw ExitStatus(rawValue: error.status)
        }
        // A window that a signal cut short is of a node that has not come to rest.
        let after = idle.measure()
        let baseline = idle.baseline(
            before, after: after.signal == nil ? after.window : nil, recorded: recorded, grade: outcome.energy.grade)
        let document = MeterDocument(
            outcome, idle: baseline, site: facts, startedAt: started, command: command,
            simulated: power.simulatedWatts != nil, unavailable: inventory.unavailable, environment: node.environment)
        if output.format == .json { try printDocument(document) } else { document.lines.forEach { Terminal.error($0) } }
        try end(outcome, document, traceFile)
    }

    /// What a power model says within half a second is mostly the kernel's accounting, and not worth the command's time.
    private func usualRate(_ sampled: [MeterDescription]) -> Double {
        trace != nil || sampled.contains { $0.grade != .modelled } ? 10 : 2
    }

    /// Ends with the command's status; a file that cannot be written matters less, and is said.
    private func end(_ outcome: MeteredCommand.Outcome, _ document: MeterDocument, _ traceFile: PowerTraceFile?) throws
    {
        var problems = outcome.traceFailure.map { [$0] } ?? []
        func attempt(_ body: () throws -> Void) { do { try body() } catch { problems.append("\(error)") } }
        if let traceFile, outcome.traceFailure == nil { attempt { try traceFile.finish() } }
        if let file { attempt { try AtomicFile.write(Data((try JSONDocument.text(document) + "\n").utf8), to: file) } }
        problems.forEach { Terminal.error("nodewatt: \($0)") }
        if outcome.wasInterrupted, outcome.ending.status == 128 + SIGINT { Self.dieOfInterrupt() }
        if outcome.ending.status != 0 { throw ExitStatus(rawValue: outcome.ending.status) }
        if !problems.isEmpty { throw ExitStatus.nothingMeasured }
    }

    /// Ends as the command did: a shell's loop around us stops on Ctrl-C only when we die of the signal too.
    private static func dieOfInterrupt() {
        signal(SIGINT, SIG_DFL)
        var interrupt = sigset_t()
        sigemptyset(&interrupt)
        sigaddset(&interrupt, SIGINT)
        sigprocmask(SIG_UNBLOCK, &interrupt, nil)
        raise(SIGINT)
    }
}
