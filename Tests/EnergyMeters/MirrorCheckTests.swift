import EnergyMeters
import Glibc
import NodeModel
import Synchronization
import Testing

/// A counter of 100 W that steps every millisecond of a clock each read moves on by 5 µs.
private final class Register: PowercapCounter {
    private let clock: ManualClock
    private let offset: UInt64
    private let watts: UInt64
    private let range: UInt64

    init(_ clock: ManualClock, offset: UInt64 = 0, watts: UInt64 = 100, range: UInt64 = 65_532_610_987) {
        self.clock = clock
        self.offset = offset
        self.watts = watts
        self.range = range
    }

    func microjoules() throws(PowercapFailure) -> UInt64 {
        defer { clock.advance(5e-6) }
        let milliseconds = clock.now.nanoseconds / 1_000_000
        return (offset + milliseconds * watts * 1_000) % (range + 1)
    }
}

/// A counter that cannot be read.
private final class Broken: PowercapCounter {
    func microjoules() throws(PowercapFailure) -> UInt64 { throw PowercapFailure(path: "energy_uj", errorNumber: EIO) }
}

@Suite struct MirrorCheckTests {
    private let time = ManualClock()
    private let range: UInt64 = 65_532_610_987

    private func compare(_ first: some PowercapCounter, _ second: some PowercapCounter) -> MirrorCheck.Evidence {
        let time = self.time
        return MirrorCheck(clock: time.clock) { time.advance(2.5e-3) }
            .compare(first, second, range: range, watts: Watts(500))
    }

    @Test("one register read twice is found, also across its wrap") func same() {
        #expect(compare(Register(time), Register(time)) == .same)
        let close = range - 1_000 * 100 * 1_000 - 200_000
        #expect(compare(Register(time, offset: close), Register(time, offset: close)) == .same)
    }

    @Test("registers of two dies are told apart", arguments: [20_000_000, 1_000_000_000, 60_000_000_000] as [UInt64])
    func different(_ offset: UInt64) {
        #expect(compare(Register(time), Register(time, offset: offset)) == .different)
        #expect(compare(Register(time, offset: offset), Register(time)) == .different)
    }

    @Test("registers that happen to be close are not taken for one") func close() {
        #expect(compare(Register(time), Register(time, offset: 1_000_000)) == .unknown)
    }

    @Test("what stands still or cannot be read tells nothing") func nothing() {
        #expect(compare(Register(time, watts: 0), Register(time, watts: 0)) == .unknown)
        #expect(compare(Register(time), Broken()) == .unknown)
    }
}
