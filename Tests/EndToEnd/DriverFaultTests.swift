import Foundation
import NodeModel
import OpenCLBackend
import Testing

/// A driver with one fault beside PoCL, each loaded by workers that are the real program.
///
/// The driver is PoCL with one function replaced (`Tests/Drivers/faulty_driver.c`), so that all up to the fault is real.
struct DriverFaultTests {
    private static let product = Workload.gemm(GEMMShape(m: 64, n: 64, k: 64), .f32)
    private static let topology = Topology(
        origin: .thisSystem, isThisSystem: true, root: TopologyObject(kind: .machine, logicalIndex: 0),
        allowedThreads: [0])
    /// The time of the two scans and of PoCL's first product, on top of a fault's own deadline.
    private static let patience = Seconds(60)

    /// A folder with the faulty driver and PoCL as the only drivers.
    private final class Drivers {
        let folder = Scratch.folder()
        let backend: OpenCLBackend

        init(_ fault: String, limits: WorkerLimits) throws {
            let library = folder + "/libfaulty.so"
            let source = Program.tests.appendingPathComponent("Drivers/faulty_driver.c").path
            let built = try Program.run(
                program: "/usr/bin/env",
                ["clang", "-shared", "-fPIC", "-O1", "-DFAULT=\(fault)", source, "-o", library, "-ldl"])
            #expect(built.status == 0, "\(built.error)")
            try Data(library.utf8).write(to: URL(fileURLWithPath: folder + "/a.icd"))
            try Data("libpocl.so.2".utf8).write(to: URL(fileURLWithPath: folder + "/b.icd"))
            var environment = ProcessInfo.processInfo.environment
            environment["OCL_ICD_VENDORS"] = folder
            backend = OpenCLBackend(workerExecutable: Program.path, environment: environment, limits: limits)
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        func prepare(_ device: Device, _ workload: Workload = product) throws -> any PreparedWorkload {
            let plan = TrialPlan(
                workload: workload, device: device.id, threads: [], budget: Seconds(1), minimumWindow: Seconds(0.1))
            return try backend.prepare(plan, on: device, in: topology, seed: 1)
        }

        /// Processes that were told to load these drivers and still live.
        var strays: [String] {
            let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return processes.filter { name in
                guard Int(name) != nil, let data = FileManager.default.contents(atPath: "/proc/\(name)/environ")
                else { return false }
                return String(decoding: data, as: UTF8.self).contains(folder)
            }
        }
    }

    private static var limits: WorkerLimits {
        var limits = WorkerLimits()
        limits.enumerate = Seconds(2)
        limits.build = Seconds(20)
        limits.first = Seconds(5)
        limits.batch = Seconds(2)
        limits.prepare = Seconds(2)
        limits.memoryBytes = 2 << 30
        return limits
    }

    private func devices(_ drivers: Drivers) throws -> (faulty: Device?, sound: Device, reasons: String) {
        let found = drivers.backend.devices(in: Self.topology)
        let reasons = found.unavailable.map { "\($0.subject): \($0.reason)" }.joined(separator: "\n")
        let faulty = found.devices.first { $0.platform?.hasPrefix("Faulty") == true }
        let sound = try #require(
            found.devices.first { $0.platform == "Portable Computing Language" }, "no PoCL beside the fault: \(reasons)"
        )
        return (faulty, sound, reasons)
    }

    private func expectSound(_ drivers: Drivers, _ device: Device) throws {
        let prepared = try drivers.prepare(device)
        let batch = try prepared.run(repetitions: 2)
        #expect(batch.repetitions == 2)
        #expect(try prepared.verify().passed)
    }

