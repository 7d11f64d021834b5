import Foundation
import Testing

@Suite struct FaultTests {
    private static let small = ["run", "--device", "cpu", "--workload", "gemm", "--shape", "128", "--format", "json"]

    @Test func withoutAnyOpenCLTheCPUStillDoesTheJob() throws {
        let finished = try Program.run(
            ["run", "--workload", "gemm", "--shape", "128", "--no-save", "--format", "json"],
            environment: ["OCL_ICD_VENDORS": "/nonexistent", "OCL_ICD_FILENAMES": nil])
        #expect(finished.status == 0, "\(finished.error)")
        let document = try finished.document()
        #expect((document["trials"] as? [Any])?.count == 1)
        let absent = try #require(document["unavailable"] as? [[String: Any]])
        #expect(absent.contains { ($0["subject"] as? String)?.contains("opencl") == true })
    }

    /// The loader's file replaced by an empty one, in a namespace of its own.
    @Test(.enabled(if: MeteringTests.namespaces, "mount namespaces are barred here"))
    func withoutALoaderTheCPUStillDoesTheJob() throws {
        let script = """
            loader=$(ldconfig -p | awk '/libOpenCL.so.1 / {print $NF; exit}')
            [ -z "$loader" ] || mount --bind /dev/null "$(realpath "$loader")" && exec "$@"
            """
        let user = getuid() == 0 ? [] : ["--user", "--map-root-user"]
        let finished = try Program.run(
            program: "/usr/bin/unshare",
            user + ["--mount", "bash", "-c", script, "script", Program.path, "devices", "--format", "json"])
        #expect(finished.status == 0, "\(finished.error)")
        let document = try finished.document()
        #expect((document["devices"] as? [[String: Any]])?.compactMap { $0["id"] as? String } == ["cpu"])
        let absent = (document["unavailable"] as? [[String: Any]])?.compactMap { $0["reason"] as? String } ?? []
        #expect(absent.contains { $0.contains("libOpenCL") }, "\(absent)")
    }

    static let openCLDevice: String? = {
        let document = try? Program.run(["devices", "--format", "json"]).document()
        let devices = document?["devices"] as? [[String: Any]] ?? []
        return devices.compactMap { $0["id"] as? String }.first { $0 != "cpu" }
    }()

    /// A stop in the middle of a worker's step must not wait for the step.
    @Test(.enabled(if: openCLDevice != nil, "no OpenCL device here"))
    func interruptionStopsAWorker() throws {
        let id = try #require(Self.openCLDevice)
        let running = try Program.Running(
            Program.path, ["run", "--device", id, "--workload", "llm", "--no-save", "--format", "json"])
        usleep(5_000_000)
        kill(running.process.processIdentifier, SIGINT)
        let asked = Date()
        let finished = running.wait()
        #expect(finished.status == 130, "\(finished.error)")
        #expect(Date().timeIntervalSince(asked) < 30)
        let trial = (try finished.document()["trials"] as? [[String: Any]])?.last
        #expect(trial?["status"] as? String == "skipped" && trial?["reason"] as? String == "interrupted")
    }

    @Test func aBrokenDriverIsNamedAndTheRestGoesOn() throws {
        let vendors = Scratch.folder()
        try "/nonexistent/libbroken.so\n".write(toFile: vendors + "/broken.icd", atomically: true, encoding: .utf8)
        let finished = try Program.run(
            ["devices", "--format", "json"], environment: ["OCL_ICD_VENDORS": vendors, "OCL_ICD_FILENAMES": nil])
        #expect(finished.status == 0, "\(finished.error)")
        let document = try finished.document()
        #expect((document["devices"] as? [[String: Any]])?.first?["id"] as? String == "cpu")
        #expect((document["unavailable"] as? [Any])?.isEmpty == false)
    }

    @Test func aResultsDirectoryThatCannotBeWrittenIsRefusedBeforeMeasuring() throws {
        let started = Date()
        let finished = try Program.run(Self.small + ["--results", "/proc/nodewatt"])
        #expect(finished.status == 2)
        #expect(finished.error.contains("/proc/nodewatt") && finished.error.contains("--results"), "\(finished.error)")
        #expect(Date().timeIntervalSince(started) < 2)
    }

