import NodeModel
import Synchronization

/// What the accumulator and its thread share.
final class AccumulatorCore: Sendable {
    private struct State {
        var tracks: [MeterTrack]
        var lastReads: [MonotonicInstant?]
        var begin: WindowAssembly.Moment?
        var display: WindowAssembly.Moment?
        var power: Watts?
    }

    private let meters: [any EnergyMeter]
    private let expectedPackages: Int?
    private let clock: MeterClock
    private let plan: PollPlan
    private let alignment: EdgeAlignment?
    private let state: Mutex<State>

    // Over less, the counters' steps and ticks would show as noise of the live power.
    private static let displaySeconds = 0.2
    // One bad read at an edge would cost the whole window.
    private static let readsAtEdge = 3

    init(
        meters: [any EnergyMeter], expectedPackages: Int?, clock: MeterClock, plan: PollPlan,
        alignment: EdgeAlignment?
    ) {
        self.meters = meters
        self.expectedPackages = expectedPackages
        self.clock = clock
        self.plan = plan
        self.alignment = alignment
        let tracks = meters.map { MeterTrack($0.description, plausibleWatts: $0.believableWatts) }
        state = Mutex(State(tracks: tracks, lastReads: tracks.map { _ in nil }))
    }

    var currentPower: Watts? { state.withLock(\.power) }

    /// Reads every meter.
    func poll() {
        state.withLock { state in
            read(&state, meters.indices, attempts: 1)
            show(&state)
        }
    }

    /// Reads the meters whose time has come.
    func pollDue() {
        state.withLock { state in
            let now = clock.now()
            let due = meters.indices.filter { index in
                guard let last = state.lastReads[index] else { return true }
                return plan.isDue(index, after: now.since(last))
            }
            read(&state, due, attempts: 1)
            show(&state)
        }
    }

    func begin() {
        state.withLock { state in
            read(&state, meters.indices, attempts: Self.readsAtEdge)
            align(&state)
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
            read(&state, meters.indices, attempts: Self.readsAtEdge)
            align(&state)
            return energy(from: begin, to: moment(state, instant))
        }
    }

    /// Reads the meters that tell of short times, and says where each stands.
    func sample(_ indices: [Int]) -> EnergySample {
        state.withLock { state in
            read(&state, indices, attempts: 1)
            return EnergySample(instant: clock.now(), edges: indices.map { state.tracks[$0].edge })
        }
    }

    private func read(_ state: inout State, _ indices: some Sequence<Int>, attempts: Int) {
        for index in indices {
            // Sensors of power take long to answer, and longer not to.
            let attempts = meters[index].description.samplesPower == true ? 1 : attempts
            for _ in 0..<attempts where state.tracks[index].absorb(Result { try meters[index].read() }) { break }
            state.lastReads[index] = clock.now()
        }
    }

    private func align(_ state: inout State) {
        alignment?.align(&state.tracks, meters, clock)
    }

    private func show(_ state: inout State) {
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
