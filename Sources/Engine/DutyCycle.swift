public import NodeModel

/// Keeps one thread busy for a fraction of the time, in short slices.
///
/// Periods are of random length between 6 and 10 ms: a constant one would fall into step with the kernel's tick, by
/// which many kernels account time. What one period works too much or too little, the next makes up for.
public struct DutyCycle: Sendable {
    /// What to do next.
    public enum Step: Hashable, Sendable {
        /// Work for one short piece and report it.
        case work
        /// Sleep until then.
        case sleep(until: MonotonicInstant)
    }

    static let shortest = Seconds(0.006)
    static let longest = Seconds(0.010)

    private let level: Double
    private let start: MonotonicInstant
    private var random: SplitMix
    private var periodEnd: MonotonicInstant
    private var target = Seconds.zero
    /// The time worked since the start.
    public private(set) var worked = Seconds.zero

    /// Starts a cycle.
    ///
    /// - Parameters:
    ///   - level: The fraction of the time to work, 0 to 1.
    ///   - index: The thread's number, by which its first period is shifted.
    ///   - count: How many threads there are.
    ///   - seed: The seed of the periods' lengths.
    ///   - now: The instant of the call.
    public init(level: Double, index: Int, of count: Int, seed: UInt32, now: MonotonicInstant) {
        self.level = min(max(level, 0), 1)
        // The shifted first period is not counted: making up for it would take slices of many periods.
        start = now.advanced(by: Self.longest * (Double(index) / Double(max(count, 1))))
        random = SplitMix(state: UInt64(seed) << 32 | UInt64(truncatingIfNeeded: index))
        periodEnd = start
    }

    /// What to do at an instant.
    public mutating func step(at now: MonotonicInstant) -> Step {
        if now >= periodEnd {
            let share = Double(random.next() >> 11) * 0x1p-53
            periodEnd = now.advanced(by: Self.shortest + (Self.longest - Self.shortest) * share)
            target = periodEnd.since(start) * level
        }
        return level > 0 && worked < target ? .work : .sleep(until: periodEnd)
    }

    /// Takes the time a piece of work took.
    public mutating func report(_ seconds: Seconds) { worked += seconds }
}
