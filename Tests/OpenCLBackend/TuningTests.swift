import Foundation
import NodeModel
import OpenCLBackend
import Testing

/// The search for a kernel's shape, on speeds that are made up, by a clock that only measurements move.
struct TuningTests {
    private static func shape(_ rows: Int, _ run: Int) -> KernelParameters {
        KernelParameters(["MR": rows, "KC": run])
    }

    private static let space = TuningSpace(
        kernel: "k", seeds: [shape(2, 64), shape(6, 256), shape(4, 64), shape(8, 512)],
        ladders: ["MR": [2, 4, 6, 8, 12], "KC": [64, 128, 256, 512]])

    private final class Clock {
        var nanoseconds: UInt64 = 0
        var now: MonotonicInstant { MonotonicInstant(nanoseconds: nanoseconds) }
    }

    private func search(_ seconds: Double = 1_000, rate: (KernelParameters, Int) throws -> Double) -> TuningResult {
        let clock = Clock()
        return Tuner(Self.space, budget: Seconds(seconds), now: { clock.now }).search { parameters, effort in
            clock.nanoseconds += UInt64(effort) * 1_000_000_000
            return try rate(parameters, effort)
        }
    }

    /// Best at 12 rows and a run of 128, which is no seed.
    private static func hill(_ parameters: KernelParameters) -> Double {
        let rows = Double(parameters["MR"])
        return 1_000 - 10 * abs(rows - 12) - abs(Double(parameters["KC"]) - 128)
    }

    @Test func neighboursLeadBeyondTheSeeds() {
        let result = search { parameters, _ in Self.hill(parameters) }
        #expect(result.best?.parameters == Self.shape(12, 128))
        #expect(result.best?.rate == 1_000)
        #expect(!result.isCutShort)
        #expect(Set(result.tried.map(\.parameters)).count == result.tried.count)
    }

    @Test func theBetterHalfIsMeasuredForLonger() {
        var efforts: [KernelParameters: Int] = [:]
        _ = search { parameters, effort in
            efforts[parameters] = max(efforts[parameters] ?? 0, effort)
            return Self.hill(parameters)
        }
        let seeds = Self.space.seeds.sorted { Self.hill($0) > Self.hill($1) }
        #expect(seeds.map { efforts[$0] ?? 0 } == [4, 2, 1, 1])
    }

    @Test func wrongResultsNeverWin() {
        let result = search { parameters, _ in
            if parameters["MR"] > 4 { throw TrialFailure(.failed, "wrong results: planted") }
            return Self.hill(parameters)
        }
        #expect(result.best?.parameters["MR"] == 4)
        #expect(result.tried.contains { $0.refusal == "wrong results: planted" && $0.rate == nil })
    }

    @Test func whatWorkedOnceButThenFailsNeverWins() {
        var count: [KernelParameters: Int] = [:]
        let best = Self.space.seeds[1]
        let result = search { parameters, _ in
            count[parameters, default: 0] += 1
            if parameters == best, count[parameters] == 2 { throw TrialFailure(.failed, "wrong results: planted") }
            return parameters == best ? 9_999 : Self.hill(parameters)
        }
        #expect(result.best?.parameters != best)
    }

    @Test func theTimeEndsTheSearchButOneIsAlwaysTried() {
        let short = search(2.5) { parameters, _ in Self.hill(parameters) }
        #expect(short.isCutShort)
        #expect(short.tried.count == 3)
        let none = search(0) { parameters, _ in Self.hill(parameters) }
        #expect(none.best?.parameters == Self.space.seeds[0])
    }

    @Test func nothingThatWorksIsNoWinner() {
        let result = search { _, _ in throw TrialFailure(.failed, "no") }
        #expect(result.best == nil)
        #expect(result.tried.count == Self.space.seeds.count)
    }

    // The cache.

    private static func device(driver: String = "1.0") -> Device {
        Device(
            id: DeviceID(rawValue: "opencl:0:0"), kind: .gpu, backend: "opencl", name: "card", vendor: "v",
            driver: driver, computeUnits: 4, clockHertz: nil, memoryBytes: 1 << 30, maximumAllocationBytes: 1 << 28,
            platform: "P")
    }

    private func cache() -> TuningCache {
        var cache = TuningCache(Self.device())
        cache.keep(search { parameters, _ in Self.hill(parameters) }, Self.space, shape: "8x8x8")
        return cache
    }

    @Test func winnersAreFoundAgain() throws {
        let read = try TuningCache(Self.device()).reading(cache().text)
        #expect(read.winner(Self.space, shape: "8x8x8") == Self.shape(12, 128))
        #expect(read.winner(Self.space, shape: "9x9x9") == nil)
        var other = Self.space
        other.ladders["MR"] = [2, 4]
        #expect(read.winner(other, shape: "8x8x8") == nil)
    }

    @Test func anotherDriverHasAnotherCache() throws {
        let other = TuningCache(Self.device(driver: "2.0"))
        #expect(other.name != cache().name)
        #expect(throws: TuningCache.Refusal.self) { try other.reading(cache().text) }
    }

    @Test(arguments: [("128", "256"), ("1000", "1001"), ("tuning/1", "tuning/2"), ("{", "["), ("8x8x8", "9x9x9")])
    func whatWasChangedIsRefused(_ old: String, _ new: String) {
        let text = cache().text
        #expect(text.contains(old))
        #expect(throws: TuningCache.Refusal.self) {
            try TuningCache(Self.device()).reading(text.replacingOccurrences(of: old, with: new))
        }
    }

    // The clock of events.

    @Test(arguments: [
        (EventTimes(queued: 1, submitted: 2, started: 3, ended: 3_000_003, wall: 3_100_000), "agrees"),
        (EventTimes(queued: 1, submitted: 2, started: 9, ended: 3, wall: 10), "of no use: END is before START"),
        (EventTimes(queued: 0, submitted: 0, started: 0, ended: 0, wall: 10), "of no use: all are 0"),
        (EventTimes(queued: 5, submitted: 2, started: 6, ended: 8, wall: 10), "of no use: the steps"),
        (EventTimes(queued: 1, submitted: 2, started: 7, ended: 7, wall: 10), "of no use: START and END"),
        (EventTimes(queued: 1, submitted: 2, started: 3, ended: 90, wall: 10), "of no use: the device took longer"),
        (EventTimes(queued: 1, submitted: 2, started: 3, ended: 1_000_003, wall: 5_000_000), "differs"),
        (EventTimes(queued: 1, submitted: 2, started: 3, ended: 103, wall: 50_000), "agrees"),
    ])
    func eventTimesAreLookedAtBesideTheWallClock(_ times: EventTimes, _ verdict: String) {
        #expect(EventCheck.verdict([times]).hasPrefix(verdict), "\(EventCheck.verdict([times]))")
    }
}
