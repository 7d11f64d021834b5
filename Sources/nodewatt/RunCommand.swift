import Analysis
import ArgumentParser
import EnergyMeters
import Engine
import Exporters
import FoundationEssentials
import History
import HostProbe
import NodeModel
import OpenCLBackend

/// The main job: discover, benchmark, meter, derive, store.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Benchmark and meter this node; print the figures, store them, write the node profile.",
        discussion: """
            EXAMPLES:
              nodewatt run
              nodewatt run --zone CN-GZ --pue 1.2 --electricity-price 0.38 --currency CNY
              nodewatt run --device cpu --workload gemm --shape 4096
              nodewatt run --suite standard --format json --output session.json

            Ctrl-C stops after the batch in flight: what was measured is stored, the exit status is 130.
            """)

    @OptionGroup(title: "What to measure") var selection: SelectionOptions
    @OptionGroup(title: "Site") var site: SiteOptions
    @OptionGroup(title: "Power model") var power: PowerModelOptions
    @OptionGroup(title: "Results") var results: ResultOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        Interruption.install()
        let node = try NodeAssembly()
        let setup = try RunSetup(command: self, node: node)
        var progress = ProgressLine(quiet: results.quiet)
        var storeFailed = false
        let environment = SessionEnvironment(
            backends: node.backends, metering: setup.metering,
            conditions: node.conditions(setup.session.devices, setup.meters), store: setup.store,
            sleep: Interruption.sleep, timestamp: Timestamp.now, isInterrupted: { Interruption.isRequested },
            onEvent: { event in
                if case .storeFailed = event { storeFailed = true }
                progress.show(event)
            })
        var runner = SessionRunner(session: setup.session, suite: setup.suite, environment: environment)
        let session = try runner.run(setup.plans)
        Terminal.progress("")
        try present(session)
        // The figures are on the screen before anything can go wrong with a file.
        let outcome = RunOutcome(session: session, setup: setup, command: self)
        let failures = outcome.writeAll { if output.format == .text { Terminal.line($0) } }
        failures.forEach { Terminal.error("nodewatt: \($0)") }
        try exitStatus(of: session, writesFailed: storeFailed || !failures.isEmpty)
    }

    private func present(_ session: SessionRecord) throws {
        if output.format == .json { return try printDocument(session) }
        (ResultText(session: session).lines + [""]).forEach { Terminal.line($0) }
    }

    private func exitStatus(of session: SessionRecord, writesFailed: Bool) throws {
        if session.interrupted { throw ExitStatus.interrupted }
        let wrong = session.trials.contains { $0.status == .failed && $0.verification?.passed == false }
        if wrong { throw ExitStatus.answeredNo }
        if writesFailed || !session.trials.contains(where: { $0.status == .measured }) {
            throw ExitStatus.nothingMeasured
        }
    }
}

/// Everything decided before the first trial; refuses here, not after a minute of measuring.
struct RunSetup {
    let suite: Suite
    let plans: [TrialPlan]
    let metering: EnergyAccumulator
    let meters: [any EnergyMeter]
    let store: HistoryStore?
    let resultsDirectory: String
    private(set) var session: SessionRecord

