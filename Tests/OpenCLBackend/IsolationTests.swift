import Foundation
import Isolation
import NodeModel
import OpenCLBackend
import Testing

/// The parent's side of the protocol against workers that answer rightly, crash, hang and lie.
struct IsolationTests {
    private typealias Worker = ScriptedWorker

    private static let prepared =
        Worker.answer("{\"prepared\":{\"work\":{\"flops\":2},\"notes\":{\"kernel\":\"none\"}}}")

    /// A backend with one platform and one device, and a worker whose preparation works.
    private func worker(_ cases: String) throws -> ScriptedWorker {
        try Worker(
            "*enumerate*) \(try Worker.scanned("P", [Worker.device("d")]));;\n*prepare*) \(Self.prepared);;\n\(cases)")
    }

    @Test func rightAnswersPassThrough() throws {
        let worker = try worker(
            """
            *run*) \(Worker.step("running", "batch"))
              \(Worker.answer(
                "{\"ran\":{\"batch\":{\"start\":{\"nanoseconds\":5},\"end\":{\"nanoseconds\":25},"
                    + "\"repetitions\":2}}}"));;
            *verify*) \(Worker.answer(
                "{\"verified\":{\"verification\":{\"passed\":false,\"method\":\"m\",\"worst\":\"inf\"}}}"));;
            """)
        let device = try #require(worker.devices().devices.first)
        let prepared = try worker.prepare(device)
        #expect(prepared.work == Work(flops: Flops(2)))
        #expect(prepared.notes == ["kernel": "none"])
        let batch = try prepared.run(repetitions: 2)
        #expect(abs(batch.secondsPerRepetition.rawValue - 10e-9) < 1e-15)
        let verification = try prepared.verify()
        #expect(!verification.passed)
        #expect(verification.worst == .infinity)
    }

    @Test func platformsAreNumberedOverDriversInNameOrder() throws {
        let card = Worker.device("card", pci: "0000:3b:00.0")
        let worker = try Worker(
            drivers: ["b.icd": "libb.so", "a.icd": "liba.so", "c.icd": "libb.so", "d.icd": ""],
            """
            *) case "$OCL_ICD_VENDORS" in
              */a.icd) \(try Worker.scanned("A", [Worker.device("cpu", kind: .cpu)]));;
              */b.icd) \(try Worker.scanned("B", [Worker.device("other", pci: "0000:99:00.0"), card]));;
              *) \(try Worker.scanned("wrong", [Worker.device("wrong")]));;
            esac;;
            """)
        let found = worker.devices()
        #expect(found.devices.map(\.id.rawValue) == ["opencl:0:0", "opencl:1:0", "opencl:1:1"])
        #expect(found.devices.map(\.topologyObject) == ["machine", nil, "PCI 0000:3b:00.0"])
        #expect(found.unavailable.count == 1)
        #expect(found.unavailable.first?.subject.hasSuffix("d.icd") == true)
    }

    @Test func theSameDevicesShownTwiceCountOnce() throws {
        let worker = try Worker(
            drivers: ["a.icd": "liba.so", "b.icd": "libb.so"], "*) \(try Worker.scanned("A", [Worker.device("d")]));;")
        #expect(worker.devices().devices.map(\.id.rawValue) == ["opencl:0:0"])
    }

    @Test(arguments: ["SEGV", "ABRT"])
    func aCrashNamesDriverStepAndSignalAndTheRestGoesOn(_ signal: String) throws {
        let worker = try Worker(
            drivers: ["a.icd": "liba.so", "b.icd": "libb.so"],
            """
            *) case "$OCL_ICD_VENDORS" in
              */a.icd) \(Worker.step("listing devices", "enumerate")); echo oh no >&2; kill -\(signal) $$;;
              *) \(try Worker.scanned("B", [Worker.device("d")]));;
            esac;;
            """)
        let found = worker.devices()
        #expect(found.devices.map(\.id.rawValue) == ["opencl:1:0"])
        let note = try #require(found.unavailable.first)
        let reason = "\(note.subject): \(note.reason)"
        for part in ["a.icd", "listing devices", "SIG\(signal)", "oh no"] {
            #expect(reason.contains(part), "\(part) is not in: \(reason)")
        }
    }

    @Test func aHangIsKilledWithAllItStarted() throws {
        let worker = try Worker(
            "*) \(Worker.step("listing platforms", "enumerate"))\n sleep 1000 & echo $! > $FOLDER/pid; wait;;")
        let reason = try #require(worker.devices().unavailable.first?.reason)
        #expect(reason.contains("killed after 1.0 s") && reason.contains("listing platforms"), "\(reason)")
        let text = try String(contentsOf: worker.folder.appending(path: "pid"), encoding: .utf8)
        let pid = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        // The sleeper's new parent may take a moment to reap it.
        for _ in 0..<200 where kill(pid, 0) == 0 && !isZombie(pid) { usleep(10_000) }
        #expect(kill(pid, 0) != 0 || isZombie(pid))
    }

