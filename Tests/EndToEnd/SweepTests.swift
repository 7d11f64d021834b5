import Foundation
import Testing

/// Sweeps of a fixture tree whose limits can be written, below the real libpowercap.
@Suite struct SweepTests {
    private static let peak = ["--workload", "peak", "--seconds", "0.3", "--no-save", "--quiet"]
    private static let limits = "/sys/class/powercap/*/*/constraint_0_power_limit_uw"

    private static let namespaces = ConditionTrait.enabled(
        if: MeteringTests.namespaces, "mount namespaces are barred here")

    /// Runs a shell script in a namespace with two packages, of 200 W and 190 W; `$N` is nodewatt, `limits` prints them.
    private func inTree(_ script: String, _ options: [String] = [], state: String = Scratch.folder()) throws -> Finished
    {
        let wrapper = Program.tests.appendingPathComponent("Fixtures/with_rapl_tree.sh").path
        let tree = ["--packages", "2", "--limit-step", "10", "--window-us", "1000"]
        let prelude = """
            export NODEWATT_STATE='\(state)' HOME='\(state)' N='\(Program.path)'
            limits() { for f in \(Self.limits); do tr '\\0' '\\n' < $f | head -1; done | tr '\\n' ' '; echo; }
            value() { python3 -c "import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))" "$@"; }

            """
        return try Program.run(
            program: "/bin/bash", [wrapper] + tree + options + ["--", "/bin/bash", "-c", prelude + script])
    }

