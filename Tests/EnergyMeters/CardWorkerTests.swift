import EnergyMeters
import Foundation
import HostProbe
import NodeModel
import Testing

/// The parent's side of the protocol against workers that answer rightly and lie; the real worker is run end to end.
@Suite struct CardWorkerTests {
    private static let card =
        "{'place':'0000:c1:00.0','name':'Card','quantity':'energy','unit':0.001,'isPartitioned':False,'reasons':[]}"

    /// A worker in Python that answers `open` with cards and `sample` by a statement that may set `samples`.
    private static func worker(cards: String = "[\(card)]", sample: String = "", open: String = "pass")
        -> MeterWorkerProgram
    {
        let script = """
            import json, os, sys, time
            def say(message, version=1):
                print(json.dumps({'version': version, 'message': message}), flush=True)
            for line in sys.stdin:
                message = json.loads(line)['message']
                if 'open' in message:
                    \(open)
                    say({'opened': {'result': {'cards': \(cards), 'refused': []}}})
                    continue
                now = time.monotonic_ns()
                samples = [{'place': '0000:c1:00.0', 'nanoseconds': now, 'quantity': 'energy', 'count': now // 10**6 * 300,
                            'unit': 0.001}]
                \(sample.replacingOccurrences(of: "\n", with: "\n    "))
                say({'sampled': {'samples': samples}})
            """
        return MeterWorkerProgram(executable: "/usr/bin/env", arguments: ["python3", "-c", script])
    }

    private static func discover(_ worker: MeterWorkerProgram, restarts: Int = 0) throws -> MeterInventory {
        let environment = ProcessInfo.processInfo.environment.merging(["NODEWATT_NVML": "libnone.so"]) { $1 }
        var options = MeterOptions(worker: worker, environment: environment)
        var limits = CardLimits()
        limits.start = Seconds(20)
        limits.sample = Seconds(1)
        limits.pause = Seconds(0)
        limits.restarts = restarts
        options.cardLimits = limits
        return try NVMLMeter.discover(HostRoot(), options)
    }

    @Test("right answers are readings with the child's own instants") func right() throws {
        let found = try Self.discover(Self.worker())
        let meter = try #require(found.meters.first, "\(found.unavailable)")
        #expect(meter.description.domain == EnergyDomain(name: "gpu-0000:c1:00.0", kind: .gpu))
        let before = MonotonicClock.now()
        let first = try meter.read()
        #expect(first.instant > before && first.instant < MonotonicClock.now())
        guard case .counter(let joules) = first.reading else { Issue.record("no counter"); return }
        #expect(joules.rawValue > 0)
        usleep(20_000)
        #expect(try meter.read().instant > first.instant)
    }

    @Test(
        "a worker that lies about a sample is a failed read",
        arguments: [
            ("samples[0]['nanoseconds'] += 10**12", "an instant that cannot be"),
            ("samples[0]['nanoseconds'] = 5", "an instant that cannot be"),
            ("samples[0]['quantity'] = 'momentaryPower'", "something else than before"),
            ("samples[0]['unit'] = 1e300", "something else than before"),
            ("samples[0]['place'] = '0000:c2:00.0'", "no longer shows it"),
            ("samples = []", "no longer shows it"),
            ("samples[0]['count'] = 2**64 - 1", "stands for unknown"),
            ("samples[0]['problem'] = 'lost\\x1b[2J'", "lost"),
            ("say({'done': {}}); continue", "answered something else"),
            ("say({'sampled': {'samples': samples}}, 2); continue", "no message"),
            ("print('x' * 3000000); continue", "1 MiB"),
            ("print('{', flush=True); continue", "no message"),
            ("os.close(1); time.sleep(60)", "closed its output"),
            ("time.sleep(60)", "killed after 1.0 s"),
            ("os.kill(os.getpid(), 11)", "SIGSEGV"),
            ("os._exit(9)", "status 9"),
            ("say({'failed': {'reason': 'bad\\x1b[31m luck'}}); continue", "bad [31m luck"),
        ])
    func lies(_ statement: String, _ part: String) throws {
        let found = try Self.discover(Self.worker(sample: statement))
        let meter = try #require(found.meters.first, "\(found.unavailable)")
        let failure = try #require(#expect(throws: SystemFailure.self) { try meter.read() })
        #expect(failure.description.contains(part), "\(failure)")
        #expect(!failure.description.unicodeScalars.contains { $0.value < 32 })
        // However it ended, asking again ends as well.
        #expect(throws: SystemFailure.self) { try meter.read() }
    }

