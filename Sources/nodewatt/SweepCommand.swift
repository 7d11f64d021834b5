import Analysis
import ArgumentParser
import EnergyMeters
import Engine
import Exporters
import FoundationEssentials
import Glibc
import HostProbe
import NodeControls
import NodeModel

/// Operating points: what a setting of the node costs in speed and gains in efficiency.
struct SweepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sweep",
        abstract: "Measure speed and efficiency over power caps, clocks or threads; always restores what it changed.",
        discussion: """
            EXAMPLES:
              nodewatt sweep                                   powers of two of threads
              nodewatt sweep --power-cap auto                  8 power caps of each package
              nodewatt sweep --power-cap 100,150,max --workload llm --seconds 10
              nodewatt sweep --frequency 1.5GHz,2.5GHz,max --threads 4,8
              nodewatt sweep --load --seconds 10               power at 100 % … 10 % of load and idle, and its fit
              nodewatt sweep --restore                         put back what a killed sweep changed

            The setting the node has is measured first and last; the others in between, in a random order. Limits are
            only ever lowered. What is changed is written to a journal before it is changed, and put back at the end, on
            Ctrl-C and on errors; after a kill or a power loss the next start of any nodewatt command puts it back. The
            journal is $NODEWATT_STATE/restore.json, else /var/lib/nodewatt/restore.json for root, else
            ~/.local/state/nodewatt/node-HOST/restore.json.
            """)

    @OptionGroup(title: "What to vary") var axes: SweepAxesOptions
    @OptionGroup(title: "What to run") var workload: SweepWorkloadOptions
    @OptionGroup(title: "Power model") var power: PowerModelOptions
    @OptionGroup(title: "Results") var output: SweepOutputOptions

    @Flag(
        help: """
            Instead of operating points, hold 100 % … 10 % of load and idle on all hardware threads, --seconds each, and \
            fit P = k0 + k1·exp(k2·x) to the powers.
            """)
    var load = false

    @Flag(help: "Only put back what a sweep changed that was killed; exit status 2 when that is not possible.")
    var restore = false

    func run() throws {
        if restore { return try restoreNow() }
        if load { return try LoadSweep(command: self).run() }
        Interruption.install()
        SweepSignals.install()
        let node = try NodeAssembly()
        let lock = try SweepLock(environment: node.environment, changesLimits: axes.changesLimits)
        let setup = try SweepSetup(command: self, node: node)
        let setter = try NodeSetter(setup.groups, sweepLock: lock)
        var problems: [String] = []
        let visits: Result<[SweepRunner.Visit], any Error>
        do {
            defer { problems = setter.restore() }
            visits = Result { try measure(setup, setter) }
        }
        Terminal.progress("")
        problems.forEach { Terminal.error(Terminal.printable("nodewatt: not put back: \($0)")) }
        let document = SweepDocument(
            setup, visits: try visits.get(), command: self, restoreProblems: problems)
        try present(document)
        try finish(document, setup.profile)
    }

    private func measure(_ setup: SweepSetup, _ setter: NodeSetter) throws -> [SweepRunner.Visit] {
        var progress = ProgressLine(quiet: output.quiet)
        let environment = SessionEnvironment(
            backends: setup.node.backends, metering: setup.metering,
            conditions: setup.node.conditions([setup.device], setup.meters), store: nil,
            sleep: Interruption.sleep, timestamp: Timestamp.now, isInterrupted: { Interruption.isRequested },
            onEvent: { progress.show($0) })
        let runner = SweepRunner(
            environment: environment, device: setup.device, topology: setup.node.topology, site: setup.site,
            seed: workload.seed, setter: setter)
        let order = SweepRunner.order(
            original: 0, others: setup.points.map(\.number).filter { $0 > 0 }, repeats: workload.repeats,
            seed: workload.seed)
        return runner.run(setup.points, order: order)
    }

    private func present(_ document: SweepDocument) throws {
        if output.format == .json { return try printDocument(document) }
        SweepText(document).lines.forEach { Terminal.line($0) }
    }

    /// Files after figures: those are on the screen before anything can go wrong with a file.
    private func finish(_ document: SweepDocument, _ profile: SweepProfile?) throws {
        var failures: [any Error] = []
        if let file = output.file {
            do {
                try AtomicFile.write(Data((try JSONDocument.text(document) + "\n").utf8), to: file)
            } catch { failures.append(error) }
        }
        if !document.interrupted, let profile {
            do {
                let line = try profile.store(document.operatingPoints, of: document.node)
                if output.format == .text { Terminal.line(line) }
            } catch { failures.append(error) }
        }
        failures.forEach { Terminal.error("nodewatt: \($0)") }
        if document.interrupted { throw ExitStatus.interrupted }
        let points = document.operatingPoints.points
        if points.contains(where: { $0.status == .failed }) { throw ExitStatus.answeredNo }
        if !failures.isEmpty || !document.restoreProblems.isEmpty || !points.contains(where: { $0.status == .measured })
        {
            throw ExitStatus.nothingMeasured
        }
    }

    private func restoreNow() throws {
        let places = JournalStore.places(ProcessInfo.processInfo.environment).filter(\.hasJournal)
        let environment = ProcessInfo.processInfo.environment
        // Through sudo, the user's own journals are what root is asked to deal with.
        let owner = geteuid() == 0 ? environment["SUDO_UID"].flatMap { uid_t($0) } : nil
        let reports = places.map { RestoreReport.make($0, owner: owner) }
        switch output.format {
        case .json: try printDocument(RestoreDocument(reports))
        case .text:
            reports.flatMap { $0.lines(mentionsRunningSweep: true) }.forEach { Terminal.line($0) }
            if reports.isEmpty { Terminal.line("Nothing to put back.") }
        }
        if reports.contains(where: { !$0.problems.isEmpty || $0.sweepIsRunning }) { throw ExitStatus.nothingMeasured }
    }
}

/// Where the results of a sweep go.
struct SweepOutputOptions: ParsableArguments {
    @Option(help: "Directory of the results, for the place of the profile. Default: as for run.")
    var results: String?

    @Option(help: "File of the node profile that takes the results. Default: the profile `run` wrote.")
    var profile: String?

    @Flag(help: "Do not store the results in the node's profile.")
    var noSave = false

    @Option(name: .customLong("output"), help: "Also write the document as JSON to this file.")
    var file: String?

    @Flag(help: "Show no progress.")
    var quiet = false

    @Option(help: "text for people, json for programs (one document on standard output).")
    var format: OutputFormat = .text
}

/// The document of `nodewatt sweep --restore --format json`.
struct RestoreDocument: Encodable {
    struct Place: Encodable {
        let journal: String
        let sweepIsRunning: Bool
        let done: [String]
        let problems: [String]
    }

    let schema = "nodewatt.restore-report/1"
    let journals: [Place]

    init(_ reports: [RestoreReport]) {
        journals = reports.map {
            Place(
                journal: $0.place.path, sweepIsRunning: $0.sweepIsRunning, done: $0.done.map(Terminal.printable),
                problems: $0.problems.map(Terminal.printable))
        }
    }
}