    @Test(arguments: [
        ("crash_on_load", "SIGSEGV while listing platforms"),
        ("hang_listing", "killed after 2.0 s without an answer while listing platforms"),
        ("garbage_lengths", "have lengths that cannot be"),
        ("huge_numbers", "the driver claims"),
    ])
    func aDriverThatCannotBeListedSaysWhyAndTheRestGoesOn(_ fault: String, _ reason: String) throws {
        let start = Date()
        let drivers = try Drivers(fault, limits: Self.limits)
        let (faulty, sound, reasons) = try devices(drivers)
        #expect(faulty == nil)
        #expect(reasons.contains(reason), "\(reasons)")
        // The number it has without the fault.
        #expect(sound.id.rawValue == "opencl:1:0")
        try expectSound(drivers, sound)
        #expect(-start.timeIntervalSinceNow < Self.patience.rawValue)
        #expect(drivers.strays.isEmpty)
    }

    @Test(arguments: [
        ("crash_building", ["SIGSEGV while building", "the compiler is about to crash"]),
        ("hang_building", ["killed after 20.0 s without an answer while building"]),
        ("hang_running", ["without an answer while"]),
        ("endless_memory", ["Faulty endless_memory"]),
        ("forking_crash", ["SIGSEGV while building"]),
        ("exit_building", ["exited with status 0 while building"]),
    ])
    func aDriverThatFailsAtWorkFailsAloneAndInTime(_ fault: String, _ parts: [String]) throws {
        let start = Date()
        let drivers = try Drivers(fault, limits: Self.limits)
        let (faulty, sound, reasons) = try devices(drivers)
        let device = try #require(faulty, "\(reasons)")
        let failure = try #require(#expect(throws: TrialFailure.self) { try drivers.prepare(device) })
        #expect(failure.status == .failed)
        for part in parts + ["Faulty \(fault)"] {
            #expect(failure.reason.contains(part), "\(part) is not in: \(failure.reason)")
        }
        try expectSound(drivers, sound)
        #expect(-start.timeIntervalSinceNow < Self.patience.rawValue)
        #expect(drivers.strays.isEmpty)
    }

