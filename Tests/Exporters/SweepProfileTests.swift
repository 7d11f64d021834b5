import Exporters
import Foundation
import NodeModel
import TestExamples
import Testing

@Suite("A profile keeps operating points and a load curve") struct SweepProfileTests {
    private static func profile() throws -> NodeProfile {
        var profile = try NodeProfile(session: SessionExamples.full())
        var sweep = OperatingPoints(
            measuredAt: "2026-01-01T00:00:00Z", nodewattVersion: "0", fingerprintDigest: profile.fingerprintDigest,
            device: .cpu, workload: .gemm, workUnit: .flop, secondsPerPoint: 5, seed: 1)
        var point = OperatingPointRecord(
            number: 0, wanted: OperatingPoint(), inForce: OperatingPoint(powerCapWatts: 200), status: .measured)
        point.workPerSecond = ProfileValue(1e12, low: 0.9e12, high: 1.1e12)
        point.workPerJoule = ProfileValue(5e9)
        point.energyGrade = .counter
        point.throttled = false
        let skipped = OperatingPointRecord(
            number: 1, wanted: OperatingPoint(threads: 4, powerCapWatts: 100, frequencyHertz: 2e9),
            inForce: OperatingPoint(),
            status: .skipped, reason: "interrupted")
        sweep.points = [point, skipped]
        sweep.paretoFront = [0]
        sweep.mostEfficient = 0
        profile.operatingPoints = sweep
        var curve = LoadCurve(
            measuredAt: "2026-01-01T00:00:00Z", nodewattVersion: "0", fingerprintDigest: profile.fingerprintDigest,
            workload: .gemm, precision: .f32, shape: "192x192x192", workUnit: .flop, threads: 2, secondsPerLevel: 10,
            verified: true)
        curve.levels = [1, 0].map {
            LoadLevelRecord(
                targetFraction: $0, utilisationFraction: $0, dutyFraction: $0, workPerSecond: ProfileValue(1e11 * $0),
                energyGrade: .counter)
        }
        curve.levels[0].powerWatts = ProfileValue(100, low: 97, high: 103)
        curve.k0Watts = 40
        curve.k2PerPercent = -0.01
        profile.loadCurve = curve
        return profile
    }

    @Test("What is written is what is read") func roundTrip() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/node.json"
        try ProfileWriter.write(Self.profile(), to: path)
        #expect(try ProfileWriter.read(path) == Self.profile())
    }

    @Test("A run that knows of no sweep keeps the last one's points") func survivesARun() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/node.json"
        try ProfileWriter.write(Self.profile(), to: path)
        try ProfileWriter.write(NodeProfile(session: SessionExamples.full()), to: path)
        #expect(try ProfileWriter.read(path).operatingPoints == Self.profile().operatingPoints)
        #expect(try ProfileWriter.read(path).loadCurve == Self.profile().loadCurve)
    }

    @Test("A profile of before there were sweeps is read") func older() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/node.json"
        let plain = try NodeProfile(session: SessionExamples.full())
        try ProfileWriter.write(plain, to: path)
        #expect(try !String(contentsOfFile: path, encoding: .utf8).contains("operating_points"))
        #expect(try ProfileWriter.read(path).operatingPoints == nil)
    }

    @Test("The schema accepts them and rejects damage", .enabled(if: Validator.isThere, "no jsonschema package"))
    func schema() throws {
        let text = try ProfileWriter.text(Self.profile())
        let changes: [(String, String?)] = [
            ("operating_points/points", nil), ("operating_points/work_unit", #""watt""#), ("load_curve/levels", "[]"),
            ("load_curve/k0_watts", #""many""#), ("operating_points/most_efficient", "-1"),
        ]
        let documents = try changes.map { path, value in
            var document = try EditableJSON(text)
            document.set(path, to: try value.map(EditableJSON.value))
            return try document.text
        }
        let found = try Validator.violations([text] + documents, schema: "node-profile.schema.json")
        #expect(found[0] == [])
        for (change, violations) in zip(changes, found.dropFirst()) { #expect(!violations.isEmpty, "\(change)") }
    }
}
