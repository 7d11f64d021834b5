import Glibc
public import NodeModel

/// `CLOCK_MONOTONIC`, the one clock that all layers and child processes share.
public enum MonotonicClock {
    /// The instant of the call; costs some tens of nanoseconds (`clock_gettime`, in the vDSO).
    public static func now() -> MonotonicInstant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicInstant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    /// How long the machine has been suspended since it was started: `CLOCK_BOOTTIME` counts it, `CLOCK_MONOTONIC` not.
    public static func suspended() -> Seconds {
        var whole = timespec()
        var awake = timespec()
        clock_gettime(CLOCK_MONOTONIC, &awake)
        clock_gettime(CLOCK_BOOTTIME, &whole)
        return Seconds(Double(whole.tv_sec - awake.tv_sec) + Double(whole.tv_nsec - awake.tv_nsec) * 1e-9)
    }
}
