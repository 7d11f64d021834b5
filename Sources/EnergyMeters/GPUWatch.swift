import HostProbe
public import NodeModel

/// Watches a GPU's clocks, temperature and what holds it back while something is measured on it.
///
/// Not thread-safe: one caller at a time.
public final class GPUWatch {
    private let state: () throws -> GPUState
    private let clock: MeterClock
    private var states: [GPUState] = []
    private var sampledAt: MonotonicInstant?

    // The driver takes a millisecond or more to answer.
    private static let sampleInterval = Seconds(0.5)

    /// Creates a watch.
    ///
    /// - Parameters:
    ///   - clock: Tells how long ago the last sample was.
    ///   - state: Asks the GPU; what it throws is a sample that is missing.
    public init(clock: MeterClock = .monotonic, state: @escaping () throws -> GPUState) {
        self.clock = clock
        self.state = state
    }

    /// Starts an observation.
    public func begin() {
        states = []
        sampledAt = nil
    }

    /// Asks the GPU, unless it was asked within half a second; useful while it works.
    public func sample() {
        let now = clock.now()
        if let sampledAt, now.since(sampledAt) < Self.sampleInterval { return }
        sampledAt = now
        if let found = try? state() { states.append(found) }
    }

    /// Ends the observation.
    ///
    /// - Returns: What the samples since ``begin()`` show; `nil` without any.
    public func end() -> GPUConditions? {
        guard !states.isEmpty else { return nil }
        let held = Set(states.flatMap { $0.clockEvents ?? [] }).filter(\.isThrottling)
        return GPUConditions(
            clockHertz: Self.median(states.compactMap(\.smClock)),
            memoryClockHertz: Self.median(states.compactMap(\.memoryClock)),
            temperatureCelsius: states.compactMap(\.temperatureCelsius).max(),
            powerLimitWatts: states.compactMap { $0.limits.enforced ?? $0.limits.current }.min(),
            throttleReasons: held.map(\.rawValue).sorted())
    }

    private static func median(_ values: [Hertz]) -> Hertz? {
        values.isEmpty ? nil : values.sorted()[values.count / 2]
    }
}
