import Foundation
import Testing

/// `nodewatt meter` as a wrapper of any command.
@Suite struct MeterCommandTests {
    @Test(
        "the command's status is passed through",
        arguments: [
            ("exit 7", 7), ("kill -9 $$", 137), ("kill -SEGV $$", 139), ("exit 0", 0), ("exit 255", 255),
            // Broken pipes are ignored here, and must not be in the command.
            ("bash -c 'yes | head -n1 >/dev/null; exit ${PIPESTATUS[0]}'", 141),
        ] as [(String, Int32)])
    func status(_ script: String, _ status: Int32) throws {
        #expect(try Program.run(["meter", "--", "sh", "-c", script]).status == status)
    }

    @Test("a command that does not exist, or is none, ends as in a shell") func notStarted() throws {
        let folder = Scratch.folder()
        let data = folder + "/data"
        try "text".write(toFile: data, atomically: true, encoding: .utf8)
        let missing = try Program.run(["meter", "--trace", folder + "/t.csv", "--", "/nonexistent/program"])
        #expect(missing.status == 127 && missing.error.contains("cannot run /nonexistent/program: No such file"))
        #expect(try Program.run(["meter", "--", "no-such-command-anywhere"]).status == 127)
        #expect(try Program.run(["meter", "--", ""]).status == 127)
        #expect(try Program.run(["meter", "--", data]).status == 126)
        #expect(try Program.run(["meter", "--", folder]).status == 126)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["data"])
        // Without an interpreter in its first line it is the shell's.
        let script = folder + "/script"
        try "exit $1".write(toFile: script, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        #expect(try Program.run(["meter", "--", script, "9"]).status == 9)
    }

    /// Sends a signal to nodewatt once its command has made a file.
    func signalled(_ signal: Int32, _ script: String) throws -> Finished {
        let ready = Scratch.folder() + "/ready"
        let running = try Program.Running(
            Program.path,
            ["meter", "--format", "json", "--", "sh", "-c", "\(script)touch \(ready); while :; do sleep 0.1; done"])
        for _ in 0..<1000 where !FileManager.default.fileExists(atPath: ready) { usleep(10_000) }
        kill(running.process.processIdentifier, signal)
        return running.wait()
    }

    @Test("signals reach the command, and its energy is still told", arguments: [SIGTERM, SIGINT, SIGHUP, SIGUSR1])
    func signals(_ number: Int32) throws {
        let finished = try signalled(number, "trap 'exit 42' TERM INT HUP USR1; ")
        #expect(finished.status == 42)
        let document = try finished.document()
        #expect(document["exit_status"] as? Int == 42 && (document["duration_seconds"] as? Double ?? 99) < 20)
        #expect(try signalled(number, "").status == 128 + number)
    }

    @Test("what was ignored at the start stays ignored in the command") func ignored() throws {
        let script = "trap '' HUP; exec \"$0\" meter -- sh -c 'kill -HUP $$; exit 5'"
        #expect(try Program.run(program: "/bin/sh", ["-c", script, Program.path]).status == 5)
    }

    @Test("a parent that ignores ends of children does not make it wait for ever") func ignoredEnds() throws {
        let script =
            "import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
            + "os.execv('\(Program.path)', ['nodewatt', 'meter', '--', 'sh', '-c', 'exit 6'])"
        let finished = try Program.run(program: "/usr/bin/timeout", ["-s", "KILL", "20", "python3", "-c", script])
        #expect(finished.status == 6)
    }

    @Test("a signal before the command's start ends it, and the command is not run") func early() throws {
        let mark = Scratch.folder() + "/mark"
        let running = try Program.Running(Program.path, ["meter", "--idle-seconds", "20", "--", "touch", mark])
        // Blocked signals wait until they are looked at, so the moment does not matter once the program has begun.
        usleep(500_000)
        kill(running.process.processIdentifier, SIGINT)
        #expect(running.wait().status == 130)
        #expect(!FileManager.default.fileExists(atPath: mark))
    }

    @Test("what is there and does not work is said") func notMetered() throws {
        let library = Scratch.folder() + "/libnvidia-ml.so.1"
        try "no library".write(toFile: library, atomically: true, encoding: .utf8)
        let running = try Program.Running(
            Program.path, ["meter", "--", "true"], environment: ["NODEWATT_NVML": library])
        let finished = running.wait()
        #expect(finished.status == 0 && finished.error.contains("Not metered: nvml"), "\(finished.error)")
    }

    @Test("a trace that cannot be written is said before the command runs") func unwritableTrace() throws {
        let mark = Scratch.folder() + "/mark"
        let finished = try Program.run(["meter", "--trace", "/nonexistent/power.csv", "--", "touch", mark])
        #expect(finished.status == 2 && finished.error.contains("/nonexistent/power.csv"))
        #expect(!FileManager.default.fileExists(atPath: mark))
    }

    @Test("a disk that is full costs the trace, and neither the command nor its energy") func fullDisk() throws {
        let finished = try Program.run(
            ["meter", "--trace", "/dev/full", "--format", "json", "--", "sh", "-c", "sleep 1.3; exit 3"])
        #expect(finished.error.contains("No space left on device"))
        #expect(finished.status == 2 || finished.status == 3)
    }

    @Test(
        "the trace shows the power", .enabled(if: MeteringTests.namespaces, "mount namespaces are barred here"),
        arguments: ["csv", "json"])
    func trace(_ format: String) throws {
        let file = Scratch.folder() + "/power." + format
        let finished = try Program.withRAPL(
            ["--watts", "120", "--dram-watts", "30"],
            ["meter", "--trace", file, "--rate", "20", "--format", "json", "--", "sleep", "3"])
        #expect(finished.status == 0, "\(finished.error)")
        let (columns, rows) = try format == "csv" ? Self.csv(file) : Self.json(file)
        #expect(columns.prefix(3) == ["elapsed_seconds", "total_watts", "package-0_watts"])
        #expect(columns.count == rows[0].count && (40...61).contains(rows.count), "\(rows.count) rows")
        let totals = rows.compactMap { $0[1] }
        let mean = totals.reduce(0, +) / Double(totals.count)
        #expect(totals.count >= rows.count - 2 && abs(mean / 150 - 1) < 0.03, "mean \(mean) W")
        let instants = rows.compactMap { $0[0] }
        #expect(zip(instants, instants.dropFirst()).allSatisfy { $0 < $1 })
        let peak = try #require(finished.document()["peak_power_watts"] as? Double)
        #expect(peak >= mean && peak < 1.5 * mean)
    }

    private static func csv(_ file: String) throws -> ([String], [[Double?]]) {
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        let cells = lines.map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        return (cells[0], cells.dropFirst().map { $0.map { Double($0) } })
    }

    private static func json(_ file: String) throws -> ([String], [[Double?]]) {
        let data = try #require(FileManager.default.contents(atPath: file))
        let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let rows = try #require(document["rows"] as? [[Any]])
        return (try #require(document["columns"] as? [String]), rows.map { $0.map { $0 as? Double } })
    }

    @Test("a trace of a command killed with its wrapper is there but for its last second") func killed() throws {
        let folder = Scratch.folder()
        let running = try Program.Running(
            Program.path, ["meter", "--trace", folder + "/t.csv", "--rate", "100", "--", "sleep", "30.4711"])
        let partial = folder + "/t.csv.partial"
        for _ in 0..<500 {
            let size = (try? FileManager.default.attributesOfItem(atPath: partial)[.size] as? Int) ?? 0
            if size > 1000 { break }
            usleep(20_000)
        }
        kill(running.process.processIdentifier, SIGKILL)
        // It outlives its wrapper, and Foundation waits for all who hold its socket.
        _ = try Program.run(program: "/usr/bin/pkill", ["-f", "^sleep 30.4711$"])
        _ = running.wait()
        let rows = try String(contentsOfFile: partial, encoding: .utf8).split(separator: "\n").count
        #expect(rows > 50)
    }

    @Test("idle power is measured when asked for, and what is net of it is told") func idle() throws {
        let document = try Program.run([
            "meter", "--simulated-watts", "50", "--idle-seconds", "0.2", "--format", "json", "--", "sleep", "0.5",
        ]).document()
        #expect(abs((document["idle_power_watts"] as? Double ?? 0) - 50) < 0.01)
        #expect(abs(document["energy_net_joules"] as? Double ?? 99) < 0.1)
        #expect(document["idle_origin"] as? String == "measured before and after")
        #expect(document["simulated"] as? Bool == true)
    }

    @Test("a job of Slurm is named") func slurm() throws {
        let finished = try Program.Running(
            Program.path, ["meter", "--format", "json", "--", "true"],
            environment: ["SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0"]
        ).wait()
        let document = try finished.document()
        #expect(document["slurm_job_id"] as? String == "4711" && document["slurm_step_id"] as? String == "0")
        #expect(try Program.run(["meter", "--format", "json", "--", "true"]).document()["slurm_job_id"] is NSNull)
    }

    @Test(arguments: [
        "--rate -1", "--rate 1001", "--rate nan", "--idle-seconds -1", "--rate 0 --trace x.csv", "--trace x --output x",
    ])
    func wrongUsageIsStatus64(_ options: String) throws {
        let words = options.split(separator: " ").map(String.init)
        #expect(try Program.run(["meter"] + words + ["--", "true"]).status == 64)
    }
}
