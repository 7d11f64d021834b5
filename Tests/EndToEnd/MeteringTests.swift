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
    @Test(
        .enabled(if: namespaces, "mount namespaces are barred here"), arguments: [[], ["--wrap-after-joules", "100"]])
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
        #expect(domains.contains { $0["source"] as? String == "libpowercap" && $0["in_total"] as? Bool == true })
    }

    @Test(.enabled(if: namespaces, "mount namespaces are barred here"))
    func awkwardHostsAreReadAsTheyAre() throws {
        let finished = try Program.withRAPL(
            ["--watts", "120", "--dram-watts", "20", "--psys", "psys-1", "--peak-power"],
            ["meter", "--format", "json", "--", "sleep", "2"])
        let document = try finished.document()
        let seconds = try #require(document["duration_seconds"] as? Double)
        let joules = try #require(document["energy_joules"] as? Double)
        // Package and DRAM make the total; psys and core are shown beside it.
        #expect(abs(joules / (140 * seconds) - 1) < 0.02, "\(joules) J in \(seconds) s")
        let domains = try #require(document["domains"] as? [[String: Any]])
        let counted = domains.filter { $0["in_total"] as? Bool == true }.compactMap { $0["name"] as? String }
        #expect(Set(counted) == ["package-0", "package-0/dram"])
        #expect(domains.contains { $0["name"] as? String == "psys-1" })
    }

    @Test(.enabled(if: namespaces, "mount namespaces are barred here"))
    func aStandingCounterGivesNoEnergyAndTheModelSaysItIsOne() throws {
        let finished = try Program.withRAPL(
            ["--watts", "120", "--standing", "package-0"], ["meter", "--format", "json", "--", "sleep", "2"])
        let document = try finished.document()
        #expect(document["energy_grade"] as? String == "modelled")
        let domains = try #require(document["domains"] as? [[String: Any]])
        let package = try #require(domains.first { $0["name"] as? String == "package-0" })
        #expect(package["energy_joules"] is NSNull)
        #expect((package["problem"] as? String)?.contains("advance") == true)
    }

    @Test(.enabled(if: namespaces, "mount namespaces are barred here"))
    func unreadableCountersAreNamed() throws {
        let finished = try Program.withRAPL(
            ["--unprivileged", "--deny", "all"], ["meters", "--format", "json"])
        let document = try finished.document()
        let absent = document["unavailable"] as? [[String: Any]] ?? []
        let note = try #require(absent.first { ($0["subject"] as? String ?? "").contains("intel-rapl:0") })
        #expect((note["reason"] as? String)?.contains("Permission denied") == true)
        #expect((note["remedies"] as? [[String: Any]])?.count == 2)
        let grades = (document["meters"] as? [[String: Any]])?.compactMap { $0["grade"] as? String }
        #expect(grades == ["modelled"])
    }

    /// The commands are run as they are printed, less sudo, in the namespace of the tree.
    @Test(.enabled(if: namespaces, "mount namespaces are barred here"))
    func whatDoctorPrintsEnablesTheCounters() throws {
        let folder = Scratch.folder()
        let ordinary = "setpriv --bounding-set=-all --inh-caps=-all \(Program.path)"
        let script = """
            \(ordinary) doctor > \(folder)/doctor.txt
            sed -n 's/^ *sudo \\(chmod .*\\)/\\1/p' \(folder)/doctor.txt > \(folder)/mend.sh
            bash -e \(folder)/mend.sh && exec \(ordinary) meters --format json
            """
        let fixture = Program.tests.appendingPathComponent("Fixtures/with_rapl_tree.sh").path
        let finished = try Program.run(
            program: "/bin/bash", [fixture, "--deny", "all", "--packages", "2", "--", "/bin/bash", "-c", script])
        let document = try finished.document()
        let ids = (document["meters"] as? [[String: Any]])?.compactMap { $0["id"] as? String } ?? []
        #expect(ids.contains("rapl:intel-rapl:0") && ids.contains("rapl:intel-rapl:1"), "\(finished.error)")
        let doctor = try String(contentsOfFile: folder + "/doctor.txt", encoding: .utf8)
        let rule = try #require(doctor.split(separator: "\n").first { $0.contains("60-nodewatt.rules") })
        let words = rule.split(separator: " ").map(String.init)
        #expect(words.contains { $0.hasSuffix("60-nodewatt.rules") && FileManager.default.fileExists(atPath: $0) })
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
        let zone = Scratch.folder() + "/class/powercap/intel-rapl:0"
        try FileManager.default.createDirectory(atPath: zone, withIntermediateDirectories: true)
        for (file, text) in [("name", "package-0"), ("energy_uj", "12345"), ("max_energy_range_uj", "262143328850")] {
            try (text + "\n").write(toFile: zone + "/" + file, atomically: true, encoding: .utf8)
        }
        let root = URL(fileURLWithPath: zone + "/../../..").standardized.path
        let finished = try Program.run(["meters", "--sysfs", root, "--format", "json"])
        #expect(finished.status == 0, "\(finished.error)")
        let document = try finished.document()
        #expect(document["is_this_system"] as? Bool == false)
        let meters = try #require(document["meters"] as? [[String: Any]])
        #expect((meters.first?["domain"] as? [String: Any])?["name"] as? String == "package-0")
    }
}
