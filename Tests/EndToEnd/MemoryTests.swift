import Foundation
import Testing

/// Memory workloads of the real binary.
@Suite struct MemoryTests {
    private func trials(_ arguments: String) throws -> (status: Int32, trials: [[String: Any]]) {
        let options = arguments.split(separator: " ").map(String.init)
        let finished = try Program.run(
            ["run", "--device", "cpu", "--no-save", "--simulated-watts", "10", "--format", "json"] + options)
        return (finished.status, try finished.document()["trials"] as? [[String: Any]] ?? [])
    }

    @Test func streamsAndLatencyOfOneSize() throws {
        let run = try trials("--workload bandwidth latency --variant triad-nt --working-set 196608")
        #expect(run.status == 0)
        #expect(run.trials.map { $0["status"] as? String } == ["measured", "measured", "measured"])
        let stream = try #require(run.trials.first)
        #expect(stream["variant"] as? String == "triad-nt" && stream["level"] is NSNull)
        #expect((stream["bytes_per_second"] as? Double ?? 0) > 0)
        #expect(stream["fraction_of_peak"] is NSNull)
        for latency in run.trials.dropFirst() {
            #expect(latency["workload"] as? String == "latency" && latency["verified"] as? Bool == true)
            let seconds = try #require(latency["latency_seconds"] as? Double)
            #expect(seconds > 1e-10 && seconds < 1e-4)
            let interval = try #require((latency["ci95"] as? [String: Any])?["latency_seconds"] as? [String: Double])
            #expect(try #require(interval["low"]) <= seconds && seconds <= (try #require(interval["high"])))
            #expect((latency["threads"] as? [Int])?.count == 1)
        }
        #if arch(x86_64) || arch(arm64)
            let conditions = try #require(stream["conditions"] as? [String: Any])
            for key in ["measured_clock_before", "measured_clock_after"] {
                let clock = try #require(conditions[key] as? [String: Double])
                #expect(try #require(clock["low_hertz"]) <= (try #require(clock["median_hertz"])))
            }
        #endif
    }

    @Test func moreThanThereIsIsSaidWithTheSize() throws {
        let run = try trials("--workload bandwidth --working-set 70368744177664")
        #expect(run.status == 2)
        let trial = try #require(run.trials.first)
        #expect(trial["status"] as? String == "skipped")
        #expect((trial["reason"] as? String)?.contains("GiB available") == true)
    }

    @Test func whatIsMeasuredIsWhatIsRecorded() throws {
        let run = try trials("--workload bandwidth --variant copy triad --working-set 64064 --trial-seconds 0.2")
        #expect(run.status == 0)
        for (trial, bytes) in zip(run.trials, [64_000, 63_936]) {
            let threads = try #require(trial["threads"] as? [Int]).count
            #expect(trial["working_set_bytes"] as? Int == bytes * threads)
            #expect(trial["bytes"] as? Double == Double(bytes * threads))
            #expect((trial["shape"] as? String)?.hasSuffix("-\(bytes)Bx\(threads)") == true)
            let remarks = try #require(trial["disturbances"] as? [String])
            #expect(remarks.contains { $0.contains("not 64064") }, "\(remarks)")
        }
    }

    @Test func lessThanALineIsUnsupported() throws {
        let run = try trials("--workload bandwidth --variant triad --working-set 128")
        #expect(run.status == 2 && run.trials.first?["status"] as? String == "unsupported")
    }
}
