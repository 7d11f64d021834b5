import Foundation
import Testing

/// Several OpenCL runtimes in one run, and what is kept of their tuning between runs.
@Suite struct RuntimesTests {
    /// The folder of `Tests/Drivers/setup_runtimes.sh`, with PoCL's and Intel's driver.
    private static let vendors = Program.tests.deletingLastPathComponent().appendingPathComponent(
        ".build/runtimes/vendors"
    ).path
    private static let hasBoth = ["pocl.icd", "intel.icd"].allSatisfy {
        FileManager.default.fileExists(atPath: "\(vendors)/\($0)")
    }

    private static let quick = [
        "run", "--no-save", "--quiet", "--format", "json", "--idle-seconds", "0", "--trial-seconds", "0.2",
        "--workload",
        "gemm", "--precision", "f32", "--shape", "256",
    ]

    private func trials(_ finished: Finished) throws -> [[String: Any]] {
        #expect(finished.status == 0, "\(finished.error)")
        return try #require(try finished.document()["trials"] as? [[String: Any]])
    }

    @Test(.enabled(if: hasBoth, "only with both runtimes: bash Tests/Drivers/setup_runtimes.sh"))
    func oneRunMeasuresBothSideBySide() throws {
        let finished = try Program.run(Self.quick + ["--no-tune"], environment: ["OCL_ICD_VENDORS": Self.vendors])
        let trials = try trials(finished)
        #expect(trials.compactMap { $0["device"] as? String } == ["cpu", "opencl:0:0", "opencl:1:0"])
        for trial in trials {
            #expect(trial["status"] as? String == "measured", "\(trial["reason"] ?? "")")
            #expect(trial["verified"] as? Bool == true)
        }
        let devices = try #require(try finished.document()["devices"] as? [[String: Any]])
        let platforms = devices.compactMap { $0["platform"] as? String }
        #expect(platforms.contains { $0.contains("Intel") } && platforms.contains { $0.contains("Portable") })
    }

    private func tuned(_ device: String, cache: String) throws -> [String: Any] {
        let finished = try Program.run(Self.quick + ["--device", device], environment: ["XDG_CACHE_HOME": cache])
        return try #require(try trials(finished).first)
    }

    private func note(_ trial: [String: Any], _ name: String) -> String {
        (trial["notes"] as? [String: Any])?[name] as? String ?? ""
    }

    @Test(.enabled(if: FaultTests.openCLDevice != nil, "no OpenCL device here"))
    func whatWasFoundOnceIsUsedAgainAndWhatWasTamperedWithIsNot() throws {
        let device = try #require(FaultTests.openCLDevice)
        let cache = Scratch.folder()
        let first = try tuned(device, cache: cache)
        #expect(note(first, "tuning").contains("shapes in"), "\(note(first, "tuning"))")
        let folder = cache + "/nodewatt/tuning"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(files.count == 1)

        let second = try tuned(device, cache: cache)
        #expect(note(second, "tuning") == "the winner of an earlier run")
        #expect(note(second, "options") == note(first, "options"))

        let file = "\(folder)/\(try #require(files.first))"
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try text.replacingOccurrences(of: "\"tried\" : ", with: "\"tried\" : 1").write(
            toFile: file, atomically: true, encoding: .utf8)
        let third = try tuned(device, cache: cache)
        #expect(third["verified"] as? Bool == true)
        #expect(note(third, "tuning").contains("shapes in"))
        #expect(note(third, "tuning_warning").contains("checksum"), "\(note(third, "tuning_warning"))")
    }

    @Test(.enabled(if: FaultTests.openCLDevice != nil, "no OpenCL device here"))
    func withoutTuningNothingIsKept() throws {
        let cache = Scratch.folder()
        let finished = try Program.run(
            Self.quick + ["--no-tune", "--device", try #require(FaultTests.openCLDevice)],
            environment: ["XDG_CACHE_HOME": cache])
        #expect(note(try #require(try trials(finished).first), "tuning").contains("by hand"))
        #expect(!FileManager.default.fileExists(atPath: cache + "/nodewatt"))
    }

    @Test(.enabled(if: FaultTests.openCLDevice != nil, "no OpenCL device here"))
    func aHomeThatCannotBeWrittenIsNoObstacle() throws {
        let finished = try Program.run(
            Self.quick + ["--device", try #require(FaultTests.openCLDevice)],
            environment: ["HOME": "/proc/1/nowhere", "XDG_CACHE_HOME": nil])
        let trial = try #require(try trials(finished).first)
        #expect(trial["verified"] as? Bool == true, "\(trial["reason"] ?? "")")
        #expect(note(trial, "tuning_warning").contains("is not kept"))
    }
}