    /// Resolves options, site, devices and meters.
    init(command: RunCommand, node: NodeAssembly) throws {
        try ResultsDirectory.requireWritable(command.results.output, option: "--output")
        if let profile = command.results.profile {
            try ResultsDirectory.createParent(of: profile)
            try ResultsDirectory.requireWritable(profile, option: "--profile")
        }
        let warnings = node.probe.warnings(threads: node.topology.allowedThreads, since: node.quietMoment())
        guard var suite = Suite.all[command.selection.suite] else { throw UsageError("unknown suite") }
        if let seconds = command.selection.idleSeconds { suite.idleTime = Seconds(seconds) }
        self.suite = suite
        var selection = try command.selection.selection(in: node.topology)
        let model = try ChosenModel(
            command.selection.model ?? suite.model, quantization: command.selection.quantization, in: node.profiles)
        selection.inference.file = model.file
        let site = try SiteResolver(
            options: command.site, environment: node.environment, factors: try node.profiles.gridFactors()
        ).resolve()
        resultsDirectory = ResultsDirectory.resolve(command.results.results, environment: node.environment)
        let saves = !command.results.noSave && command.power.simulatedWatts == nil
        store = saves ? try HistoryStore(directory: resultsDirectory) : nil
        if !command.selection.noTune {
            node.openCL.tuning = TuningPolicy(
                secondsPerDevice: suite.tuningTime, store: CacheFolder(environment: node.environment))
        }
        node.openCL.isInProcess = command.selection.inProcess
        let everything = node.allDevices()
        let inventory = try NodeAssembly.select(command.selection.device, from: everything)
        try command.selection.requireProcessor(among: inventory.devices)
        let meters = try node.metering.meters(command.power)
        self.meters = meters.meters
        metering = EnergyAccumulator(
            meters: meters.meters, expectedPackages: node.metering.packages,
            polling: Terminal.showsProgress ? .live : .automatic)
        plans = Planner(
            suite: suite, selection: selection, model: model.shape, topology: node.topology,
            minimumWindow: metering.minimumWindow,
            productModels: try suite.modelProducts.map { try node.profiles.model(named: $0.model) }
        ).plan(inventory.devices)
        guard !plans.isEmpty else {
            throw UsageError(
                inventory.devices.isEmpty
                    ? "nothing to measure: no device"
                    : "nothing to measure: what --workload, --precision and --level ask for is for none of the devices "
                        + inventory.devices.map(\.id.rawValue).joined(separator: ", "))
        }
        session = SessionRecord(
            sessionId: UUID().uuidString.lowercased(), startedAt: Timestamp.now(), nodewattVersion: nodewattVersion,
            isThisSystem: node.topology.isThisSystem, suite: suite.name.rawValue, seed: command.selection.seed,
            node: node.identity(devices: everything.devices), site: site, topology: node.topology,
            devices: inventory.devices, meters: metering.descriptions,
            unavailable: inventory.unavailable + meters.unavailable,
            warnings: warnings + RestoreAtStart.warnings(node.environment))
        session.simulated = meters.meters.contains { $0 is ScriptedMeter }
    }
}

/// What is written after the last trial.
struct RunOutcome {
    let session: SessionRecord
    let setup: RunSetup
    let command: RunCommand

    /// Writes the session record and the profile, as asked; one that fails does not keep the other from being written.
    ///
    /// - Parameter report: Takes a line for each place something was written to.
    /// - Returns: What failed.
    func writeAll(report: (String) -> Void) -> [any Error] {
        var failures: [any Error] = []
        func attempt(_ line: String, _ write: () throws -> Void) {
            do {
                try write()
                report(line)
            } catch {
                failures.append(error)
            }
        }
        if let path = command.results.output {
            attempt("Session record: \(path)") {
                try AtomicFile.write(Data((try JSONDocument.text(session) + "\n").utf8), to: path)
            }
        }
        if setup.store != nil {
            let path = Terminal.shortened(setup.resultsDirectory + "/history.sqlite")
            report("History: \(path), session \(session.sessionId)")
        }
        if setup.session.simulated { report("Simulated: nothing of this enters the history or a profile.") }
        if session.trials.contains(where: { $0.status == .measured }), !setup.session.simulated, let path = profilePath
        {
            attempt("Profile: \(Terminal.shortened(path))") {
                try ResultsDirectory.createParent(of: path)
                try ProfileWriter.write(try NodeProfile(session: session), to: path)
            }
        }
        if let partOfNode, command.results.profile == nil, !command.selection.narrows, !command.results.noSave {
            report("Profile: not written, since \(partOfNode). --profile FILE writes one all the same.")
        }
        return failures
    }

    /// Why what was measured is a part of the node only.
    private var partOfNode: String? {
        session.warnings.first { ["cpuset", "cgroup-cpu-quota"].contains($0.code) }?.message
    }

    /// The node's own profile is replaced only by a whole run: part of one would take away what it knew.
    private var profilePath: String? {
        if let path = command.results.profile { return path }
        let isWhole = !command.selection.narrows && !session.interrupted && partOfNode == nil
        guard isWhole, !command.results.noSave else { return nil }
        return ResultsDirectory.profilePath(host: session.node.host, in: setup.resultsDirectory)
    }
}
