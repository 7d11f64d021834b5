import ArgumentParser
import FoundationEssentials
import History
import NodeModel

/// The history of this node's runs.
struct TrackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "track",
        abstract: "List and show stored sessions.",
        subcommands: [List.self, Show.self])

    /// The option both have.
    struct Store: ParsableArguments {
        @Option(help: "Directory of history.sqlite. Default: as for run.")
        var results: String?

        /// Opens the history.
        func open() throws -> HistoryStore {
            try ResultsDirectory.history(
                in: ResultsDirectory.resolve(results, environment: ProcessInfo.processInfo.environment))
        }
    }

    /// Lists sessions.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List stored sessions, newest first.",
            discussion: """
                EXAMPLES:
                  nodewatt track list
                  nodewatt track list --limit 100 --format json
                """)

        @OptionGroup var store: Store

        @Option(help: "How many.")
        var limit = 20

        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard limit > 0 else { throw ValidationError("--limit \(limit): expected 1 or more") }
        }

        func run() throws {
            let sessions = try store.open().sessions(limit: limit)
            if output.format == .json { return try printDocument(["sessions": sessions]) }
            var table = TextTable([.left, .left, .left, .left, .right, .left])
            table.add(["session", "started", "host", "suite", "measured", ""])
            for session in sessions {
                table.add([
                    String(session.sessionId.prefix(8)), session.startedAt, Terminal.printable(session.host),
                    session.suite, "\(session.measured)/\(session.trials)", session.interrupted ? "interrupted" : "",
                ])
            }
            table.lines.forEach { Terminal.line($0) }
        }
    }

    /// Shows one session.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show a stored session as run printed it.",
            discussion: """
                EXAMPLES:
                  nodewatt track show
                  nodewatt track show 3f2a --format json
                """)

        @OptionGroup var store: Store

        @Argument(help: "A prefix of the session's id, or latest.")
        var session = "latest"

        @OptionGroup var output: OutputOptions

        func run() throws {
            let record = try store.open().session(id: session)
            if output.format == .json { return try printDocument(record) }
            ResultText(session: record).lines.forEach { Terminal.line($0) }
        }
    }
}
