import GRDB
import NodeModel

/// A session as the database holds it.
struct SessionRow {
    private let values: StatementArguments

    private static let columns = [
        "id", "started_at", "ended_at", "host", "suite", "nodewatt_version", "fingerprint_digest", "fingerprint",
        "simulated", "interrupted", "record",
    ]

    /// Encodes a session without its trials, which have rows of their own.
    init(_ session: SessionRecord) throws {
        var head = session
        head.trials = []
        values = [
            session.sessionId, session.startedAt, session.endedAt, session.node.host, session.suite,
            session.nodewattVersion, session.node.fingerprint.digest,
            try JSONDocument.text(session.node.fingerprint, pretty: false), session.simulated || !session.isThisSystem,
            session.interrupted, try JSONDocument.text(head, pretty: false),
        ]
    }

    func insert(into database: Database) throws {
        try database.execute(sql: insertion("session", Self.columns), arguments: values)
    }

    func upsert(into database: Database) throws {
        let updates = Self.columns.dropFirst().map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
        try database.execute(
            sql: insertion("session", Self.columns) + " ON CONFLICT (id) DO UPDATE SET \(updates)", arguments: values)
    }
}

/// A trial as the database holds it, with its samples and energy domains.
struct TrialRow {
    private let trial: TrialRecord
    private let record: String

    private static let columns = [
        "session_id", "ordinal", "workload", "device", "precision", "shape", "model", "phase", "status", "reason",
        "verified", "median_seconds", "ci95_low_seconds", "ci95_high_seconds", "flops_per_second", "bytes_per_second",
        "tokens_per_second", "fraction_of_peak", "energy_joules", "energy_net_joules", "power_watts", "energy_grade",
        "flops_per_watt", "joules_per_token", "simulated", "record",
    ]

    /// Encodes a trial.
    init(_ trial: TrialRecord) throws {
        self.trial = trial
        record = try JSONDocument.text(trial, pretty: false)
    }

    func insert(into database: Database, session: String, ordinal: Int) throws {
        try database.execute(
            sql: insertion("trial", Self.columns),
            arguments: [session, ordinal] + identity + measurements + [trial.simulated, record])
        let id = database.lastInsertedRowID
        for (index, seconds) in trial.samplesSeconds.enumerated() {
            try database.execute(
                sql: insertion("sample", ["trial_id", "ordinal", "seconds"]), arguments: [id, index, seconds])
        }
        for (index, domain) in trial.energyDomains.enumerated() {
            try database.execute(
                sql: insertion(
                    "domain_energy", ["trial_id", "ordinal", "name", "source", "grade", "energy_joules", "in_total"]),
                arguments: [
                    id, index, domain.name, domain.source, domain.grade.rawValue, domain.energyJoules?.rawValue,
                    domain.inTotal,
                ])
        }
    }

    private var identity: StatementArguments {
        [
            trial.workload.rawValue, trial.device.rawValue, trial.precision?.rawValue, trial.shape, trial.model,
            trial.phase, trial.status.rawValue, trial.reason, trial.verified,
        ]
    }

    private var measurements: StatementArguments {
        [
            trial.medianSeconds, trial.ci95LowSeconds, trial.ci95HighSeconds, trial.flopsPerSecond?.rawValue,
            trial.bytesPerSecond?.rawValue, trial.tokensPerSecond, trial.fractionOfPeak, trial.energyJoules?.rawValue,
            trial.energyNetJoules?.rawValue, trial.powerWatts?.rawValue, trial.energyGrade.rawValue, trial.flopsPerWatt,
            trial.joulesPerToken,
        ]
    }
}

/// The statement that inserts one row.
private func insertion(_ table: String, _ columns: [String]) -> String {
    let marks = columns.map { _ in "?" }.joined(separator: ", ")
    return "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(marks))"
}