    @Test func anOutputThatCannotBeWrittenIsRefusedBeforeMeasuring() throws {
        let started = Date()
        let path = Scratch.folder() + "/absent/session.json"
        let finished = try Program.run(Self.small + ["--no-save", "--output", path])
        #expect(finished.status == 2 && finished.output.isEmpty)
        #expect(finished.error.contains(path) && finished.error.contains("--output"), "\(finished.error)")
        #expect(Date().timeIntervalSince(started) < 2)
    }

    @Test func aPartOfTheNodeHasAWarning() throws {
        let finished = try Program.run(
            program: "/usr/bin/taskset",
            ["-c", "0", Program.path] + Self.small + ["--idle-seconds", "0", "--no-save"])
        #expect(finished.status == 0, "\(finished.error)")
        let document = try finished.document()
        let codes = (document["warnings"] as? [[String: Any]])?.compactMap { $0["code"] as? String } ?? []
        let all = ProcessInfo.processInfo.processorCount
        #expect(codes.contains("cpuset") == (all > 1), "\(codes)")
        let idle = try #require(document["idle"] as? [String: Any])
        #expect(!(idle["before_watts"] is NSNumber) && !(idle["after_watts"] is NSNumber))
    }

    @Test(.enabled(if: MeteringTests.namespaces, "mount namespaces are barred here"))
    func aFullDiskLosesNoFigure() throws {
        let folder = Scratch.folder()
        // The schema needs some 100 KiB; a tmpfs this small takes it and then fills up.
        let script = """
            mount -t tmpfs -o size=200k none "$0" && "$@" --results "$0"; status=$?
            dd if=/dev/zero of="$0/fill" bs=1k 2>/dev/null
            "$@" --results "$0"; echo "second: $?" >&2; exit $status
            """
        let user = getuid() == 0 ? [] : ["--user", "--map-root-user"]
        let finished = try Program.run(
            program: "/usr/bin/unshare",
            user + ["--mount", "sh", "-c", script, folder, Program.path] + Self.small + ["--quiet"])
        #expect(finished.error.contains("second: 2"), "\(finished.error)")
        #expect(finished.error.contains("full") || finished.error.contains("space"), "\(finished.error)")
    }

    @Test func interruptionStoresWhatWasMeasured() throws {
        let directory = Scratch.folder()
        let running = try Program.Running(
            Program.path,
            [
                "run", "--device", "cpu", "--workload", "peak", "gemm", "--shape", "256", "--results", directory,
                "--format", "json",
            ])
        let deadline = Date().addingTimeInterval(60)
        var stored = 0
        while stored == 0 && Date() < deadline {
            usleep(200_000)
            let list = try? Program.run(["track", "list", "--results", directory, "--format", "json"]).document()
            stored = ((list?["sessions"] as? [[String: Any]])?.first?["trials"] as? Int) ?? 0
        }
        kill(running.process.processIdentifier, SIGINT)
        let finished = running.wait()
        #expect(finished.status == 130, "\(finished.error)")
        let document = try finished.document()
        let statuses = (document["trials"] as? [[String: Any]])?.compactMap { $0["status"] as? String }
        #expect(statuses == ["measured", "skipped"])
        #expect(document["interrupted"] as? Bool == true)
        let shown = try Program.run(["track", "show", "--results", directory, "--format", "json"]).document()
        #expect((shown["trials"] as? [Any])?.count == 2)
    }

    @Test func nothingMeasuredIsStatusTwo() throws {
        let finished = try Program.run([
            "run", "--device", "cpu", "--workload", "gemm", "--shape", "60000", "--no-save", "--format", "json",
        ])
        #expect(finished.status == 2)
        let trial = try #require((try finished.document()["trials"] as? [[String: Any]])?.first)
        #expect(trial["status"] as? String == "skipped")
        #expect((trial["reason"] as? String)?.isEmpty == false)
        #expect(trial["flops_per_second"] is NSNull)
    }
}
