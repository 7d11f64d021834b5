import Glibc
package import NodeModel

/// Finds zones that show the same register.
///
/// Kernels of some time showed AMD's package counter once for each die, and nothing in sysfs tells such zones from real
/// dies. Counters of different hardware stand at different values; the same register shows the same value, step by step.
package struct MirrorCheck {
    /// What two counters' values tell.
    package enum Evidence {
        case same, different, unknown
    }

    /// How often the pair is read.
    private static let tries = 6
    /// Between two tries, so that the counters have stepped.
    package static let pauseMicroseconds: UInt32 = 2_500
    // Reads of a register through another processor take time, and a busy package uses energy meanwhile.
    private static let lateSeconds = 0.02

    private let clock: MeterClock
    private let pause: () -> Void

    /// Creates a check.
    ///
    /// - Parameters:
    ///   - clock: Tells how far apart two reads are.
    ///   - pause: Lets the counters step.
    package init(clock: MeterClock, pause: @escaping () -> Void = { usleep(MirrorCheck.pauseMicroseconds) }) {
        self.clock = clock
        self.pause = pause
    }

    /// Compares two counters while they run.
    ///
    /// - Parameters:
    ///   - first: A counter.
    ///   - second: Another one with the same range.
    ///   - range: The largest value of both, in microjoules.
    ///   - watts: The power above which a reading is not believed.
    /// - Returns: `different` when their values cannot be of one register, `same` when they were equal to the microjoule
    ///   at two different values, else `unknown`, as with counters that stand still.
    package func compare(_ first: any PowercapCounter, _ second: any PowercapCounter, range: UInt64, watts: Watts)
        -> Evidence
    {
        var equal: Set<UInt64> = []
        for attempt in 0..<Self.tries {
            if attempt > 0 { pause() }
            let start = clock.now()
            guard let one = try? first.microjoules(), let other = try? second.microjoules() else { return .unknown }
            let seconds = clock.now().since(start).rawValue + Self.lateSeconds
            if one == other { equal.insert(one) }
            if equal.count == 2 { return .same }
            let apart = one > other ? one - other : other - one
            // A wrap between the two reads puts them at the two ends of the range.
            let distance = Double(min(apart, range &- apart &+ 1)) * 1e-6
            if distance > watts.rawValue * seconds { return .different }
        }
        return .unknown
    }
}
