import EnergyMeters
import NodeModel
import Testing

@Suite struct GPUWatchTests {
    static func state(_ megahertz: Double?, _ celsius: Double?, _ events: Set<GPUClockEvent>?, limit: Double? = nil)
        -> GPUState
    {
        GPUState(
            smClock: megahertz.map { Hertz($0 * 1e6) }, memoryClock: Hertz(2_619e6), temperatureCelsius: celsius,
            clockEvents: events, limits: GPUPowerLimits(current: Watts(700), enforced: limit.map { Watts($0) }))
    }

    @Test("clocks are the median, heat the highest, reasons all there were") func summary() throws {
        let time = ManualClock()
        let states = [
            Self.state(1_980, 51, []), Self.state(1_755, 64, [.powerCap]), Self.state(nil, nil, nil),
            Self.state(1_650, 66, [.powerCap, .thermalSlowdown, .applicationClocks], limit: 600),
        ]
        var asked = 0
        let watch = GPUWatch(clock: time.clock) {
            defer { asked += 1 }
            return states[asked]
        }
        watch.begin()
        for _ in states {
            watch.sample()
            // Asked again at once, it is left alone.
            watch.sample()
            time.advance(0.6)
        }
        #expect(asked == states.count)
        let found = try #require(watch.end())
        #expect(found.clockHertz == Hertz(1_755e6) && found.memoryClockHertz == Hertz(2_619e6))
        #expect(found.temperatureCelsius == 66 && found.powerLimitWatts == Watts(600))
        #expect(found.throttleReasons == ["power_cap", "thermal_slowdown"])
    }

    @Test("a GPU that does not answer has no conditions, and does not stop what is measured") func silent() {
        let watch = GPUWatch { throw SystemFailure(action: "asking", reason: "the card is lost") }
        watch.begin()
        watch.sample()
        #expect(watch.end() == nil)
    }
}
