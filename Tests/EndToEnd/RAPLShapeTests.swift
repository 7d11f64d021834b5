import Foundation
import Testing

/// Ten seconds of known power on the powercap trees of real machines, read by the real libpowercap.
///
/// In each shape every counter wraps within the window.
@Suite struct RAPLShapeTests {
    struct Shape: CustomTestStringConvertible, Sendable {
        var testDescription: String
        /// The fixture's options.
        var tree: [String]
        /// The watts of the domains in the total.
        var counted: [String: Double]
        /// The watts of domains shown beside it.
        var apart: [String: Double] = [:]
        /// Domains that have to be shown without an energy.
        var unknown: [String] = []
        /// Whether the total is that of the counters.
        var isWhole = true
        /// Options of the script before those of the fixture.
        var script: [String] = []
    }

    static let shapes = [
        Shape(
            testDescription: "two Xeon sockets with memory",
            tree: ["--watts", "240", "--packages", "2", "--dram-watts", "40"],
            counted: ["package-0": 120, "package-1": 120, "package-0/dram": 20, "package-1/dram": 20],
            apart: ["package-0/core": 72, "package-1/core": 72]),
        Shape(
            testDescription: "a client with peak_power and psys",
            tree: ["--watts", "45", "--peak-power", "--psys", "psys"],
            counted: ["package-0": 45], apart: ["package-0/core": 27, "psys": 67.5]),
        Shape(
            testDescription: "sockets with a psys each",
            tree: ["--watts", "300", "--packages", "2", "--psys", "psys", "--psys", "psys-1"],
            counted: ["package-0": 150, "package-1": 150], apart: ["psys": 450, "psys-1": 450]),
        Shape(
            testDescription: "EPYC with mirrored dies",
            tree: ["--watts", "280", "--dies", "4", "--mirror", "--unit-bits", "16"],
            counted: ["package-0-die-0": 280]),
        Shape(
            testDescription: "a package with dies that count apart", tree: ["--watts", "300", "--dies", "2"],
            counted: ["package-0-die-0": 150, "package-0-die-1": 150]),
        Shape(
            testDescription: "the same package through MSR and MMIO", tree: ["--watts", "120", "--mmio"],
            counted: ["package-0": 120], apart: ["package-0/core": 72]),
        Shape(
            testDescription: "a zone that cannot be read",
            tree: ["--watts", "200", "--packages", "2", "--dram-watts", "30", "--deny", "dram"],
            counted: ["package-0": 100, "package-1": 100], script: ["--unprivileged"]),
        Shape(
            testDescription: "a zone that is taken away, memory",
            tree: ["--watts", "200", "--dram-watts", "30", "--vanish", "dram", "--vanish-after", "5"],
            counted: ["package-0": 200], apart: ["package-0/core": 120], unknown: ["package-0/dram"]),
        Shape(
            testDescription: "a zone that is taken away, a package",
            tree: ["--watts", "200", "--packages", "2", "--vanish", "package-1", "--vanish-after", "5"],
            counted: ["package-0": 100], unknown: ["package-1"], isWhole: false),
    ]

    @Test(
        "energy is right within half a percent",
        .enabled(if: MeteringTests.namespaces, "mount namespaces are barred here"), arguments: shapes)
    func energy(_ shape: Shape) throws {
        let wraps = String(3 * (shape.counted.values.min() ?? 0))
        let finished = try Program.withRAPL(
            shape.script + shape.tree + ["--wrap-after-joules", wraps],
            ["meter", "--idle-watts", "1", "--max-watts", "2", "--format", "json", "--", "sleep", "10"])
        #expect(finished.status == 0, "\(finished.error)")
        let document = try finished.document()
        let seconds = try #require(document["duration_seconds"] as? Double)
        let rows = try #require(document["domains"] as? [[String: Any]])
        for (name, watts) in shape.counted.merging(shape.apart, uniquingKeysWith: { $1 }) {
            let matching = rows.filter { $0["name"] as? String == name }
            let joules = matching.first?["energy_joules"] as? Double ?? 0
            #expect(matching.count == 1 && abs(joules / (watts * seconds) - 1) <= 0.005, "\(name): \(joules) J")
        }
        for name in shape.unknown {
            let row = try #require(rows.first { $0["name"] as? String == name })
            #expect(row["energy_joules"] is NSNull && row["problem"] is String, "\(row)")
        }
        try expectTotal(shape, document, rows, seconds)
    }

    private func expectTotal(
        _ shape: Shape, _ document: [String: Any], _ rows: [[String: Any]], _ seconds: Double
    ) throws {
        let total = try #require(document["energy_joules"] as? Double)
        let inTotal = Set(rows.filter { $0["in_total"] as? Bool == true }.compactMap { $0["name"] as? String })
        guard shape.isWhole else {
            // What is left of the counters is not the node; the model stands in and says so.
            #expect(document["energy_grade"] as? String == "modelled" && inTotal == ["host"])
            return
        }
        let truth = shape.counted.values.reduce(0, +) * seconds
        #expect(abs(total / truth - 1) <= 0.005, "\(total) J instead of \(truth) J")
        #expect(document["energy_grade"] as? String == "counter")
        #expect(inTotal == Set(shape.counted.keys))
        let peak = try #require(document["peak_power_watts"] as? Double)
        #expect(abs(peak * seconds / truth - 1) < 0.25, "peak \(peak) W")
    }
}
