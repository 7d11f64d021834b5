import NodeModel

/// Puts the edges of a window on steps of the counters.
///
/// A counter that is read at any time shows the energy of its last step, up to an update period ago. Reading it again
/// until it steps tells the energy of a known instant (M. Hähnel et al., "Measuring energy consumption for short code
/// paths using RAPL", SIGMETRICS PER 40(3), 2012).
struct EdgeAlignment: Sendable {
    /// The meters that are waited for: counters of the total that step often enough.
    let indices: [Int]
    /// How long their steps are waited for.
    let patience: Seconds

    // Longer would cost more than it tells, and heat the node.
    private static let longestPeriod = Seconds(0.005)
    // A processor in deep sleep steps late.
    private static let periodsWaited = 2.5

    /// Chooses the meters; `nil` when there is none to wait for.
    init?(_ meters: [MeterDescription], expectedPackages: Int?) {
        let cover = DomainCover.inTotal(meters.map(\.domain), expectedPackages: expectedPackages)
        indices = cover.filter { index in
            let meter = meters[index]
            return meter.samplesPower != true && meter.grade != .modelled && meter.updatePeriodSeconds > .zero
                && meter.updatePeriodSeconds <= Self.longestPeriod
        }
        guard let slowest = indices.map({ meters[$0].updatePeriodSeconds }).max() else { return nil }
        patience = slowest * Self.periodsWaited
    }

    /// Reads the counters until each has stepped, or it has been waited for long enough.
    ///
    /// A read that fails is as if it had not been tried: the edge was read before.
    func align(_ tracks: inout [MeterTrack], _ meters: [any EnergyMeter], _ clock: MeterClock) {
        let start = clock.now()
        var waiting = indices.filter { tracks[$0].edge.isFresh }
        var now = start
        while !waiting.isEmpty {
            waiting.removeAll { index in
                var track = tracks[index]
                guard track.absorb(Result { try meters[index].read() }) else { return true }
                let hasStepped = track.edge.joules > tracks[index].edge.joules
                if hasStepped { track.markStep() }
                tracks[index] = track
                return hasStepped
            }
            let round = now
            now = clock.now()
            // A clock that stands still would never end it.
            guard now > round, now.since(start) <= patience else { return }
        }
    }
}
