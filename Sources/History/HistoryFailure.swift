import GRDB
import Glibc
import NodeModel

/// Turns what SQLite and the kernel say into errors a user can act on.
struct HistoryFailure {
    /// The database file, or the directory while there is none yet.
    var path: String

    /// What to do when a directory cannot be used.
    static let elsewhere = "Choose another with --results DIR or NODEWATT_RESULTS"

    /// Runs work on the database and explains its failure.
    ///
    /// - Parameters:
    ///   - action: What is done, as the error will say it, without the path.
    ///   - work: The work.
    /// - Returns: The work's result.
    /// - Throws: `SystemFailure` naming the path and a remedy.
    func explaining<Result>(_ action: String, _ work: () throws -> Result) throws -> Result {
        do {
            return try work()
        } catch let error as DatabaseError {
            throw failure(action, error)
        } catch is EncodingError {
            throw failure(action, "a figure is not a finite number", "This is a defect in nodewatt, please report it")
        }
    }

    /// A failure of an action on ``path``.
    func failure(_ action: String, _ reason: String, _ recovery: String) -> SystemFailure {
        SystemFailure(action: "\(action) \(path)", reason: reason, recovery: recovery)
    }

    /// A failure of a system call on ``path``.
    func failure(_ action: String, errno code: Int32) -> SystemFailure {
        failure(action, String(cString: strerror(code)), Self.elsewhere)
    }

    private func failure(_ action: String, _ error: DatabaseError) -> SystemFailure {
        let known = Self.causes.first { $0.code == error.resultCode }
        let detail = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        return failure(
            action, known.map { "\($0.reason) (\(detail))" } ?? detail, known?.recovery ?? Self.elsewhere)
    }

    private static let moveAside =
        "Move the file and its -wal and -shm neighbours aside; a new history is begun at the next run"

    private static let causes: [(code: ResultCode, reason: String, recovery: String)] = [
        (.SQLITE_FULL, "no space is left for the history", "Free some space, or " + lowerCased(elsewhere)),
        (.SQLITE_READONLY, "the history is read-only", elsewhere),
        (.SQLITE_CANTOPEN, "the history cannot be opened or created", elsewhere),
        (.SQLITE_PERM, "no permission to use the history", elsewhere),
        (
            .SQLITE_IOERR, "the file system failed to read or write the history",
            "Check the disk, or " + lowerCased(elsewhere)
        ),
        (
            .SQLITE_BUSY, "another program has kept the history locked",
            "Try again when it has ended, or " + lowerCased(elsewhere)
        ),
        (.SQLITE_CORRUPT, "the history is damaged", moveAside),
        (.SQLITE_NOTADB, "the file is not an SQLite database", moveAside),
    ]

    private static func lowerCased(_ sentence: String) -> String {
        sentence.prefix(1).lowercased() + sentence.dropFirst()
    }
}
