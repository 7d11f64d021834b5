public import NodeModel

/// Stops when the median is known well enough, when it no longer moves, or when time is up.
///
/// Never before `minimumTime`: short runs agree with themselves and disagree with the next run, because clocks and
/// neighbours change over seconds.
public struct PrecisionRule: StoppingRule {
    /// The rule's name in its catalogue.
    public static let name = "precision"

    /// Fewer samples than this say nothing about their spread: with 7 the median's interval first excludes an outlier.
    public static let minimumSamples = 7

    private let target: Double
    private let minimumTime: Seconds
    private let budget: Seconds
    private var samples: [Double] = []
    private var elapsed = Seconds.zero

    /// Creates a rule.
    ///
    /// - Parameters:
    ///   - target: The wanted half-width of the median's 95 % interval as a fraction of the median.
    ///   - minimumTime: The shortest time to sample for.
    ///   - budget: The longest time to sample for.
    public init(target: Double = 0.005, minimumTime: Seconds, budget: Seconds) {
        self.target = target
        self.minimumTime = minimumTime
        self.budget = budget
    }

    /// Takes the next sample.
    ///
    /// - Parameters:
    ///   - seconds: The sample, seconds of one repetition.
    ///   - elapsed: Time since the first sample began.
    public mutating func add(_ seconds: Seconds, elapsed: Seconds) {
        samples.append(seconds.rawValue)
        self.elapsed = elapsed
    }

    /// Why sampling may end, or `nil` to go on.
    public var verdict: StopReason? {
        if elapsed >= budget && samples.count >= 3 { return .outOfTime }
        guard samples.count >= Self.minimumSamples, elapsed >= minimumTime else { return nil }
        if Statistics.relativePrecision(samples) <= target { return .precise }
        return isStable ? .stable : nil
    }

    /// Whether the second half of many samples moved the median by less than a fifth of the target.
    private var isStable: Bool {
        guard samples.count >= 40, let whole = Statistics.median(samples),
            let half = Statistics.median(Array(samples.prefix(samples.count / 2)))
        else { return false }
        return abs(whole - half) <= target / 5 * whole
    }
}
