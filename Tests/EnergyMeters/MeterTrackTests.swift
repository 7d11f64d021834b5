import EnergyMeters
import NodeModel
import Testing

@Suite struct MeterTrackTests {
    @Test("a power that cannot be is not believed, not even the first one, however long it is averaged over")
    func powers() {
        var description = meter("node", .node, range: nil, update: 300)
        description.samplesPower = true
        var track = MeterTrack(description, plausibleWatts: Watts(20_000))
        func absorb(_ watts: Double, at seconds: Double) -> Bool {
            let instant = MonotonicInstant(nanoseconds: 0).advanced(by: Seconds(seconds))
            return track.absorb(.success(TimedReading(instant: instant, reading: .power(Watts(watts)))))
        }
        #expect(!absorb(50_000, at: 0) && absorb(400, at: 1) && !absorb(50_000, at: 2) && absorb(400, at: 3))
        #expect(track.edge.joules == 800 && track.edge.implausible == 2)
    }

    static let unit = 1.0 / 16384
    static let range = 4_294_967_296 * unit

    /// Feeds counter values one second apart, `nil` being a failed read.
    static func track(_ values: [Double?], range: Double? = range, watts: Double = 2000, step: Double = 1)
        -> MeterTrack.Edge
    {
        let clock = ManualClock()
        var track = MeterTrack(meter("package-0", range: range), plausibleWatts: Watts(watts))
        for value in values {
            clock.advance(step)
            track.absorb(
                value.map { .success(TimedReading(instant: clock.now, reading: .counter(Joules($0)))) }
                    ?? .failure(SystemFailure(action: "reading", reason: "gone")))
        }
        return track.edge
    }

    @Test("the first reading gives no energy") func first() {
        #expect(Self.track([1000]).joules == 0)
        #expect(Self.track([0]).joules == 0)
    }

    @Test("a counter that rises gives the difference") func rises() {
        let edge = Self.track([0, 100, 100, 350])
        #expect(edge.joules == 350)
        #expect(edge.implausible == 0 && edge.breaks == 0 && edge.failures == 0)
    }

    @Test("from the largest value to 0 is one unit") func wrapOfOneUnit() {
        #expect(Self.track([Self.range - Self.unit, 0]).joules == Self.unit)
    }

    @Test("a wrap adds what was left and what came after") func wrap() {
        let edge = Self.track([Self.range - 60, 40, 140, 240])
        #expect(edge.joules == 300)
        #expect(edge.implausible == 0 && edge.breaks == 0)
    }

    @Test("many wraps add up") func manyWraps() {
        let range = 100.0
        let values = (0..<1000).map { (Double($0) * 30).truncatingRemainder(dividingBy: range) }
        #expect(Self.track(values, range: range, watts: 60).joules == 999 * 30)
    }

    @Test("a reading equal to the largest value is believed, the modulus itself is not above it") func largest() {
        #expect(Self.track([Self.range - 100, Self.range - Self.unit]).joules == 100 - Self.unit)
    }

    @Test("a failed read loses nothing when the next one works") func gap() {
        let edge = Self.track([100, nil, nil, 400])
        #expect(edge.joules == 300)
        #expect(edge.failures == 2 && edge.breaks == 0)
        #expect(edge.failure?.contains("gone") == true)
    }

    @Test("a single impossible value is not believed and costs nothing") func torn() {
        let edge = Self.track([1000, 1100, 90_000, 1300, 1400])
        #expect(edge.joules == 400)
        #expect(edge.implausible == 1 && edge.breaks == 0)
    }

    @Test("a reset is noticed: the energy around it is unknown") func reset() {
        let edge = Self.track([100_000, 100_100, 10, 110, 210])
        #expect(edge.breaks == 1)
        #expect(edge.implausible == 2)
        #expect(edge.joules == 300)
    }

    @Test(
        "a value above the range, negative or not a number is never believed",
        arguments: [
            1e9, -1.0, Double.nan, Double.infinity,
        ])
    func impossible(_ value: Double) {
        let edge = Self.track([100, value, 300])
        #expect(edge.joules == 200)
        #expect(edge.implausible == 1 && edge.breaks == 0)
    }

    @Test("so long a gap that two wraps fit in makes the energy unknown") func longGap() {
        let clock = ManualClock()
        var track = MeterTrack(meter("package-0", range: 1000), plausibleWatts: Watts(100))
        for (seconds, value) in [(1.0, 10.0), (1, 60), (11, 70), (1, 120)] {
            clock.advance(seconds)
            track.absorb(.success(TimedReading(instant: clock.now, reading: .counter(Joules(value)))))
        }
        #expect(track.edge.breaks == 1)
        #expect(track.edge.joules == 100)
    }

    @Test("a counter without a range that goes back is not believed") func backwards() {
        let edge = Self.track([100, 50, 200], range: nil)
        #expect(edge.joules == 100)
        #expect(edge.implausible == 1)
    }

    @Test("a reading older than the last is not believed") func backInTime() {
        var track = MeterTrack(meter("package-0"))
        for (nanoseconds, value) in [(2_000_000_000, 10.0), (1_000_000_000, 20), (3_000_000_000, 30)] {
            let instant = MonotonicInstant(nanoseconds: UInt64(nanoseconds))
            track.absorb(.success(TimedReading(instant: instant, reading: .counter(Joules(value)))))
        }
        #expect(track.edge.joules == 20)
    }

    @Test("power is integrated by trapezoids") func power() {
        let clock = ManualClock()
        var track = MeterTrack(meter("gpu", .gpu, range: nil))
        for watts in [100.0, 200, 200] {
            clock.advance(2)
            track.absorb(.success(TimedReading(instant: clock.now, reading: .power(Watts(watts)))))
        }
        #expect(track.edge.joules == 300 + 400)
    }

    @Test("power over a failed read is an interpolation, and said to be one") func powerGap() {
        let clock = ManualClock()
        var track = MeterTrack(meter("gpu", .gpu, range: nil))
        for watts in [100.0, nil, 100] {
            clock.advance(1)
            track.absorb(
                watts.map { .success(TimedReading(instant: clock.now, reading: .power(Watts($0)))) }
                    ?? .failure(SystemFailure(action: "reading", reason: "gone")))
        }
        #expect(track.edge.joules == 200)
        #expect(track.edge.interpolatedSeconds == 2)
    }

    @Test("random histories with wraps and failed reads give the true energy") func random() {
        var generator = SplitMix(state: 7)
        for _ in 0..<2000 {
            let range = Double(generator.next(1000) + 500)
            var total = Double(generator.next(UInt64(range)))
            let begin = total
            var values: [Double?] = [total.truncatingRemainder(dividingBy: range)]
            for _ in 0..<20 {
                total += Double(generator.next(40))
                values.append(total.truncatingRemainder(dividingBy: range))
                if generator.next(4) == 0 { values.append(nil) }
            }
            let edge = Self.track(values, range: range, watts: 50)
            guard values.last != .some(nil) else { continue }
            #expect(edge.joules == total - begin)
            #expect(edge.breaks == 0)
        }
    }
}

/// A small seeded generator.
struct SplitMix {
    var state: UInt64

    mutating func next(_ bound: UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return (mixed ^ (mixed >> 31)) % bound
    }
}
