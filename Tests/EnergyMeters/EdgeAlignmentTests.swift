import EnergyMeters
import NodeModel
import Synchronization
import Testing

@Suite struct EdgeAlignmentTests {
    /// A counter of 200 W that steps every millisecond of a clock which each read moves on by 7 µs.
    static func accumulate(failing: Range<Int> = 0..<0) -> (EnergyAccumulator, ManualClock) {
        let clock = ManualClock()
        let start = clock.now
        let description = meter("package-0", package: 0, range: nil, update: 1e-3)
        let stepping = ScriptedMeter(description) { count in
            clock.advance(7e-6)
            if failing.contains(count) { throw SystemFailure(action: "reading", reason: "unplugged") }
            let now = clock.now
            let steps = (now.since(start).rawValue * 1000).rounded(.down)
            return TimedReading(instant: now, reading: .counter(Joules(1 + 0.2 * steps)))
        }
        return (EnergyAccumulator(meters: [stepping], clock: clock.clock, polling: .manual), clock)
    }

    @Test("a short window is right to the time of a few reads, not to the counter's period") func short() throws {
        for offset in stride(from: 0.0, to: 1e-3, by: 0.93e-4) {
            let (accumulator, clock) = Self.accumulate()
            clock.advance(offset)
            accumulator.beginWindow()
            clock.advance(0.0205)
            let window = accumulator.endWindow()
            let total = try #require(window.total)
            let truth = 200 * window.durationSeconds.rawValue
            #expect(abs(total.value.rawValue / truth - 1) < 0.002, "\(offset)")
            #expect(total.low.rawValue <= truth && truth <= total.high.rawValue)
        }
    }

    @Test("reads that fail while a step is waited for cost nothing") func failures() throws {
        let (accumulator, clock) = Self.accumulate(failing: 3..<1000)
        accumulator.beginWindow()
        clock.advance(0.0205)
        #expect(accumulator.endWindow().total == nil)
        let (healthy, time) = Self.accumulate(failing: 3..<4)
        healthy.beginWindow()
        time.advance(0.0205)
        #expect(healthy.endWindow().total != nil)
    }

    @Test("a counter that never steps ends the wait") func standing() {
        let clock = ManualClock()
        let still = HandMeter(meter("package-0", update: 1e-3), clock: clock.clock, joules: 5)
        let accumulator = EnergyAccumulator(meters: [still], clock: clock.clock, polling: .manual)
        accumulator.beginWindow()
        #expect(accumulator.endWindow().total == nil)
    }
}
