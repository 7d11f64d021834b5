import Foundation
import Testing

/// One real quick run on this machine, looked at from all sides.
@Suite struct RunTests {
    struct Run: Sendable {
        var finished: Finished
        var directory: String

        /// The session record.
        var document: [String: Any] { (try? finished.document()) ?? [:] }

        var trials: [[String: Any]] { document["trials"] as? [[String: Any]] ?? [] }
    }

    /// The run all tests share; it takes most of a minute.
    static let shared: Result<Run, any Error> = Result {
        let directory = Scratch.folder()
        let finished = try Program.run(
            [
                "run", "--suite", "quick", "--format", "json", "--results", directory, "--output",
                directory + "/session.json",
            ])
        return Run(finished: finished, directory: directory)
    }

    @Test func itSucceedsAndPrintsOneDocument() throws {
        let run = try Self.shared.get()
        #expect(run.finished.status == 0, "\(run.finished.error)")
        #expect(run.finished.error.isEmpty, "\(run.finished.error)")
        #expect(run.document["schema"] as? String == "nodewatt.session/1")
        #expect(run.document["is_this_system"] as? Bool == true)
    }

    @Test func everyPromisedKeyIsThere() throws {
        let run = try Self.shared.get()
        for key in [
            "session_id", "started_at", "nodewatt_version", "is_this_system", "node", "site", "topology", "devices",
            "meters", "trials",
        ] { #expect(run.document.keys.contains(key), "\(key)") }
        let keys = """
            workload device precision shape status reason samples_seconds median_seconds ci95_low_seconds \
            ci95_high_seconds flops bytes flops_per_second bytes_per_second latency_seconds fraction_of_peak verified \
            energy_joules energy_net_joules power_watts energy_grade energy_sources flops_per_watt model \
            quantization phase batch context_tokens tokens_per_second joules_per_token grams_co2e_per_million_tokens \
            grams_co2e_per_million_tokens_market cost_per_million_tokens currency
            """.split(separator: " ").map(String.init)
        for trial in run.trials { for key in keys { #expect(trial.keys.contains(key), "\(key)") } }
    }

    @Test func everyWorkloadIsMeasuredAndVerifiedOnTheCPU() throws {
        let run = try Self.shared.get()
        for workload in ["peak", "bandwidth", "gemm", "llm"] {
            let trial = try #require(
                run.trials.last { $0["device"] as? String == "cpu" && $0["workload"] as? String == workload })
            #expect(trial["status"] as? String == "measured", "\(trial["reason"] ?? "")")
            #expect(trial["verified"] as? Bool == true)
            #expect((trial["samples_seconds"] as? [Double] ?? []).count >= 7)
        }
    }

    @Test func figuresFollowFromEachOther() throws {
        for trial in try Self.shared.get().trials where trial["status"] as? String == "measured" {
            let median = try #require(trial["median_seconds"] as? Double)
            let low = try #require(trial["ci95_low_seconds"] as? Double)
            let high = try #require(trial["ci95_high_seconds"] as? Double)
            #expect(low <= median && median <= high)
            if let flops = trial["flops"] as? Double, let rate = trial["flops_per_second"] as? Double {
                #expect(abs(rate * median / flops - 1) < 1e-9)
            }
            if let fraction = trial["fraction_of_peak"] as? Double {
                let disturbances = trial["disturbances"] as? [String] ?? []
                #expect(fraction > 0 && (fraction > 1) == disturbances.contains { $0.contains("ceiling") })
            }
            guard let joules = trial["energy_joules"] as? Double else { continue }
            #expect(joules > 0 && ["counter", "modelled", "wall"].contains(trial["energy_grade"] as? String ?? ""))
        }
    }

    /// A machine without counters says `modelled`; one with counters must say `counter`.
    @Test func gradesAreTruthful() throws {
        let hasCounters = FileManager.default.fileExists(atPath: "/sys/class/powercap/intel-rapl:0/energy_uj")
        for trial in try Self.shared.get().trials where trial["status"] as? String == "measured" {
            #expect(trial["energy_grade"] as? String == (hasCounters ? "counter" : "modelled"))
        }
    }

    @Test func tokensHaveEnergyAndCarbon() throws {
        let trials = try Self.shared.get().trials
            .filter { $0["workload"] as? String == "llm" && $0["device"] as? String == "cpu" }
        #expect(trials.map { $0["phase"] as? String } == ["prefill", "decode"])
        for (trial, key) in zip(trials, ["time_to_first_token_seconds", "time_per_output_token_seconds"]) {
            let times = try #require(trial[key] as? [String: Any])
            let (p50, p99) = (try #require(times["p50"] as? Double), try #require(times["p99"] as? Double))
            #expect(p50 > 0 && p99 >= p50)
        }
        let trial = try #require(trials.last)
        let joules = try #require(trial["joules_per_token"] as? Double)
        let grams = try #require(trial["grams_co2e_per_million_tokens"] as? Double)
        let site = try #require(try Self.shared.get().document["site"] as? [String: Any])
        let factor = try #require((site["factor"] as? [String: Any])?["value"] as? [String: Any])
        let intensity = try #require(factor["grams_per_kwh"] as? Double)
        #expect(abs(grams / (joules / 3.6 * intensity) - 1) < 1e-9)
        #expect(trial["context_tokens"] as? Int == 128 && trial["batch"] as? Int == 1)
    }

    @Test func historyAndProfileAreOnDisk() throws {
        let run = try Self.shared.get()
        let list = try Program.run(["track", "list", "--results", run.directory, "--format", "json"]).document()
        let sessions = try #require(list["sessions"] as? [[String: Any]])
        #expect(
            sessions.count == 1 && sessions.first?["session_id"] as? String == run.document["session_id"] as? String)
        let shown = try Program.run(["track", "show", "--results", run.directory, "--format", "json"]).document()
        #expect((shown["trials"] as? [Any])?.count == run.trials.count)
        let nodes = try FileManager.default.contentsOfDirectory(atPath: run.directory + "/nodes")
        #expect(nodes.count == 1)
        let text = try Program.run(["profile", "show", run.directory + "/nodes/" + nodes[0]])
        #expect(text.status == 0 && text.output.contains("gemm"))
    }

    @Test func sessionAndProfileFollowTheirSchemas() throws {
        let run = try Self.shared.get()
        let profile = try Program.run([
            "profile", "write", "--results", run.directory, "--to", run.directory + "/p.json",
        ])
        #expect(profile.status == 0, "\(profile.error)")
        let schemas = Program.tests.deletingLastPathComponent().appendingPathComponent("Profiles/schema").path
        let code = """
            import json, sys, jsonschema
            for schema, file in zip(sys.argv[1::2], sys.argv[2::2]):
                jsonschema.Draft202012Validator(json.load(open(schema))).validate(json.load(open(file)))
            """
        let checked = try Program.run(
            program: "/usr/bin/python3",
            [
                "-c", code, schemas + "/session.schema.json", run.directory + "/session.json",
                schemas + "/node-profile.schema.json", run.directory + "/p.json",
            ])
        #expect(checked.status == 0, "\(checked.error)")
    }
}