    @Test("a worker that ended is started again, and no more often than it may be") func restarts() throws {
        let folder = try TemporaryFolder()
        let once = "open('\(folder.path)/' + str(time.monotonic_ns()), 'w').close()"
        let found = try Self.discover(Self.worker(sample: "os._exit(9)", open: once), restarts: 2)
        let meter = try #require(found.meters.first, "\(found.unavailable)")
        for _ in 0..<6 { #expect(throws: SystemFailure.self) { try meter.read() } }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 3)
    }

    @Test("after a restart the counter goes on") func goesOn() throws {
        let folder = try TemporaryFolder()
        let mark = folder.path + "/died"
        let once = "if not os.path.exists('\(mark)'): open('\(mark)', 'w').close(); os._exit(1)"
        let found = try Self.discover(Self.worker(sample: once), restarts: 1)
        let meter = try #require(found.meters.first, "\(found.unavailable)")
        #expect(throws: SystemFailure.self) { try meter.read() }
        let first = try meter.read()
        usleep(20_000)
        #expect(try meter.read().instant > first.instant)
    }

    @Test(
        "cards that cannot be are refused",
        arguments: [
            "[dict(\(card), place='../../etc')]", "[dict(\(card), place='0000:c1:00.0\\n')]",
            "[dict(\(card), place='')]", "[dict(\(card), quantity=None, reasons=['no\\x1b[2J'])]",
        ])
    func wrongCards(_ cards: String) throws {
        let found = try Self.discover(Self.worker(cards: cards))
        #expect(found.meters.isEmpty)
        let note = try #require(found.unavailable.first)
        #expect(!"\(note.subject)\(note.reason)".unicodeScalars.contains { $0.value < 32 })
    }

    @Test("one card shown twice and thousands of cards are bounded") func manyCards() throws {
        #expect(try Self.discover(Self.worker(cards: "[\(Self.card)] * 2")).meters.count == 1)
        let many =
            "[dict(\(Self.card), place='0000:%02x:%02x.%d' % (i >> 8 & 255, i >> 3 & 31, i & 7)) for i in range(3000)]"
        #expect(try Self.discover(Self.worker(cards: many)).meters.count <= 256)
    }

    @Test("names are cleaned, the whole module of a superchip is no part beside it") func names() throws {
        let evil = try Self.discover(Self.worker(cards: "[dict(\(Self.card), name='a\\x1b[2J\\nb')]")).meters
        #expect(evil.first?.description.boundary.hasPrefix("a [2J b: ") == true)
        let module = try Self.discover(Self.worker(cards: "[dict(\(Self.card), name='NVIDIA GH200 480GB')]")).meters
        #expect(module.first?.description.domain.kind == .platform)
    }

    @Test("powers of the newest chips are averages over a second, those of GA100 are not") func periods() throws {
        func period(_ name: String, _ architecture: Int) throws -> Double? {
            let card = "[dict(\(Self.card), quantity='averagePower', name='\(name)', architecture=\(architecture))]"
            let description = try Self.discover(Self.worker(cards: card)).meters.first?.description
            #expect(description?.samplesPower == true)
            return description?.updatePeriodSeconds.rawValue
        }
        #expect(try period("NVIDIA A100-SXM4-80GB", 7) == 0.1)
        #expect(try period("NVIDIA A10", 7) == 1)
        #expect(try period("NVIDIA H100", 9) == 1)
        #expect(try period("Tesla V100-SXM2", 5) == 0.1)
    }

    @Test("a program that is not there is a note") func noProgram() throws {
        let found = try Self.discover(MeterWorkerProgram(executable: "/nonexistent/program", arguments: []))
        #expect(found.meters.isEmpty)
        #expect(found.unavailable.first?.reason.contains("/nonexistent/program") == true)
    }
}

/// What is looked for before a library is loaded: nothing is started where it is of no use.
@Suite struct CardPresenceTests {
    /// A program that fails a test when it is started.
    private static let worker = MeterWorkerProgram(executable: "/nonexistent/started", arguments: [])

