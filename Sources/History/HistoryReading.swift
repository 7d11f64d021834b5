import FoundationEssentials
import GRDB
public import NodeModel

/// A session in one line.
public struct SessionSummary: Hashable, Codable, Sendable {
    /// The session's UUID.
    public var sessionId: String
    /// When the run began, RFC 3339 in UTC.
    public var startedAt: String
    /// When the run ended; `nil` while it runs or when it was cut off.
    @ExplicitNull public var endedAt: String?
    /// The host name.
    public var host: String
    /// The suite's name.
    public var suite: String
    /// The program's version.
    public var nodewattVersion: String
    /// The digest of the node's fingerprint; see ``NodeFingerprint/digest``.
    public var fingerprintDigest: String
    /// Whether any part was simulated or foreign.
    public var simulated: Bool
    /// Whether the run was interrupted.
    public var interrupted: Bool
    /// How many trials are stored.
    public var trials: Int
    /// How many of them were measured.
    public var measured: Int
}

extension HistoryStore {
    /// Lists sessions, the latest first.
    ///
    /// - Parameter limit: How many at most.
    /// - Returns: One summary for each session.
    /// - Throws: ``SystemFailure`` when the history cannot be read.
    public func sessions(limit: Int = 20) throws -> [SessionSummary] {
        try failures.explaining("reading the history") {
            try database.read { connection in
                try Row.fetchAll(connection, sql: Self.summaryQuery, arguments: [max(limit, 0)]).map(Self.summary)
            }
        }
    }

    /// Reads one session with its trials, also one that never finished.
    ///
    /// - Parameter id: The session's id, the beginning of one, or `latest`.
    /// - Returns: The record as it was stored last.
    /// - Throws: ``UsageError`` when no session or several match, ``InputError`` for a record that cannot be decoded,
    ///   ``SystemFailure`` when the history cannot be read.
    public func session(id: String) throws -> SessionRecord {
        let (key, head, trials) = try failures.explaining("reading the history") {
            try database.read { connection in
                let key = try self.resolve(id, connection)
                let head = try String.fetchOne(
                    connection, sql: "SELECT record FROM session WHERE id = ?", arguments: [key])
                let trials = try String.fetchAll(
                    connection, sql: "SELECT record FROM trial WHERE session_id = ? ORDER BY ordinal", arguments: [key])
                return (key, head ?? "", trials)
            }
        }
        var session = try decode(SessionRecord.self, head, "session \(key)")
        session.trials = try trials.enumerated().map { index, text in
            try decode(TrialRecord.self, text, "session \(key), trial \(index)")
        }
        return session
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ text: String, _ place: String) throws -> Value {
        try JSONDocument.decode(type, from: Data(text.utf8), named: "\(path), \(place)")
    }

    /// The full id of the one session that is meant.
    private func resolve(_ id: String, _ connection: Database) throws -> String {
        if id == "latest" {
            let sql = "SELECT id FROM session ORDER BY started_at DESC, rowid DESC LIMIT 1"
            guard let key = try String.fetchOne(connection, sql: sql) else {
                throw UsageError("the history \(path) is empty. Run `nodewatt run` first")
            }
            return key
        }
        let matches = try String.fetchAll(
            connection, sql: "SELECT id FROM session WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 6",
            arguments: [id])
        if matches.contains(id) { return id }
        guard let match = matches.first, !id.isEmpty else {
            throw UsageError(
                "no session '\(id)' in \(path). `nodewatt track list` shows them; 'latest' is the last one")
        }
        guard matches.count == 1 else {
            throw UsageError("several sessions begin with '\(id)': \(matches.joined(separator: ", "))")
        }
        return match
    }

    private static let summaryQuery = """
        SELECT session.*, count(trial.id) AS trials, coalesce(sum(trial.status = 'measured'), 0) AS measured
        FROM session LEFT JOIN trial ON trial.session_id = session.id
        GROUP BY session.id ORDER BY session.started_at DESC, session.rowid DESC LIMIT ?
        """

    private static func summary(_ row: Row) -> SessionSummary {
        SessionSummary(
            sessionId: row["id"], startedAt: row["started_at"],
            endedAt: row["ended_at"] as String?, host: row["host"], suite: row["suite"],
            nodewattVersion: row["nodewatt_version"], fingerprintDigest: row["fingerprint_digest"],
            simulated: row["simulated"], interrupted: row["interrupted"], trials: row["trials"],
            measured: row["measured"])
    }
}
