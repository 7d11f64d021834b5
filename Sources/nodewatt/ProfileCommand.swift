import ArgumentParser
import Exporters
import FoundationEssentials
import History
import NodeModel

/// The node's capability profile.
struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile",
        abstract: "Write or show the node profile that schedulers read.",
        subcommands: [Write.self, Show.self])

    /// Derives a profile from a stored session.
    struct Write: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "write",
            abstract: "Write the profile of a stored session.",
            discussion: """
                EXAMPLES:
                  nodewatt profile write --to node.json
                  nodewatt profile write --session 3f2a --to -      to standard output
                """)

        @Option(help: "The session: a prefix of its id, or latest.")
        var session = "latest"

        @Option(help: "Directory of history.sqlite.")
        var results: String?

        @Option(help: "The file; - for standard output.")
        var to: String

        @OptionGroup var output: OutputOptions

        func run() throws {
            let environment = ProcessInfo.processInfo.environment
            let directory = ResultsDirectory.resolve(results, environment: environment)
            let profile = try NodeProfile(session: ResultsDirectory.history(in: directory).session(id: session))
            if to == "-" { return try printDocument(profile) }
            try ProfileWriter.write(profile, to: to)
            if output.format == .json { try printDocument(profile) } else { Terminal.line("Profile: \(to)") }
        }
    }

    /// Shows a profile.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show a profile.",
            discussion: """
                EXAMPLES:
                  nodewatt profile show Profiles/nodes/node17.json
                """)

        @Argument(help: "The profile's file.")
        var file: String

        @OptionGroup var output: OutputOptions

        func run() throws {
            let profile = try ProfileWriter.read(file)
            if output.format == .json {
                try printDocument(profile)
            } else {
                ProfileText(profile).lines.forEach { Terminal.line($0) }
            }
        }
    }
}

/// A profile as people read it.
struct ProfileText {
    private let profile: NodeProfile

    init(_ profile: NodeProfile) { self.profile = profile }

    var lines: [String] {
        let head = [
            "\(profile.node.host)  \(profile.nodeClass.rawValue) computing  \(profile.node.fingerprint.cpuModel)",
            "measured \(profile.measuredAt), valid until \(profile.expiresAt)\(profile.simulated ? ", SIMULATED" : "")",
            "",
        ]
        var table = TextTable([.left, .left, .right, .right, .left])
        table.add(["device", "figure", "value", "power", "energy is"])
        for device in profile.devices {
            for figure in device.figures { table.add(Self.row(device, figure)) }
        }
        return (head + table.lines).map(Terminal.printable)
    }

    private static let units: [CapabilityName: String] = [
        .peakFlopsPerSecond: "FLOPS", .gemmFlopsPerSecond: "FLOPS", .readBytesPerSecond: "B/s",
        .decodeTokensPerSecond: "tokens/s",
    ]

    private static func unit(_ figure: Capability) -> String {
        let unit = units[figure.name] ?? ""
        return unit == "FLOPS" ? TrialText.operations(figure.precision) : unit
    }

    private static func row(_ device: DeviceCapabilities, _ figure: Capability) -> [String] {
        let subject = [figure.precision?.rawValue, figure.shape].compactMap(\.self).joined(separator: " ")
        return [
            device.device.rawValue, "\(figure.name.rawValue) \(subject)",
            UnitFormat.scaled(figure.measured.value, unit(figure)),
            figure.powerWatts.map { "\(UnitFormat.digits($0.value)) W" } ?? "", figure.energyGrade.rawValue,
        ]
    }
}