    @Test(namespaces) func aSweepOfCapsSetsMeasuresAndRestores() throws {
        let finished = try inTree(
            "$N sweep --power-cap 90,120,max --format json --workload peak --seconds 1 --no-save > $HOME/d; echo $?; limits; ls $HOME; cat $HOME/d",
            ["--watts", "360", "--follow-limit"])
        let lines = finished.output.split(separator: "\n", maxSplits: 4, omittingEmptySubsequences: false).map(
            String.init)
        #expect(lines[0] == "0" && lines[1] == "200000000 190000000 ", "\(finished.error)")
        #expect(!finished.output.contains("restore.json"))
        let text = finished.output.drop { $0 != "{" }
        let document = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(document["schema"] as? String == "nodewatt.sweep/1" && document["restored"] as? Bool == true)
        let order = try #require(document["order"] as? [Int])
        #expect(order.first == 0 && order.last == 0 && Set(order) == [0, 1, 2])
        let sweep = try #require(document["operating_points"] as? [String: Any])
        let points = try #require(sweep["points"] as? [[String: Any]])
        for (number, caps) in [(0, (190.0, 350.0)), (1, (120.0, 240.0)), (2, (90.0, 180.0))] {
            let inForce = try #require(points[number]["in_force"] as? [String: Any])
            #expect(inForce["power_cap_watts"] as? Double == caps.0)
            // Both packages draw what their caps let them, so the meters show that the caps were set.
            let power = try #require((points[number]["power_watts"] as? [String: Any])?["value"] as? Double)
            #expect(abs(power / caps.1 - 1) < 0.1, "\(power) W at point \(number)")
            #expect(
                points[number]["energy_grade"] as? String == "counter" && points[number]["verified"] as? Bool == true)
        }
        #expect((sweep["pareto_front"] as? [Int])?.isEmpty == false)
        #expect(sweep["most_efficient"] as? Int != nil && sweep["drift"] as? Double != nil)
    }

    @Test(namespaces) func killsAtRandomMomentsLeaveNothingChanged() throws {
        let script = Program.tests.appendingPathComponent("Fixtures/kill_sweep.py").path
        let wrapper = Program.tests.appendingPathComponent("Fixtures/with_rapl_tree.sh").path
        let cpufreq = FileManager.default.fileExists(atPath: "/sys/devices/system/cpu/cpufreq") ? ["--cpufreq"] : []
        let finished = try Program.run(
            program: "/bin/bash",
            [wrapper, "--packages", "2", "--limit-step", "10", "--window-us", "1000"] + cpufreq + [
                "--", "python3", script, Program.path, Scratch.folder(), "--kills", "10", "--least-hits", "2",
            ])
        #expect(finished.status == 0, "\(finished.output) \(finished.error)")
        print(finished.output)
    }

    @Test(namespaces, arguments: ["INT", "TERM", "HUP", "QUIT", "USR1"])
    func signalsRestoreAndEndWith130(signal: String) throws {
        let finished = try inTree(
            """
            $N sweep --power-cap 90 --workload peak --seconds 4 --no-save --quiet > $HOME/out & p=$!
            for i in $(seq 200); do limits | grep -qw 200000000 || break; sleep 0.1; done
            [ -e $HOME/restore.json ] || kill -\(signal) $p
            # The setting as found is measured first: wait for the journal of the one after it.
            for i in $(seq 400); do limits | grep -qw 90000000 && break; sleep 0.1; done
            # A key held down, or a service that is stopped, sends several.
            limits; for i in 1 2 3 4; do kill -\(signal) $p 2>/dev/null; sleep 0.1; done; wait $p; echo $?; limits; ls $HOME; cat $HOME/out
            """)
        let lines = finished.output.split(separator: "\n").map(String.init)
        #expect(lines[0] == "90000000 90000000 " && lines[1] == "130", "\(finished.output) \(finished.error)")
        #expect(lines[2] == "200000000 190000000 " && !lines.contains("restore.json"), "\(finished.output)")
        #expect(finished.output.contains("Interrupted") && finished.output.contains("as found"))
    }

    @Test(namespaces) func aSecondSweepIsRefusedAndARunSaysThatOneIsOn() throws {
        let finished = try inTree(
            """
            $N sweep --power-cap 90 --workload peak --seconds 3 --no-save --quiet > /dev/null & p=$!
            for i in $(seq 200); do [ -e $HOME/restore.json ] && break; sleep 0.1; done
            $N sweep --threads 1 --no-save; echo $?
            NODEWATT_STATE=$HOME/other $N sweep --power-cap 100 --workload peak --no-save; echo $?
            $N run --suite nonsense; $N run --threads 99999 --no-save; $N carbon --joules-per-token 1 >/dev/null
            [ -e $HOME/restore.json ] && echo still; wait $p; echo $?; limits
            """)
        let lines = finished.output.split(separator: "\n").map(String.init)
        #expect(lines == ["2", "2", "still", "0", "200000000 190000000 "], "\(finished.output) \(finished.error)")
        #expect(finished.error.contains("another sweep is running") && finished.error.contains("a sweep is running"))
        #expect(finished.error.contains("another sweep is changing it"), "\(finished.error)")
    }

    /// What a kill leaves, made by hand: the journal of this boot or of another.
    private func journal(_ present: Int, boot: String?, host: String? = nil, original: Int = 200_000_000) -> String {
        """
        $N sweep --power-cap \(present / 1_000_000) --workload peak --seconds 4 --no-save --quiet >/dev/null & p=$!
        for i in $(seq 200); do limits | grep -qw \(present) && break; sleep 0.1; done
        kill -9 $p; wait $p 2>/dev/null
        \(boot.map { """
            python3 - $HOME/restore.json <<'EOF'
            import json, sys
            d = json.load(open(sys.argv[1])); d['boot_id'] = '\($0)'; d['checksum'] = ''
            d['host'] = '\(host ?? "")' or d['host']
            for e in d['entries']: e['original'] = \(original) if e['label'] == 'package-0' else e['original']
            text = json.dumps(d, separators=(',', ':'), sort_keys=True)
            h = 0xCBF29CE484222325
            for b in text.encode(): h = ((h ^ b) * 0x100000001B3) % 2**64
            d['checksum'] = '%016x' % h
            json.dump(d, open(sys.argv[1], 'w'))
            EOF
            """ } ?? "")
        """
    }

    @Test(namespaces) func afterARebootOnlyTheSweepsOwnValuesArePutBack() throws {
        let ours = try inTree(
            journal(90_000_000, boot: "another") + "\n$N carbon --joules-per-token 1 >/dev/null; limits; ls $HOME")
        #expect(ours.output.hasPrefix("200000000 190000000 ") && !ours.output.contains("restore.json"), "\(ours)")
        let others = try inTree(
            journal(90_000_000, boot: "another")
                + "\nfor f in \(Self.limits); do echo 150000000 > $f; done; $N carbon --joules-per-token 1 >/dev/null; limits; ls $HOME"
        )
        #expect(others.output.hasPrefix("150000000 150000000 ") && !others.output.contains("restore.json"), "\(others)")
        #expect(others.error.contains("left at 150.0 W"), "\(others.error)")
    }

    @Test(namespaces) func anotherNodesJournalStaysForIt() throws {
        let finished = try inTree(
            journal(90_000_000, boot: "another", host: "elsewhere")
                + "\n$N carbon --joules-per-token 1 >/dev/null; echo $?; limits; ls $HOME")
        #expect(finished.output.hasPrefix("0\n90000000 90000000 \n"), "\(finished)")
        #expect(
            finished.output.contains("restore.json") && finished.error.contains("changed on elsewhere"), "\(finished)")
    }

    @Test(namespaces) func aJournalOfAbsurdValuesSetsNothing() throws {
        let finished = try inTree(
            journal(90_000_000, boot: "another", original: 4_000_000_000_000)
                + "\n$N carbon --joules-per-token 1 >/dev/null; echo $?; limits")
        #expect(finished.output == "0\n90000000 190000000 \n", "\(finished)")
        #expect(finished.error.contains("cannot have been"), "\(finished.error)")
    }

    @Test(namespaces, arguments: ["", "{", "[[[[", #"{"schema": "nodewatt.restore/1", "entries": 5}"#])
    func aDamagedJournalIsMovedAsideAndTheStartGoesOn(text: String) throws {
        let finished = try inTree(
            "printf '%s' '\(text)' > $HOME/restore.json; $N carbon --joules-per-token 1 >/dev/null; echo $?; limits; ls $HOME"
        )
        #expect(finished.output.hasPrefix("0\n200000000 190000000 \n"), "\(finished)")
        #expect(finished.output.contains("restore.json.damaged-") && finished.error.contains("restore.json"))
    }

    @Test(namespaces) func aStartWithoutPermissionWarnsAndGoesOn() throws {
        let finished = try inTree(
            journal(90_000_000, boot: nil)
                + """

                chmod a-w \(Self.limits)
                setpriv --bounding-set=-all --inh-caps=-all $N carbon --joules-per-token 1 >/dev/null; echo $?; limits
                setpriv --bounding-set=-all --inh-caps=-all $N sweep --power-cap 100 --no-save 2>/dev/null; echo $?
                $N sweep --restore; echo $?; limits; $N sweep --restore
                """)
        let lines = finished.output.split(separator: "\n").map(String.init)
        #expect(lines[0] == "0" && lines[1] == "90000000 90000000 " && lines[2] == "2", "\(finished)")
        #expect(finished.error.contains("sudo env NODEWATT_STATE=") && finished.error.contains("sweep --restore"))
        #expect(lines.contains("200000000 190000000 ") && lines.last == "Nothing to put back.", "\(finished)")
    }

    @Test(namespaces) func aLimitThatMayNotBeWrittenIsNamedAndNothingIsChanged() throws {
        let finished = try inTree(
            "$N sweep --power-cap 100 --no-save; echo $?; limits; ls $HOME",
            ["--unprivileged", "--read-only-limit", "1"])
        #expect(finished.output.hasPrefix("2\n200000000 190000000 "), "\(finished)")
        #expect(finished.error.contains("intel-rapl:1/constraint_0_power_limit_uw") && finished.error.contains("sudo"))
    }

    /// The hardware keeps to the lower of the two limits: what is in force is that, and no cap above it makes sense.
    @Test(namespaces) func twinsOfAPackageAreHeldAgainstEachOther() throws {
        let options = ["--mmio", "--mmio-limit", "120"]
        let above = try inTree("$N sweep --power-cap 150 --no-save; echo $?; limits", options)
        #expect(above.output.hasPrefix("64\n") && above.error.contains("120.0 W"), "\(above)")
        let below = try inTree(
            "$N sweep --power-cap 100 --workload peak --seconds 0.2 --no-save --format json > $HOME/d; limits; value $HOME/d \"[p['in_force']['power_cap_watts'] for p in d['operating_points']['points']]\"",
            options)
        #expect(below.output == "120000000 120000000 200000000 190000000 \n[120, 100]\n", "\(below)")
    }

    @Test func aModelledMeterNamesNoMostEfficientPoint() throws {
        let finished = try Program.run(
            ["sweep", "--threads", "1,2", "--format", "json", "--idle-watts", "10", "--max-watts", "50"] + Self.peak,
            environment: ["NODEWATT_STATE": Scratch.folder()])
        #expect(finished.status == 0, "\(finished.error)")
        let sweep = try #require(try finished.document()["operating_points"] as? [String: Any])
        let points = try #require(sweep["points"] as? [[String: Any]])
        guard points.allSatisfy({ $0["energy_grade"] as? String == "modelled" }) else { return }
        #expect(sweep["most_efficient"] is NSNull && sweep["knee"] is NSNull && (sweep["pareto_front"] as? [Int]) == [])
        #expect((sweep["notes"] as? [String])?.first?.contains("modelled") == true)
    }

    @Test func theLoadRampHoldsItsLevels() throws {
        let finished = try Program.run(
            ["sweep", "--load", "--seconds", "1", "--no-save", "--quiet", "--format", "json"],
            environment: ["NODEWATT_STATE": Scratch.folder()])
        #expect(finished.status == 0, "\(finished.error)")
        let curve = try #require(try finished.document()["load_curve"] as? [String: Any])
        let levels = try #require(curve["levels"] as? [[String: Any]])
        #expect(
            levels.compactMap { $0["target_fraction"] as? Double }.map { ($0 * 10).rounded() }
                == (0...10).reversed().map(Double.init))
        let values = levels.compactMap { $0["work_per_second"] as? [String: Any] }
        let speeds = values.compactMap { $0["value"] as? Double }
        #expect(speeds.count == 11 && speeds.last == 0 && speeds.dropLast().allSatisfy { $0 > 0 })
        #expect(zip(values, speeds).dropLast().allSatisfy { $0["ci95_low"] as? Double ?? .infinity <= $1 })
        #expect(levels.last?["duty_fraction"] as? Double == 0)
        #expect(curve["verified"] as? Bool == true)
        if curve["energy_grade"] as? String == "modelled" {
            #expect((curve["notes"] as? [String])?.contains { $0.contains("repeats the model") } == true)
        }
    }

    @Test(arguments: [
        "sweep --threads 0", "sweep --threads 1,x", "sweep --threads 99999", "sweep --power-cap 100W,abc",
        "sweep --seconds 0", "sweep --repeats 0", "sweep --shape 0x1", "sweep --load --threads 1",
        "sweep --load --workload llm", "sweep --device opencl:99:0", "sweep --smt --threads 1", "sweep --gpu-power 100",
    ])
    func wrongUsageIsStatus64(line: String) throws {
        let finished = try Program.run(
            line.split(separator: " ").map(String.init) + ["--no-save"],
            environment: ["NODEWATT_STATE": Scratch.folder()])
        #expect(finished.status == 64 && !finished.error.isEmpty && finished.output.isEmpty, "\(finished)")
    }

    /// Two cards of a library that keeps their limit in a file.
    @Test func gpuLimitsArePutBackAfterAKill() throws {
        let folder = Scratch.folder()
        let script = """
            limit() { cat \(folder)/limit 2>/dev/null | tr -dc 0-9; echo; }
            N='\(Program.path)'
            $N sweep --gpu-power 450 --workload peak --seconds 0.3 --no-save --quiet --format json > \(folder)/d; echo $?; limit
            $N sweep --gpu-power 450 --workload peak --seconds 2 --no-save --quiet > /dev/null & p=$!
            for i in $(seq 200); do limit | grep -qw 450000 && break; sleep 0.1; done
            kill -9 $p; wait $p 2>/dev/null; limit; $N carbon --joules-per-token 1 > /dev/null; limit; ls \(folder)
            # Without the process that drives the cards, another one has to put their limits back.
            $N sweep --gpu-power 450 --workload peak --seconds 5 --no-save --quiet > /dev/null & p=$!
            for i in $(seq 200); do limit | grep -qw 450000 && break; sleep 0.1; done
            pkill -TERM -P $p; sleep 0.2; pkill -KILL -P $p; kill -TERM $p; wait $p; echo ended $?; limit
            """
        let running = try Program.Running(
            "/bin/bash", ["-c", script],
            environment: [
                "NODEWATT_NVML": FakeLibrary.nvml, "FAKE_NVML": "works", "FAKE_NVML_STATE": folder + "/limit",
                "NODEWATT_STATE": folder,
            ])
        let finished = running.wait()
        let lines = finished.output.split(separator: "\n").map(String.init)
        #expect(lines.prefix(4) == ["0", "700000", "450000", "700000"], "\(finished)")
        #expect(!lines.contains("restore.json") && finished.error.contains("put back"), "\(finished)")
        #expect(lines.suffix(2) == ["ended 130", "700000"], "\(finished)")
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/d"))
        let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let points = (document["operating_points"] as? [String: Any])?["points"] as? [[String: Any]]
        let inForce = points?.compactMap { ($0["in_force"] as? [String: Any])?["gpu_power_watts"] as? Double }
        #expect(inForce == [700, 450])
    }
}
