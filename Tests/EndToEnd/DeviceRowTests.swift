import Foundation
import OpenCLBackend
import Testing

/// What only OpenCL devices are measured in, by the real binary.
@Suite(
    .enabled(
        if: (try? OpenCLSession()) != nil, "there is no OpenCL device; `apt-get install pocl-opencl-icd` brings one"))
struct DeviceRowTests {
    private func run(_ arguments: String) throws -> (status: Int32, trials: [[String: Any]]) {
        let options = arguments.split(separator: " ").map(String.init)
        let finished = try Program.run(
            [
                "run", "--no-save", "--simulated-watts", "10", "--idle-seconds", "0", "--trial-seconds", "0.3",
                "--format",
            ]
                + ["json"] + options)
        return (finished.status, try finished.document()["trials"] as? [[String: Any]] ?? [])
    }

    @Test func transfersLaunchesAndVectorsAreMeasured() throws {
        let run = try run("--device opencl:0:0 --workload transfer launch gemv --shape 512x2048 --precision q8_0 f16")
        #expect(run.status == 0)
        #expect(
            run.trials.compactMap { $0["workload"] as? String }.sorted() == [
                "gemv", "gemv", "launch", "launch", "transfer", "transfer", "transfer", "transfer",
            ])
        for trial in run.trials {
            #expect(trial["status"] as? String == "measured" && trial["verified"] as? Bool == true, "\(trial)")
            let isLaunch = trial["workload"] as? String == "launch"
            #expect((trial["latency_seconds"] as? Double ?? 0 > 0) == isLaunch)
            #expect((trial["bytes_per_second"] as? Double ?? 0 > 0) == !isLaunch)
            #expect(trial["fraction_of_peak"] is NSNull)
        }
    }

    @Test func theProcessorsSayThatTheyHaveNone() throws {
        let run = try run("--device cpu --workload launch softmax")
        #expect(run.status == 2)
        #expect(run.trials.map { $0["workload"] as? String } == ["launch", "softmax"])
        #expect(run.trials.allSatisfy { $0["status"] as? String == "unsupported" })
        #expect(run.trials.allSatisfy { ($0["reason"] as? String)?.contains("OpenCL") == true })
    }

    @Test func partsOfAStepAreMeasured() throws {
        let run = try run("--device opencl:0:0 --workload rmsnorm attention --precision f16")
        #expect(run.status == 0)
        #expect(run.trials.count == 3)
        for trial in run.trials {
            #expect(trial["status"] as? String == "measured", "\(trial["reason"] ?? "")")
            #expect((trial["bytes_per_second"] as? Double ?? 0) > 1e6)
        }
    }

    @Test(arguments: [
        ("--device opencl:0:0 --isa avx2 --workload launch", "--isa: for the CPU's own kernels alone"),
        ("--device opencl:0:0 --threads 1", "--threads: for the CPU's own kernels alone"),
        ("--device opencl:0:0 --workload latency", "is for none of the devices opencl:0:0"),
    ])
    func whatCannotApplyIsRefusedAndNamed(_ line: String, _ reason: String) throws {
        let finished = try Program.run(["run", "--no-save"] + line.split(separator: " ").map(String.init))
        #expect(finished.status == 64)
        #expect(finished.error.contains(reason), "\(finished.error)")
    }

    @Test func withoutIsolationTheDriverIsInNodewattsOwnProcess() throws {
        let line =
            "run --no-save --quiet --format json --device opencl:0:0 --workload gemm --precision f32 --shape 64 "
            + "--trial-seconds 0.1 --idle-seconds 0 --no-tune --in-process"
        let finished = try Program.run(line.split(separator: " ").map(String.init))
        let trials = try #require(try finished.document()["trials"] as? [[String: Any]])
        #expect(trials.count == 1 && trials[0]["status"] as? String == "measured")
        #expect((trials[0]["notes"] as? [String: Any])?["process"] != nil)
    }
}
