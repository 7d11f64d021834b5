import Analysis
import ArgumentParser
import EnergyMeters
import Exporters
import FoundationEssentials
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
              nodewatt meter --output energy.json -- ./train.sh

            The whole node is metered, other processes included. The summary goes to standard error; with
            --format json one document goes to standard output and the command's own output to standard error.
            """)

    @OptionGroup(title: "Site") var site: SiteOptions
    @OptionGroup(title: "Power model") var power: PowerModelOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .customLong("output"), help: "Also write the document as JSON to this file.")
    var file: String?

    @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.")
    var command: [String] = []

    func run() throws {
        guard !command.isEmpty else { throw UsageError("name a command after --, e.g. nodewatt meter -- sleep 1") }
        let node = try NodeAssembly()
        let facts = try SiteResolver(
            options: site, environment: node.environment, factors: try node.profiles.gridFactors()
        ).resolve()
        let metering = EnergyAccumulator(
            meters: try node.meters(power).meters,
            expectedPackages: node.packages)
        Interruption.install()
        metering.beginWindow()
        let status = try ChildCommand(arguments: command, outputToError: output.format == .json).run()
        let document = MeterDocument(energy: metering.endWindow(), site: facts, exitStatus: status)
        if output.format == .json { try printDocument(document) } else { document.lines.forEach { Terminal.error($0) } }
        let written = file.map { Self.write(document, to: $0) } ?? true
        if status != 0 { throw ExitStatus(rawValue: status) }
        if !written { throw ExitStatus.nothingMeasured }
    }
}

extension MeterCommand {
    /// Writes the document; the command's own status matters more than a file that cannot be written.
    ///
    /// - Returns: Whether it was written.
    private static func write(_ document: MeterDocument, to file: String) -> Bool {
        do {
            try AtomicFile.write(Data((try JSONDocument.text(document) + "\n").utf8), to: file)
            return true
        } catch {
            Terminal.error("nodewatt: \(error)")
            return false
        }
    }
}

/// The document of `nodewatt meter`.
struct MeterDocument: Encodable {
    let schema = "nodewatt.meter/1"
    let durationSeconds: Seconds
    @ExplicitNull var energyJoules: Joules?
    @ExplicitNull var energyCi95LowJoules: Joules?
    @ExplicitNull var energyCi95HighJoules: Joules?
    let energyGrade: EnergyGrade
    @ExplicitNull var powerWatts: Watts?
    @ExplicitNull var gramsCo2e: Double?
    let domains: [DomainEnergy]
    let site: SiteFacts
    let exitStatus: Int32

    init(energy: WindowEnergy, site: SiteFacts, exitStatus: Int32) {
        durationSeconds = energy.durationSeconds
        energyGrade = energy.grade
        domains = energy.domains
        self.site = site
        self.exitStatus = exitStatus
        energyJoules = energy.total?.value
        energyCi95LowJoules = energy.total?.low
        energyCi95HighJoules = energy.total?.high
        powerWatts = energy.power?.value
        gramsCo2e = energy.total.map {
            Carbon.grams(energy: $0.value, pue: site.pue.value, intensity: site.factor.value.gramsPerKwh)
        }
    }

    var lines: [String] {
        var lines = ["", "Duration  \(UnitFormat.digits(durationSeconds.rawValue)) s"]
        if let energyJoules, let powerWatts, let gramsCo2e {
            let low = UnitFormat.digits(energyCi95LowJoules?.rawValue ?? .nan)
            let high = UnitFormat.digits(energyCi95HighJoules?.rawValue ?? .nan)
            let joules = UnitFormat.digits(energyJoules.rawValue)
            let site = "\(site.factor.value.zone), PUE \(UnitFormat.digits(site.pue.value))"
            lines += [
                "Energy    \(joules) J (\(low) to \(high) J), \(energyGrade.rawValue)",
                "Power     \(UnitFormat.digits(powerWatts.rawValue)) W mean",
                "Carbon    \(UnitFormat.digits(gramsCo2e)) g \(self.site.factor.value.gas) (\(site))",
            ]
        } else {
            lines.append("Energy    not known: `nodewatt doctor` says what would enable it")
        }
        for domain in domains {
            let energy = domain.energyJoules.map { UnitFormat.digits($0.rawValue) + " J" } ?? "–"
            let note = domain.inTotal ? "" : ", not in the total"
            let problem = domain.problem.map { ": \($0)" } ?? ""
            lines.append(
                Terminal.printable(
                    "  \(domain.name)  \(energy)  (\(domain.grade.rawValue), \(domain.source)\(note))\(problem)"))
        }
        return lines
    }
}
