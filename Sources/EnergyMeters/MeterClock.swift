import HostProbe
public import NodeModel

/// The clock meters and windows read; a test puts its own in its place.
public struct MeterClock: Sendable {
    /// Tells the current instant.
    public var now: @Sendable () -> MonotonicInstant

    /// Creates a clock from a function.
    public init(now: @escaping @Sendable () -> MonotonicInstant) { self.now = now }

    /// `CLOCK_MONOTONIC`, which stands still while the machine is suspended.
    public static let monotonic = MeterClock { MonotonicClock.now() }
}
