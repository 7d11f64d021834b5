import GRDB
import Glibc
public import NodeModel

/// The history of all sessions: one SQLite database that several runs may write to at once.
///
/// A commit is on the disk before a call returns: the journal is a write-ahead log with `synchronous = FULL`.
/// All calls may come from any thread; they are served one after the other.
public final class HistoryStore: SessionStore {
    /// The database file.
    public let path: String
    let database: DatabaseQueue
    let failures: HistoryFailure
    private let allowSimulated: Bool

    /// The file's `application_id`, "nwat", by which a history is told from other SQLite files.
    private static let applicationID = 0x6E77_6174

    /// Opens the history of a directory and creates both where they are missing.
    ///
    /// - Parameters:
    ///   - directory: The directory that holds, or will hold, `history.sqlite`.
    ///   - allowSimulated: Whether sessions with simulated or foreign parts are accepted.
    /// - Throws: ``SystemFailure`` when the directory cannot be used or the file is damaged, not a history, or written
    ///   by a newer nodewatt.
    public convenience init(directory: String, allowSimulated: Bool = false) throws {
        try self.init(directory: directory, allowSimulated: allowSimulated, maximumPages: nil)
    }

    /// Opens a history that refuses to grow beyond a number of pages, as on a full disk.
    package init(directory: String, allowSimulated: Bool, maximumPages: Int?) throws {
        try Self.createDirectory(directory)
        path = directory.hasSuffix("/") ? directory + "history.sqlite" : directory + "/history.sqlite"
        failures = HistoryFailure(path: path)
        self.allowSimulated = allowSimulated
        let lock = DirectoryLock(directory, retries: Self.busyRetries)
        defer { lock.release() }
        database = try failures.explaining("opening the history") { [path] in
            try Self.whileBusy { try DatabaseQueue(path: path, configuration: Self.configuration) }
        }
        try prepare(maximumPages: maximumPages)
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "nodewatt.history"
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(15)
        return configuration
    }

    /// Tries again for some seconds while another run holds the file.
    ///
    /// The switch to a write-ahead log reports a locked file at once, whatever busy time-out is set.
    private static func whileBusy<Result>(_ work: () throws -> Result) throws -> Result {
        for _ in 0..<busyRetries {
            do {
                return try work()
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                usleep(20_000)
            }
        }
        return try work()
    }

    /// Retries of 20 ms each: five seconds.
    private static let busyRetries = 250

    /// Creates a directory and its parents, and refuses a file system the journal cannot work on.
    private static func createDirectory(_ directory: String) throws {
        let failures = HistoryFailure(path: directory)
        guard !directory.isEmpty, !directory.contains("\0") else {
            throw failures.failure(
                "opening the history in", "the directory's name is empty or holds a NUL", HistoryFailure.elsewhere)
        }
        var prefix = directory.hasPrefix("/") ? "" : "."
        for component in directory.split(separator: "/") {
            prefix += "/\(component)"
            guard mkdir(prefix, 0o755) != 0, errno != EEXIST else { continue }
            let code = errno
            // A parent that may not be written to may still hold the next one.
            if access(prefix, F_OK) != 0 { throw failures.failure("creating the results directory", errno: code) }
        }
        var status = stat()
        guard stat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw failures.failure("creating the results directory", errno: ENOTDIR)
        }
        if case .network(let name) = FileSystemKind.holding(directory) {
            throw failures.failure(
                "opening the history in",
                "it is on \(name), a network file system, where several writers would damage the database",
                "Choose a local directory with --results DIR or NODEWATT_RESULTS")
        }
    }

    /// Sets what SQLite does not remember, and brings the layout up to date.
    private func prepare(maximumPages: Int?) throws {
        try failures.explaining("opening the history") {
            try Self.whileBusy {
                try configure(maximumPages: maximumPages)
                try claim()
                guard try !database.read(Migration.migrator.hasBeenSuperseded) else {
                    throw failures.failure(
                        "opening the history", "it was written by a newer version of nodewatt",
                        "Update nodewatt, or choose another directory with --results DIR or NODEWATT_RESULTS")
                }
                try Migration.migrator.migrate(database)
            }
        }
    }

    private func configure(maximumPages: Int?) throws {
        try database.writeWithoutTransaction { connection in
            try connection.execute(sql: "PRAGMA synchronous = FULL")
            if let maximumPages { try connection.execute(sql: "PRAGMA max_page_count = \(maximumPages)") }
        }
    }

    /// Marks an empty database as a history and refuses one of another program, in one transaction so that two runs
    /// may create the history at the same time.
    private func claim() throws {
        let mine = try database.write { connection in
            let owner = try Int.fetchOne(connection, sql: "PRAGMA application_id") ?? 0
            let tables = try Int.fetchOne(connection, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
            guard owner == 0, tables == 0 else { return owner == Self.applicationID }
            try connection.execute(sql: "PRAGMA application_id = \(Self.applicationID)")
            return true
        }
        guard mine else {
            throw failures.failure(
                "opening the history", "it is the database of another program", HistoryFailure.elsewhere)
        }
    }

    /// Stores a session that begins, without trials.
    public func begin(_ session: SessionRecord) throws {
        try refuseSimulated(session.simulated || !session.isThisSystem, session.sessionId)
        try failures.explaining("storing session \(session.sessionId) in") {
            let row = try SessionRow(session)
            try database.write { try row.insert(into: $0) }
        }
    }

    /// Stores one trial of a session; after this returns a crash cannot lose it.
    public func append(_ trial: TrialRecord, to sessionId: String) throws {
        try refuseSimulated(trial.simulated, sessionId)
        try failures.explaining("storing a trial of session \(sessionId) in") {
            let row = try TrialRow(trial)
            try database.write { connection in
                let sql = "SELECT coalesce(max(ordinal) + 1, 0) FROM trial WHERE session_id = ?"
                let ordinal = try Int.fetchOne(connection, sql: sql, arguments: [sessionId]) ?? 0
                try row.insert(into: connection, session: sessionId, ordinal: ordinal)
            }
        }
    }

    /// Stores the finished session in place of what ``begin(_:)`` stored.
    ///
    /// Its trials replace those stored so far, by their order. Trials stored beyond them are kept: nothing that was
    /// measured is deleted.
    public func finish(_ session: SessionRecord) throws {
        let simulated = session.simulated || !session.isThisSystem || session.trials.contains(where: \.simulated)
        try refuseSimulated(simulated, session.sessionId)
        try failures.explaining("storing session \(session.sessionId) in") {
            let row = try SessionRow(session)
            let trials = try session.trials.map(TrialRow.init)
            try database.write { connection in
                try row.upsert(into: connection)
                try connection.execute(
                    sql: "DELETE FROM trial WHERE session_id = ? AND ordinal < ?",
                    arguments: [session.sessionId, trials.count])
                for (ordinal, trial) in trials.enumerated() {
                    try trial.insert(into: connection, session: session.sessionId, ordinal: ordinal)
                }
            }
        }
    }

    private func refuseSimulated(_ simulated: Bool, _ sessionId: String) throws {
        guard simulated, !allowSimulated else { return }
        throw failures.failure(
            "storing session \(sessionId) in", "it is simulated or of another machine, and history is of real runs",
            "Use --no-save, or ask for it to be stored")
    }
}