    private static func notes(_ folder: TemporaryFolder, _ environment: [String: String] = [:]) throws -> [String] {
        let options = MeterOptions(worker: worker, environment: environment)
        let root = HostRoot(folder.path)
        let found = [try NVMLMeter.discover(root, options), try ROCmMeter.discover(root, options)]
        #expect(found.flatMap(\.meters).isEmpty)
        return found.flatMap(\.unavailable).map { "\($0.subject): \($0.reason)" }
    }

    private static func cache(_ folder: TemporaryFolder, _ names: String...) throws {
        try folder.write("etc/ld.so.cache", "glibc-ld.so.cache1.1\0" + names.joined(separator: "\0") + "\0")
    }

    @Test("without card and driver there is no note, whatever is installed") func nothing() throws {
        let folder = try TemporaryFolder()
        #expect(try Self.notes(folder).isEmpty)
        try Self.cache(folder, "libnvidia-ml.so.1", "librocm_smi64.so.7")
        try folder.write("sys/bus/pci/devices/0000:00:1f.0/vendor", "0x10de\n")
        try folder.write("sys/bus/pci/devices/0000:00:1f.0/class", "0x0c0330\n")
        #expect(try Self.notes(folder).isEmpty)
    }

    @Test("a card without a driver names the command that loads it") func noDriver() throws {
        let folder = try TemporaryFolder()
        try folder.write("sys/bus/pci/devices/0000:c1:00.0/vendor", "0x10de\n")
        try folder.write("sys/bus/pci/devices/0000:c1:00.0/class", "0x030200\n")
        #expect(try Self.notes(folder) == ["nvml: the card at 0000:c1:00.0 has no driver loaded: sudo modprobe nvidia"])
        try folder.write("sys/bus/pci/devices/0000:c1:00.0/driver/unbind", "")
        #expect(try Self.notes(folder).isEmpty)
    }

    @Test("a driver without the library says what to install and starts nothing") func noLibrary() throws {
        let folder = try TemporaryFolder()
        try folder.write("proc/driver/nvidia/version", "NVRM version\n")
        try folder.write("dev/kfd", "")
        let notes = try Self.notes(folder)
        #expect(notes.count == 1 && notes[0].contains("libnvidia-ml.so.1 is not installed"), "\(notes)")
    }

    @Test("driver and library together start the worker; a part of a name is no library") func found() throws {
        let folder = try TemporaryFolder()
        try folder.write("dev/nvidiactl", "")
        try folder.write("dev/kfd", "")
        try Self.cache(folder, "xlibnvidia-ml.so.1", "libnvidia-ml.so.12", "librocm_smi64.so.77")
        #expect(try Self.notes(folder).allSatisfy { !$0.contains("started") })
        try Self.cache(folder, "libnvidia-ml.so.1", "librocm_smi64.so.6")
        let notes = try Self.notes(folder)
        #expect(notes.count == 2 && notes.allSatisfy { $0.contains("/nonexistent/started") }, "\(notes)")
        #expect(notes[1].contains("librocm_smi64.so.6"))
    }

    @Test("a library beside the linker's cache is found, and one that is named is taken") func folders() throws {
        let folder = try TemporaryFolder()
        try folder.write("dev/kfd", "")
        try folder.write("opt/rocm/lib/librocm_smi64.so.7", "")
        #expect(try Self.notes(folder).first?.contains("/opt/rocm/lib/librocm_smi64.so.7") == true)
        let named = try Self.notes(try TemporaryFolder(), ["NODEWATT_NVML": "/x/libother.so"])
        #expect(named.first?.contains("/x/libother.so") == true)
    }

    @Test("a captured tree has no cards to ask") func captured() throws {
        let options = MeterOptions(
            capturedRoot: "/nonexistent", worker: Self.worker,
            environment: ["NODEWATT_NVML": "a", "NODEWATT_ROCM_SMI": "b", "NODEWATT_IPMI": "c"])
        for kind in [NVMLMeter.kind, ROCmMeter.kind, DCMIMeter.kind] {
            let found = try kind.discover(options)
            #expect(found.meters.isEmpty && found.unavailable.isEmpty)
        }
    }
}
