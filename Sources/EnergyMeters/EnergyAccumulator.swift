public import NodeModel
import Synchronization

/// Meters energy over windows by reading every meter at the edges and, seldom, in between.
///
/// The reads in between only see to it that no counter wraps twice unseen and give the live power. A read costs some
/// microseconds for each meter.
public final class EnergyAccumulator: EnergyMetering, Sendable {
    /// How often meters are read between the edges of windows.
    public enum GuardPoll: Sendable {
        /// By a thread, at a quarter of the shortest time in which a counter can wrap or when a sampled power is renewed,
        /// between 0.1 s and 1 s.
        case automatic
        /// Only when ``EnergyAccumulator/poll()`` is called.
        case manual
    }

    /// What is metered, for records; the power model is among them even while counters make the total.
    public let descriptions: [MeterDescription]
    /// The shortest window in which the meters of the total resolve about 1 %.
    public let minimumWindow: Seconds
    private let core: AccumulatorCore
    private let poller: Mutex<GuardThread?>

    /// Starts to meter.
    ///
    /// - Parameters:
    ///   - meters: The meters, best first; a power model among them stands in for counters that fail.
    ///   - expectedPackages: How many packages the node has, where that is known; with fewer metered, their sum is not
    ///     taken for the node.
    ///   - clock: The clock of the windows; the meters' own readings carry their own instants.
    ///   - polling: Whether a thread reads the meters between the edges.
    public init(
        meters: [any EnergyMeter], expectedPackages: Int? = nil, clock: MeterClock = .monotonic,
        polling: GuardPoll = .automatic
    ) {
        descriptions = meters.map(\.description)
        minimumWindow = Self.minimumWindow(descriptions, expectedPackages)
        let core = AccumulatorCore(meters: meters, expectedPackages: expectedPackages, clock: clock)
        self.core = core
        core.poll()
        guard case .automatic = polling, !meters.isEmpty else {
            poller = Mutex(nil)
            return
        }
        poller = Mutex(GuardThread(interval: Self.pollInterval(meters)) { core.poll() })
    }

    deinit { stop() }

    /// The mean power of the total over the last fifth of a second or more, from the latest reads.
    public var currentPower: Watts? { core.currentPower }

    /// Reads all meters and opens a window.
    public func beginWindow() { core.begin() }

    /// Reads all meters and closes the window.
    ///
    /// - Returns: The energy since ``beginWindow()``, by the rules of
    ///   ``WindowAssembly/energy(from:to:meters:expectedPackages:)``; unknown when no window was open.
    public func endWindow() -> WindowEnergy { core.end() }

    /// Reads all meters once, as the thread does.
    public func poll() { core.poll() }

    /// Ends the reads between the edges and waits for the thread; windows still work.
    public func stop() {
        let ended = poller.withLock { poller in
            defer { poller = nil }
            return poller
        }
        withExtendedLifetime(ended) {}
    }

    /// The time between two reads that no counter can wrap in unseen, and no change of a sampled power is missed.
    ///
    /// - Parameter meters: The meters.
    /// - Returns: Between 0.1 s and 1 s.
    package static func pollInterval(_ meters: [any EnergyMeter]) -> Seconds {
        let wraps = meters.compactMap { meter in
            meter.description.wrapRangeJoules.map { max(0.25, $0.rawValue / plausibleWatts(of: meter).rawValue / 4) }
        }
        let samples = meters.compactMap { meter in
            meter.description.samplesPower == true ? max(0.1, meter.description.updatePeriodSeconds.rawValue) : nil
        }
        return Seconds((wraps + samples + [1]).min() ?? 1)
    }

    /// The power above which a meter's reading is not believed.
    static func plausibleWatts(of meter: any EnergyMeter) -> Watts {
        (meter as? any PowerBounded)?.plausibleWatts ?? Watts(2000)
    }

    /// The window in which the edges are 1 % of the time.
    ///
    /// There are two, each up to an update period late; two steps of the counter at 400 W are not to be more either.
    /// A model is 30 % wrong anyway, so 4 % is enough for it.
    private static func minimumWindow(_ meters: [MeterDescription], _ expectedPackages: Int?) -> Seconds {
        let cover = DomainCover.inTotal(meters.map(\.domain), expectedPackages: expectedPackages)
        let windows = cover.map { index -> Double in
            let meter = meters[index]
            guard meter.grade != .modelled else { return 50 * meter.updatePeriodSeconds.rawValue }
            return max(200 * meter.updatePeriodSeconds.rawValue, 200 * meter.resolutionJoules.rawValue / 400)
        }
        return Seconds(windows.max() ?? 0)
    }
}

/// What the accumulator and its thread share.
final class AccumulatorCore: Sendable {
    private struct State {
        var tracks: [MeterTrack]
        var begin: WindowAssembly.Moment?
        var display: WindowAssembly.Moment?
        var power: Watts?
    }

    private let meters: [any EnergyMeter]
    private let expectedPackages: Int?
    private let clock: MeterClock
    private let state: Mutex<State>

    // Over less, the counters' steps and ticks would show as noise of the live power.
    private static let displaySeconds = 0.2
    // One bad read at an edge would cost the whole window.
    private static let readsAtEdge = 3

    init(meters: [any EnergyMeter], expectedPackages: Int?, clock: MeterClock) {
        self.meters = meters
        self.expectedPackages = expectedPackages
        self.clock = clock
        state = Mutex(
            State(
                tracks: meters.map {
                    MeterTrack($0.description, plausibleWatts: EnergyAccumulator.plausibleWatts(of: $0))
                }))
    }

    var currentPower: Watts? { state.withLock(\.power) }

    func poll() { state.withLock { state in read(&state, attempts: 1) } }

    func begin() {
        state.withLock { state in
            read(&state, attempts: Self.readsAtEdge)
            state.begin = moment(state, clock.now())
        }
    }

    func end() -> WindowEnergy {
        let instant = clock.now()
        return state.withLock { state in
            let begin = state.begin
            state.begin = nil
            guard let begin else {
                return WindowEnergy(durationSeconds: Seconds(0), total: nil, grade: .none, domains: [])
            }
            read(&state, attempts: Self.readsAtEdge)
            return energy(from: begin, to: moment(state, instant))
        }
    }

    private func read(_ state: inout State, attempts: Int) {
        for index in meters.indices {
            for _ in 0..<attempts where state.tracks[index].absorb(Result { try meters[index].read() }) { break }
        }
        let now = moment(state, clock.now())
        guard let earlier = state.display else {
            state.display = now
            return
        }
        guard now.instant.since(earlier.instant).rawValue >= Self.displaySeconds else { return }
        state.power = energy(from: earlier, to: now).power?.value
        state.display = now
    }

    private func moment(_ state: State, _ instant: MonotonicInstant) -> WindowAssembly.Moment {
        WindowAssembly.Moment(
            instant: instant, edges: state.tracks.map(\.edge), suspended: clock.suspended())
    }

    private func energy(from begin: WindowAssembly.Moment, to end: WindowAssembly.Moment) -> WindowEnergy {
        WindowAssembly.energy(
            from: begin, to: end, meters: meters.map(\.description), expectedPackages: expectedPackages)
    }
}
