import Foundation
import Testing

/// The real libpowercap, below a fixture tree whose counters run at a known power.
@Suite struct MeteringTests {
    static let namespaces: Bool = {
        let finished = try? Program.run(program: "/usr/bin/unshare", ["--mount", "true"])
        let user = try? Program.run(program: "/usr/bin/unshare", ["--user", "--map-root-user", "--mount", "true"])
        return finished?.status == 0 || user?.status == 0
    }()

    /// 262,144 J is the range of a 2⁻¹⁴ J counter; starting 100 J before it wraps within a second at 120 W.
    @Test(.enabled(if: namespaces, "mount namespaces are barred here"), arguments: [[], ["--wrap-after", "100"]])
    func countersAreReportedWithinOnePercent(options: [String]) throws {
        let finished = try Program.withRAPL(
            ["--watts", "120"] + options, ["meter", "--format", "json", "--", "sleep", "3"])
        #expect(finished.status == 0, "\(finished.error)")
        let document = try finished.document()
        let seconds = try #require(document["duration_seconds"] as? Double)
        let joules = try #require(document["energy_joules"] as? Double)
        #expect(seconds >= 3 && seconds < 4)
        #expect(abs(joules / (120 * seconds) - 1) < 0.01, "\(joules) J in \(seconds) s")
        #expect(document["energy_grade"] as? String == "counter")
        let domains = try #require(document["domains"] as? [[String: Any]])
        #expect(
            domains.contains {
                $0["source"] as? String == "libpowercap" || ($0["source"] as? String)?.contains("rapl") == true
            })
    }

    @Test func theCommandsStatusIsPassedThrough() throws {
        #expect(try Program.run(["meter", "--", "sh", "-c", "exit 7"]).status == 7)
        #expect(try Program.run(["meter", "--", "sh", "-c", "kill -9 $$"]).status == 137)
        let missing = try Program.run(["meter", "--", "/nonexistent/program"])
        #expect(missing.status == 2 && missing.error.contains("/nonexistent/program"))
    }

    @Test func theDocumentHoldsThePromisedKeys() throws {
        let document = try Program.run(["meter", "--format", "json", "--", "sh", "-c", "echo noise"]).document()
        for key in [
            "duration_seconds", "energy_joules", "energy_grade", "power_watts", "grams_co2e", "domains", "exit_status",
        ] {
            #expect(document[key] != nil, "\(key)")
        }
    }

    @Test func aCapturedTreeIsReadAndMarked() throws {
        let finished = try Program.run(["meters", "--sysfs", "/nonexistent", "--format", "json"])
        #expect(finished.status == 65 || finished.status == 2, "\(finished.error)")
    }
}
