package import NodeModel

/// How often each meter has to be read between the edges of windows: no slower than is safe, no faster than it must be.
///
/// Every read of a RAPL counter wakes its package, and every read costs time the work under the meter does not get.
package struct PollPlan: Sendable {
    /// For each meter the longest time between two reads; `nil` for one that is read at the edges alone.
    package let intervals: [Seconds?]

    // A counter that was set back, as by a driver loaded again, is noticed the sooner the better the rest is known.
    private static let longest = Seconds(60)
    // What people see moves once a second.
    private static let live = Seconds(1)

    /// Plans the reads.
    ///
    /// - Parameters:
    ///   - meters: The meters.
    ///   - isLive: Whether somebody watches the power as it is now.
    package init(_ meters: [any EnergyMeter], isLive: Bool) {
        intervals = meters.map { meter in
            let needed = Self.interval(meter)
            return isLive ? min(needed ?? Self.live, Self.live) : needed
        }
    }

    /// The time between two rounds; `nil` when no meter needs any.
    package var interval: Seconds? { intervals.compactMap(\.self).min() }

    /// Whether a meter is due.
    ///
    /// - Parameters:
    ///   - index: The meter's position.
    ///   - passed: The time since it was last read.
    /// - Returns: `true` when the next round would come too late for it.
    package func isDue(_ index: Int, after passed: Seconds) -> Bool {
        guard let own = intervals[index], let round = interval else { return false }
        return passed + round > own || passed >= own
    }

    /// A quarter of the shortest time a counter can wrap in; a sampled power as often as it is renewed, ten times a
    /// second at most.
    private static func interval(_ meter: any EnergyMeter) -> Seconds? {
        let description = meter.description
        if description.samplesPower == true {
            return min(max(Seconds(0.1), description.updatePeriodSeconds), longest)
        }
        // The model's energy is made of cumulative times, and reading those of a large node is slow.
        if description.grade == .modelled, description.wrapRangeJoules == nil { return nil }
        guard let range = description.wrapRangeJoules else { return longest }
        let wrap = range.rawValue / meter.believableWatts.rawValue
        return min(max(Seconds(0.25), Seconds(wrap / 4)), longest)
    }
}
