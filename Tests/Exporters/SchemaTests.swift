import Exporters
import NodeModel
import TestExamples
import Testing

private let reason: Comment = "no jsonschema package for /usr/bin/python3 (python3-jsonschema)"

@Suite("The schemas accept what nodewatt writes and reject what it must not", .enabled(if: Validator.isThere, reason))
struct SchemaTests {
    private static let profileSchema = "node-profile.schema.json"
    private static let sessionSchema = "session.schema.json"

    private static func profile(_ session: SessionRecord = SessionExamples.full()) throws -> String {
        try ProfileWriter.text(NodeProfile(session: session, allowSimulated: true))
    }

    /// A session without anything optional but one verified figure.
    private static var sparse: SessionRecord {
        var session = SessionExamples.bare()
        session.devices = [SessionExamples.device]
        session.devices[0].pciAddress = nil
        session.devices[0].memoryBytes = 0
        var trial = SessionExamples.skipped
        trial.status = .measured
        trial.reason = nil
        trial.verified = true
        trial.samplesSeconds = [0.5]
        trial.medianSeconds = 0.5
        trial.flopsPerSecond = FlopsPerSecond(1e9)
        session.trials = [trial, SessionExamples.skipped]
        return session
    }

    /// The violations of a document after each of some changes.
    private static func violations(_ text: String, schema: String, changes: [(path: String, value: String?)]) throws
        -> [[String]]
    {
        let documents = try changes.map { change in
            var document = try EditableJSON(text)
            document.set(change.path, to: try change.value.map(EditableJSON.value))
            return try document.text
        }
        return try Validator.violations(documents, schema: schema)
    }

    @Test("Profiles are valid, also with unknown top-level keys")
    func profiles() throws {
        var extended = try EditableJSON(Self.profile())
        extended.set("x_rack", to: "A3")
        let documents = [try Self.profile(), try Self.profile(Self.sparse), try extended.text]
        #expect(try Validator.violations(documents, schema: Self.profileSchema) == [[], [], []])
    }

    @Test("Sessions are valid")
    func sessions() throws {
        let documents = try [SessionExamples.full(), SessionExamples.bare(), Self.sparse].map {
            try JSONDocument.text($0)
        }
        #expect(try Validator.violations(documents, schema: Self.sessionSchema) == [[], [], []])
    }

    @Test("A profile without a promised key is rejected")
    func missing() throws {
        let paths = [
            "schema", "nodewatt_version", "session_id", "measured_at", "expires_at", "simulated", "node_class", "node",
            "fingerprint_digest", "topology", "idle", "site", "devices", "site/factor/value/gas",
            "node/fingerprint/kernel",
            "devices/0/figures", "devices/0/figures/0/energy_grade", "devices/0/figures/0/joules_per_token",
            "devices/0/figures/0/measured/ci95_low",
        ]
        let found = try Self.violations(
            Self.profile(), schema: Self.profileSchema, changes: paths.map { ($0, nil) })
        for (path, violations) in zip(paths, found) {
            #expect(violations.contains { $0.hasSuffix("is a required property") }, "\(path): \(violations)")
        }
    }

    @Test("A profile with a wrong value is rejected")
    func wrong() throws {
        let changes: [(String, String?)] = [
            ("schema", #""nodewatt.profile/2""#), ("measured_at", #""yesterday""#), ("node_class", #""quantum""#),
            ("fingerprint_digest", #""0""#), ("site/pue/value", "0.9"), ("site/factor/value/grams_per_kwh", "0"),
            ("site/factor/value/gas", #""CO3""#), ("topology/memory_bytes", "0"), ("topology/cores", "0"),
            ("devices", "[]"), ("devices/0/kind", #""fpga""#), ("devices/0/pci_address", #""3b:00""#),
            ("devices/0/figures/0/name", #""speed""#), ("devices/0/figures/0/measured/value", "0"),
            ("devices/0/figures/0/verified", "false"), ("devices/0/figures/0/precision", #""f8""#),
            ("devices/0/figures/0/power_watts", "50"), ("devices/0/figures/0/energy_grade", #""none""#),
            ("devices/0/figures/0/energy_grade", #""guessed""#),
        ]
        let found = try Self.violations(Self.profile(), schema: Self.profileSchema, changes: changes)
        for (change, violations) in zip(changes, found) { #expect(!violations.isEmpty, "\(change)") }
    }

    @Test("A session without a promised key is rejected")
    func missingInSession() throws {
        let top = [
            "session_id", "started_at", "nodewatt_version", "is_this_system", "node", "site", "topology", "devices",
            "meters", "trials",
        ]
        let trial = [
            "workload", "device", "precision", "shape", "status", "reason", "samples_seconds", "median_seconds",
            "ci95_low_seconds", "ci95_high_seconds", "flops", "bytes", "flops_per_second", "bytes_per_second",
            "latency_seconds",
            "fraction_of_peak", "verified", "energy_joules", "energy_net_joules", "power_watts", "energy_grade",
            "energy_sources", "flops_per_watt", "model", "quantization", "phase", "batch", "context_tokens",
            "tokens_per_second", "joules_per_token", "grams_co2e_per_million_tokens",
            "grams_co2e_per_million_tokens_market", "cost_per_million_tokens", "currency",
        ]
        let paths = top + trial.map { "trials/0/\($0)" }
        let found = try Self.violations(
            JSONDocument.text(SessionExamples.full()), schema: Self.sessionSchema, changes: paths.map { ($0, nil) })
        for (path, violations) in zip(paths, found) {
            #expect(violations.contains { $0.hasSuffix("is a required property") }, "\(path): \(violations)")
        }
    }

    @Test("A session that breaks an honesty rule is rejected")
    func dishonest() throws {
        let changes: [(String, String?)] = [
            ("trials/0/verified", "false"), ("trials/0/energy_grade", #""none""#), ("trials/0/status", #""failed""#),
            ("trials/1/reason", "null"), ("trials/0/samples_seconds/0", "0"), ("trials/0/energy_joules", #""50 J""#),
            ("trials/1/flops_per_second", "1"), ("trials/1/latency_seconds", "1"),
            ("started_at", #""2026-01-02 03:04:05""#),
        ]
        let found = try Self.violations(
            JSONDocument.text(SessionExamples.full()), schema: Self.sessionSchema, changes: changes)
        for (change, violations) in zip(changes, found) { #expect(!violations.isEmpty, "\(change)") }
    }
}