    @Test func whatADriverStartedEndsWithItsWorker() throws {
        let drivers = try Drivers("forking", limits: Self.limits)
        let (faulty, sound, reasons) = try devices(drivers)
        do {
            let prepared = try drivers.prepare(try #require(faulty, "\(reasons)"))
            #expect(try prepared.verify().passed)
            #expect(drivers.strays.count >= 2)
        }
        try expectSound(drivers, sound)
        #expect(drivers.strays.isEmpty)
    }

    @Test func withoutALargestBufferAnySizeIsTried() throws {
        let drivers = try Drivers("no_largest_buffer", limits: Self.limits)
        let (faulty, _, reasons) = try devices(drivers)
        let prepared = try drivers.prepare(try #require(faulty, "\(reasons)"), .readBandwidth(bytes: 1 << 20))
        #expect(prepared.notes["buffers"] == "1")
        #expect(try prepared.verify().passed)
    }

    @Test func aSearchEndsSoonAfterTheUserStopsIt() throws {
        let folder = Scratch.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let started = Date()
        let finished = try Program.run(
            program: "/usr/bin/env",
            [
                "OCL_ICD_FILENAMES=libpocl.so.2", "OCL_ICD_VENDORS=\(folder)", "XDG_CACHE_HOME=\(folder)", "timeout",
                "--signal=INT", "--kill-after=60", "4", Program.path, "run", "--no-save", "--quiet",
                "--suite", "standard", "--workload", "gemm", "--precision", "f32", "--shape", "512", "--idle-seconds",
                "0", "--device", "opencl:0:0", "--format", "json",
            ])
        #expect(-started.timeIntervalSinceNow < 4 + 4, "\(finished.error)")
    }

    @Test func filesThatNameNoDriverSayWhatTheyAre() throws {
        let folder = Scratch.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = FileManager.default
        try Data("libpocl.so.2\r\n".utf8).write(to: URL(fileURLWithPath: folder + "/a.icd"))
        try files.createDirectory(atPath: folder + "/b.icd", withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: folder + "/c.icd", withDestinationPath: "/nonexistent")
        mkfifo(folder + "/d.icd", 0o600)
        try Data("libc.so.6\n".utf8).write(to: URL(fileURLWithPath: folder + "/e.icd"))
        try Data("libmissing.so\n".utf8).write(to: URL(fileURLWithPath: folder + "/f.icd"))
        try Data("libpocl.so.2\n".utf8).write(to: URL(fileURLWithPath: folder + "/g.icd"))
        var environment = ProcessInfo.processInfo.environment
        environment["OCL_ICD_VENDORS"] = folder
        let backend = OpenCLBackend(
            workerExecutable: Program.path, environment: environment, limits: Self.limits)
        let found = backend.devices(in: Self.topology)
        #expect(found.devices.compactMap(\.platform) == ["Portable Computing Language"])
        func reason(_ file: String) -> String {
            found.unavailable.first { $0.subject.hasSuffix("/\(file).icd") }?.reason ?? "nothing"
        }
        for (file, part) in [
            ("a", "libpocl.so.2"), ("b", "is a directory"), ("c", "leads to no file"), ("d", "no regular file"),
            ("e", "no OpenCL driver"), ("f", "libmissing.so"),
        ] {
            #expect(reason(file).contains(part), "\(file): \(reason(file))")
        }
    }

    @Test func wrongResultsAreNoFigures() throws {
        let drivers = try Drivers("wrong_results", limits: Self.limits)
        let (faulty, sound, reasons) = try devices(drivers)
        let prepared = try drivers.prepare(try #require(faulty, "\(reasons)"))
        let result = try prepared.verify()
        #expect(!result.passed)
        #expect(result.detail?.isEmpty == false)
        try expectSound(drivers, sound)
    }

    @Test func aClockThatRunsBackwardsIsNotUsed() throws {
        let drivers = try Drivers("backward", limits: Self.limits)
        let (faulty, sound, reasons) = try devices(drivers)
        let prepared = try drivers.prepare(try #require(faulty, "\(reasons)"))
        #expect(prepared.notes["event clock"] == "of no use: END is before START")
        let batch = try prepared.run(repetitions: 2)
        #expect(batch.end > batch.start)
        #expect(try prepared.verify().passed)
        #expect(try drivers.prepare(sound).notes["event clock"]?.contains("of no use") == false)
    }

    @Test func whereMemoryIsShortLessIsRead() throws {
        let drivers = try Drivers("small_memory", limits: Self.limits)
        let (faulty, _, reasons) = try devices(drivers)
        let prepared = try drivers.prepare(
            try #require(faulty, "\(reasons)"), .readBandwidth(bytes: 256 << 20))
        #expect(prepared.work.bytes == Double(64 << 20))
        #expect(prepared.notes["halved"]?.contains("for lack of memory") == true)
        #expect(try prepared.verify().passed)
        let product = GEMMShape(m: 8_192, n: 8_192, k: 64)
        let failure = #expect(throws: TrialFailure.self) {
            try drivers.prepare(try #require(faulty), .gemm(product, .f32))
        }
        #expect(failure?.status == .skipped)
        #expect(failure?.reason.contains("CL_MEM_OBJECT_ALLOCATION_FAILURE") == true)
    }

    @Test func aRunWithWrongResultsIsAnsweredNoAndStillPrinted() throws {
        let drivers = try Drivers("wrong_results", limits: Self.limits)
        let finished = try Program.run(
            [
                "run", "--no-save", "--quiet", "--format", "json", "--idle-seconds", "0", "--trial-seconds", "0.1",
                "--workload", "gemm", "--precision", "f32", "--shape", "64", "--no-tune",
            ], environment: ["OCL_ICD_VENDORS": drivers.folder])
        #expect(finished.status == 1, "\(finished.error)")
        let trials = try #require(try finished.document()["trials"] as? [[String: Any]])
        #expect(trials.compactMap { $0["status"] as? String } == ["measured", "failed", "measured"])
        let wrong = try #require(trials.first { $0["status"] as? String == "failed" })
        #expect((wrong["reason"] as? String)?.hasPrefix("result wrong") == true)
        #expect(wrong["flops_per_second"] is NSNull)
    }
}
