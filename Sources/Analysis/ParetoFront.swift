public import NodeModel

/// A point with two figures of merit, each with its 95 % interval; more is better in both.
public struct RatedPoint: Hashable, Sendable {
    /// The point's number, for answers.
    public var number: Int
    /// Work per second.
    public var speed: Limits
    /// The central speed.
    public var speedValue: Double
    /// Work per joule.
    public var efficiency: Limits
    /// The central efficiency.
    public var efficiencyValue: Double

    /// Creates a point; limits default to the value itself.
    public init(
        number: Int, speed: Double, speedLimits: Limits? = nil, efficiency: Double, efficiencyLimits: Limits? = nil
    ) {
        self.number = number
        speedValue = speed
        self.speed = speedLimits ?? Limits(low: speed, high: speed)
        efficiencyValue = efficiency
        self.efficiency = efficiencyLimits ?? Limits(low: efficiency, high: efficiency)
    }

    /// Whether this point is no worse in both figures and, beyond the intervals of both, better in one.
    public func dominates(_ other: RatedPoint) -> Bool {
        guard speedValue >= other.speedValue, efficiencyValue >= other.efficiencyValue else { return false }
        return speed.low > other.speed.high || efficiency.low > other.efficiency.high
    }
}

/// What a choice among operating points can go by.
public enum ParetoFront {
    /// The points that none dominates, slowest first; never empty unless there is no point.
    ///
    /// - Complexity: O(*n*²).
    public static func of(_ points: [RatedPoint]) -> [RatedPoint] {
        points.filter { point in !points.contains { $0.dominates(point) } }
            .sorted { ($0.speedValue, -$0.efficiencyValue) < ($1.speedValue, -$1.efficiencyValue) }
    }

    /// The point with most work for a joule, and those whose interval overlaps with its.
    ///
    /// - Returns: `nil` when there is no point.
    public static func mostEfficient(_ points: [RatedPoint]) -> (best: RatedPoint, notToldApart: [RatedPoint])? {
        guard let best = points.max(by: { $0.efficiencyValue < $1.efficiencyValue }) else { return nil }
        let rivals = points.filter { $0.number != best.number && $0.efficiency.high >= best.efficiency.low }
        return (best, rivals)
    }

    /// The knee of a front, or why it has none.
    public enum Knee: Hashable, Sendable {
        /// The point beyond which more speed costs efficiency fastest.
        case at(RatedPoint)
        /// Why no point can be called so.
        case none(String)
    }

    /// The knee: the point farthest from the chord between the front's ends, both figures scaled to 0…1.
    ///
    /// Satopää, Albrecht, Irwin, Raghavan, "Finding a 'Kneedle' in a Haystack", ICDCS Workshops 2011, for a curve that
    /// is not smoothed. A point has to stand out of the chord with its whole interval.
    ///
    /// - Parameter front: A front, slowest first.
    /// - Returns: The knee, or why there is none.
    public static func knee(_ front: [RatedPoint]) -> Knee {
        guard let first = front.first, let last = front.last, front.count >= 3 else {
            return .none("a knee needs a front of at least 3 points")
        }
        let width = last.speedValue - first.speedValue
        let height = first.efficiencyValue - last.efficiencyValue
        guard width > 0, height > 0 else { return .none("the front has no two ends") }
        // On a falling chord from (0, 1) to (1, 0) the distance is x + y - 1, but for a factor.
        func distance(_ speed: Double, _ efficiency: Double) -> Double {
            (speed - first.speedValue) / width + (efficiency - last.efficiencyValue) / height - 1
        }
        let inner = front.dropFirst().dropLast()
        guard
            let knee = inner.max(by: {
                distance($0.speedValue, $0.efficiencyValue) < distance($1.speedValue, $1.efficiencyValue)
            }), distance(knee.speed.low, knee.efficiency.low) > 0
        else { return .none("no point stands out of the line between the front's ends by more than its interval") }
        return .at(knee)
    }
}