    private func isZombie(_ pid: pid_t) -> Bool {
        let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        return status?.contains(") Z ") ?? true
    }

    @Test(arguments: [
        ("echo hello", "no message"), (#"echo '{"version":1,"message":{}}'"#, "no message"),
        ("echo '{'", "no message"), ("head -c 3000000 /dev/zero; sleep 5", "1 MiB"),
        ("echo broken >&2; exit 3", "status 3"), ("exec >&-; sleep 5", "closed its output"),
        (
            #"echo '{"version":3,"message":{"failed":{"status":"failed","reason":"no\u001b[31m luck"}}}'"#,
            "no [31m luck"
        ),
    ])
    func nonsenseIsAReason(_ command: String, _ expected: String) throws {
        let worker = try Worker("*) \(command);;")
        let found = worker.devices()
        #expect(found.devices.isEmpty)
        let reason = try #require(found.unavailable.first?.reason)
        #expect(reason.contains(expected), "\(reason)")
    }

    @Test func aWorkerThatNeverReadsIsNoSignal() throws {
        let worker = try Worker("*) \(try Worker.scanned("A", [Worker.device("d")])); exec <&-; exit 0;;")
        let device = try #require(worker.devices().devices.first)
        // The script answers a scan whatever it is asked, then is gone: the wrong answer, and then nobody there.
        #expect(throws: TrialFailure.self) { try worker.prepare(device) }
    }

    @Test func aCrashInABatchFailsEverythingAfterIt() throws {
        let worker = try worker("*run*) \(Worker.step("2 timed repetitions", "batch")); kill -BUS $$;;")
        let prepared = try worker.prepare(try #require(worker.devices().devices.first))
        let first = try #require(#expect(throws: TrialFailure.self) { try prepared.run(repetitions: 2) })
        #expect(first.status == .failed)
        for part in ["opencl platform 0 (P), device 0", "2 timed repetitions", "SIGBUS"] {
            #expect(first.reason.contains(part), "\(part) is not in: \(first.reason)")
        }
        let second = try #require(#expect(throws: TrialFailure.self) { try prepared.verify() })
        #expect(second == first)
    }

    @Test func aFailureOfTheWorkerKeepsItsStatus() throws {
        let worker = try Worker(
            """
            *enumerate*) \(try Worker.scanned("P", [Worker.device("d")]));;
            *) \(Worker.answer("{\"failed\":{\"status\":\"skipped\",\"reason\":\"too big\"}}"));;
            """)
        let device = try #require(worker.devices().devices.first)
        let failure = try #require(#expect(throws: TrialFailure.self) { try worker.prepare(device) })
        #expect(failure.status == .skipped)
        #expect(failure.reason.hasSuffix("too big"))
    }

    @Test func withoutPlatformsTheRemedyIsNamed() throws {
        let worker = try Worker("*) \(Worker.answer("{\"scanned\":{\"result\":{\"platforms\":[]}}}"));;")
        let reason = try #require(worker.devices().unavailable.first?.reason)
        #expect(reason.contains("apt-get install pocl-opencl-icd"))
        let bare = try Worker(
            drivers: [:],
            "*) \(Worker.answer("{\"scanned\":{\"result\":{\"platforms\":[],\"loaderFailure\":\"no loader\"}}}"));;")
        let absent = try #require(bare.devices().unavailable.first)
        #expect(absent.subject == "opencl")
        #expect(absent.reason.contains("no loader") && absent.reason.contains("ocl-icd-libopencl1"))
    }

    @Test func aForeignTopologyHasNoDevices() throws {
        let worker = try worker("*) exit 1;;")
        var foreign = ScriptedWorker.topology
        foreign.isThisSystem = false
        #expect(worker.backend.devices(in: foreign).devices.isEmpty)
    }

    @Test func aProgramThatIsNotThereIsAReason() {
        let backend = OpenCLBackend(workerExecutable: "/nonexistent/program", environment: [:])
        let found = backend.devices(in: ScriptedWorker.topology)
        #expect(found.devices.isEmpty)
        #expect(found.unavailable.first?.reason.contains("/nonexistent/program") == true)
    }
}

/// Text and addresses as drivers report them.
struct DriverTextTests {
    @Test func controlCharactersAreGone() {
        #expect(CleanText.line("  a\u{1b}[31m\tb\n\u{202e}c\u{0} ") == "a [31m b c")
        #expect(CleanText.line(String(repeating: "x", count: 9_000), limit: 10) == "xxxxxxxxxx")
    }

    @Test func addressesAreWrittenAsHwlocDoes() {
        #expect(PCIAddress.text(domain: 0, bus: 0x3b, device: 0, function: 0) == "0000:3b:00.0")
        #expect(PCIAddress.text(domain: 0x10, bus: 1, device: 0x1f, function: 7) == "0010:01:1f.7")
        #expect(PCIAddress.text(domain: 0, bus: 256, device: 0, function: 0) == nil)
    }
}
