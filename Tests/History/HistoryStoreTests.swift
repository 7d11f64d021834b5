import Foundation
import History
import NodeModel
import TestExamples
import Testing

@Suite("History keeps sessions") struct HistoryStoreTests {
    private let scratch: Scratch
    private let store: HistoryStore

    init() throws {
        scratch = try Scratch()
        store = try HistoryStore(directory: scratch.path)
    }

    @Test("A session comes back as it was stored", arguments: [true, false])
    func roundTrip(everything: Bool) throws {
        let session = everything ? SessionExamples.full() : SessionExamples.bare()
        var begun = session
        begun.trials = []
        begun.endedAt = nil
        try store.begin(begun)
        for trial in session.trials { try store.append(trial, to: session.sessionId) }
        try store.finish(session)
        let read = try store.session(id: session.sessionId)
        #expect(read.trials == session.trials)
        #expect(read.topology == session.topology)
        #expect(read == session)
        #expect(try HistoryStore(directory: scratch.path).session(id: "latest") == session)
    }

    @Test("A session that was cut off still shows its trials")
    func cutOff() throws {
        try store.begin(SessionExamples.bare())
        try store.append(SessionExamples.trial(), to: SessionExamples.bare().sessionId)
        try store.append(SessionExamples.skipped, to: SessionExamples.bare().sessionId)
        let read = try store.session(id: "latest")
        #expect(read.trials == [SessionExamples.trial(), SessionExamples.skipped])
        #expect(read.endedAt == nil)
        let summary = try #require(try store.sessions().first)
        #expect(summary.trials == 2 && summary.measured == 1 && summary.endedAt == nil)
    }

    @Test("Finishing replaces the trials in order and deletes none beyond")
    func finishing() throws {
        var session = SessionExamples.full()
        session.trials = []
        try store.begin(session)
        for median in [0.1, 0.2, 0.3] { try store.append(SessionExamples.trial(median: median), to: session.sessionId) }
        session.trials = [SessionExamples.trial(median: 0.5)]
        session.interrupted = true
        try store.finish(session)
        let read = try store.session(id: session.sessionId)
        #expect(read.trials.map(\.medianSeconds) == [0.5, 0.2, 0.3])
        #expect(read.interrupted)
        #expect(try store.sessions().first?.interrupted == true)
    }

    @Test("A session is found by its beginning, and only when that is unambiguous")
    func lookup() throws {
        try store.finish(SessionExamples.bare(id: "abc1", startedAt: "2026-01-02T00:00:00Z"))
        try store.finish(SessionExamples.bare(id: "abc12", startedAt: "2026-01-03T00:00:00Z"))
        try store.finish(SessionExamples.bare(id: "xyz", startedAt: "2026-01-01T00:00:00Z"))
        #expect(try store.session(id: "xy").sessionId == "xyz")
        #expect(try store.session(id: "abc1").sessionId == "abc1")
        #expect(try store.session(id: "latest").sessionId == "abc12")
        #expect(try store.sessions(limit: 2).map(\.sessionId) == ["abc12", "abc1"])
        for unknown in ["ab", "", "%", "nothing"] {
            #expect(throws: UsageError.self) { try store.session(id: unknown) }
        }
    }

    @Test("An empty history says so")
    func empty() throws {
        let error = #expect(throws: UsageError.self) { try store.session(id: "latest") }
        #expect(error?.description.contains("nodewatt run") == true)
        #expect(try store.sessions().isEmpty)
    }

    @Test("Simulated and foreign figures are refused unless asked for")
    func simulated() throws {
        var simulated = SessionExamples.bare(id: "simulated")
        simulated.simulated = true
        var foreign = SessionExamples.bare(id: "foreign")
        foreign.isThisSystem = false
        for session in [simulated, foreign] {
            #expect(throws: SystemFailure.self) { try store.begin(session) }
            #expect(throws: SystemFailure.self) { try store.finish(session) }
        }
        try store.begin(SessionExamples.bare())
        var trial = SessionExamples.trial()
        trial.simulated = true
        #expect(throws: SystemFailure.self) { try store.append(trial, to: SessionExamples.bare().sessionId) }
        #expect(try store.sessions().count == 1)

        let open = try HistoryStore(directory: scratch.path, allowSimulated: true)
        try open.begin(simulated)
        #expect(try open.session(id: "simulated").simulated)
    }

    @Test("A trial of an unknown session, and a session begun twice, are errors")
    func references() throws {
        #expect(throws: SystemFailure.self) { try store.append(SessionExamples.trial(), to: "nobody") }
        try store.begin(SessionExamples.bare())
        #expect(throws: SystemFailure.self) { try store.begin(SessionExamples.bare()) }
    }

    @Test("A figure that is not finite is refused, not stored as something else")
    func notFinite() throws {
        try store.begin(SessionExamples.bare())
        var trial = SessionExamples.trial()
        trial.medianSeconds = .nan
        #expect(throws: SystemFailure.self) { try store.append(trial, to: SessionExamples.bare().sessionId) }
        #expect(try store.session(id: "latest").trials.isEmpty)
    }

    @Test(
        "Columns for queries hold the figures, and NULL for what is absent",
        .enabled(if: Python.isThere, "no /usr/bin/python3, whose sqlite3 module reads the file independently"))
    func columns() throws {
        try store.finish(SessionExamples.full())
        let trials = try Python.sql(
            "SELECT ordinal, workload, model, status, verified, joules_per_token, power_watts FROM trial "
                + "ORDER BY ordinal",
            database: store.path)
        #expect(trials == ["0|llm|Tiny|measured|1|5.0|50.0", "1|peak|NULL|skipped|0|NULL|NULL"])
        #expect(try Python.sql("SELECT count(*) FROM sample", database: store.path) == ["3"])
        #expect(
            try Python.sql(
                "SELECT name, energy_joules, in_total FROM domain_energy ORDER BY ordinal", database: store.path)
                == ["package-0|50.0|1", "core|NULL|0"])
        #expect(try Python.sql("PRAGMA journal_mode", database: store.path) == ["wal"])
        #expect(try Python.sql("PRAGMA integrity_check", database: store.path) == ["ok"])
    }
}
