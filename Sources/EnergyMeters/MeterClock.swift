import HostProbe
public import NodeModel

/// The clock meters and windows read; a test puts its own in its place.
public struct MeterClock: Sendable {
    /// Tells the current instant.
    public var now: @Sendable () -> MonotonicInstant

    /// Tells how long the machine has been suspended since it was started.
    public var suspended: @Sendable () -> Seconds

    /// Creates a clock from functions.
    ///
    /// - Parameters:
    ///   - suspended: How long the machine has been suspended; by default never.
    ///   - now: The current instant.
    public init(
        suspended: @escaping @Sendable () -> Seconds = { .zero }, now: @escaping @Sendable () -> MonotonicInstant
    ) {
        self.suspended = suspended
        self.now = now
    }

    /// `CLOCK_MONOTONIC`, which stands still while the machine is suspended.
    public static let monotonic = MeterClock(suspended: { MonotonicClock.suspended() }, now: { MonotonicClock.now() })
}
