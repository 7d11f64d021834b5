public import NodeModel
import Synchronization

/// Meters energy over windows by reading every meter at the edges and, seldom, in between.
///
/// The reads in between only see to it that no counter wraps twice unseen and give the live power. A read costs some
/// microseconds for each meter.
public final class EnergyAccumulator: EnergyMetering, Sendable {
    /// How often meters are read between the edges of windows.
    public enum GuardPoll: Sendable {
        /// By a thread, as seldom as is safe: see ``PollPlan``.
        case automatic
        /// By a thread, each meter at least once a second, for somebody who watches the power.
        case live
        /// Only when ``EnergyAccumulator/poll()`` is called.
        case manual
    }

    /// What is metered, for records; the power model is among them even while counters make the total.
    public let descriptions: [MeterDescription]
    /// The shortest window in which the meters of the total resolve about 1 %.
    public let minimumWindow: Seconds
    /// The meters that are read for a power trace: all but a power model that only stands in for counters, since it takes
    /// long to read.
    public let sampled: [MeterDescription]
    private let sampledIndices: [Int]
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
        let descriptions = meters.map(\.description)
        self.descriptions = descriptions
        minimumWindow = Self.minimumWindow(descriptions, expectedPackages)
        let cover = DomainCover.inTotal(descriptions.map(\.domain), expectedPackages: expectedPackages)
        let sampledIndices = descriptions.indices.filter {
            descriptions[$0].grade != .modelled || cover.contains($0)
        }
        self.sampledIndices = sampledIndices
        sampled = sampledIndices.map { descriptions[$0] }
        let plan = PollPlan(meters, isLive: polling == .live)
        let core = AccumulatorCore(
            meters: meters, expectedPackages: expectedPackages, clock: clock, plan: plan,
            alignment: EdgeAlignment(descriptions, expectedPackages: expectedPackages))
        self.core = core
        core.poll()
        guard polling != .manual, let interval = plan.interval else {
            poller = Mutex(nil)
            return
        }
        poller = Mutex(GuardThread(interval: interval) { core.pollDue() })
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

    /// Reads the meters of ``sampled`` now.
    ///
    /// - Returns: Where each stands, in their order.
    public func sample() -> EnergySample { core.sample(sampledIndices) }

    /// Ends the reads between the edges and waits for the thread; windows still work.
    public func stop() {
        let ended = poller.withLock { poller in
            defer { poller = nil }
            return poller
        }
        withExtendedLifetime(ended) {}
    }

    private static let longestWindow = 60.0

    /// The window in which the edges are 1 % of the time, or half of what the meter itself leaves open.
    ///
    /// There are two edges, each up to an update period late; two steps of the counter at 400 W are not to be more
    /// either. A model is 30 % wrong anyway, so 4 % is enough for it.
    private static func minimumWindow(_ meters: [MeterDescription], _ expectedPackages: Int?) -> Seconds {
        let cover = DomainCover.inTotal(meters.map(\.domain), expectedPackages: expectedPackages)
        let windows = cover.map { index -> Double in
            let meter = meters[index]
            let share = meter.grade == .modelled ? 0.04 : max(0.01, meter.relativeUncertainty / 2)
            return 2 * max(meter.updatePeriodSeconds.rawValue, meter.resolutionJoules.rawValue / 400) / share
        }
        // A meter that averages over minutes gives no energy of such windows, and says so.
        return Seconds(min(windows.max() ?? 0, longestWindow))
    }
}
