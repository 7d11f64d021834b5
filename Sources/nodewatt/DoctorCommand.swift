import ArgumentParser
import EnergyMeters
import HostProbe
import NodeModel

/// What this node cannot measure, and how to enable it.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what this node cannot measure and what would enable it.",
        discussion: """
            EXAMPLES:
              nodewatt doctor
              nodewatt doctor --format json

            Exit status 1 when energy can only be modelled or not be known at all.
            """)

    @OptionGroup var output: OutputOptions

    func run() throws {
        let node = try NodeAssembly()
        let meters = try node.metering.meters()
        let metering = EnergyAccumulator(meters: meters.meters, expectedPackages: node.metering.packages)
        // Long enough that a counter which stands still shows.
        metering.beginWindow()
        let quiet = node.quietMoment()
        Interruption.sleep(Seconds(1))
        let energy = metering.endWindow()
        let warnings = node.probe.warnings(threads: node.topology.allowedThreads, since: quiet)
        let standing = energy.domains.compactMap { domain in
            domain.problem.map { Unavailable(subject: domain.name, reason: $0) }
        }
        let document = DoctorDocument(
            grade: energy.grade, missing: node.allDevices().unavailable + meters.unavailable + standing,
            warnings: warnings)
        if output.format == .json { try printDocument(document) } else { document.lines.forEach { Terminal.line($0) } }
        if document.energyGrade < .counter { throw ExitStatus.answeredNo }
    }
}

/// The document of `nodewatt doctor`.
struct DoctorDocument: Encodable {
    let schema = "nodewatt.doctor/1"
    let energyGrade: EnergyGrade
    let missing: [Unavailable]
    let warnings: [Warning]

    init(grade: EnergyGrade, missing: [Unavailable], warnings: [Warning]) {
        energyGrade = grade
        self.missing = missing
        self.warnings = warnings
    }

    /// What is missing, and the commands that mend it, ready to be copied.
    private static func lines(_ missing: Unavailable) -> [String] {
        let remedies = (missing.remedies ?? []).flatMap { remedy in
            ["    \(remedy.effect):"] + remedy.commands.map { "      \(Terminal.printable($0))" }
        }
        return ["  " + Terminal.printable("\(missing.subject): \(missing.reason)")] + remedies
    }

    var lines: [String] {
        let verdict =
            switch energyGrade {
            case .wall, .counter: "Energy is measured (\(energyGrade.rawValue))."
            case .modelled: "Energy is only modelled: no counter can be read."
            case .none: "Energy is not known: no counter can be read and there is no power model."
            }
        let absent = missing.flatMap(Self.lines)
        let cautions = warnings.map { "  \($0.message)" + ($0.remedy.map { "\n    → \($0)" } ?? "") }
        return [verdict] + (absent.isEmpty ? [] : ["", "Missing"] + absent)
            + (cautions.isEmpty ? [] : ["", "Warnings"] + cautions)
    }
}
