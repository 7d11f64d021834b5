public import HostProbe
public import NodeModel

/// How long processors were busy, since an arbitrary start.
public struct ProcessorUse: Hashable, Sendable {
    /// When it was read.
    public var instant: MonotonicInstant
    /// Processor-seconds spent working for this machine, over all processors; stolen time is not part of it.
    public var busySeconds: Seconds

    /// Creates a reading.
    public init(instant: MonotonicInstant, busySeconds: Seconds) {
        self.instant = instant
        self.busySeconds = busySeconds
    }
}

/// Tells cumulative processor times.
public protocol UtilisationSource: AnyObject, Sendable {
    /// How many processors the times are summed over.
    var processors: Int { get }

    /// Reads the times now.
    ///
    /// - Returns: The cumulative times and the instant of the read.
    /// - Throws: `SystemFailure` when they cannot be read.
    func read() throws -> ProcessorUse
}

/// Processor times from `/proc/stat`, in steps of a clock tick (10 ms).
public final class ProcStatUtilisation: UtilisationSource {
    /// How many processors `/proc/stat` showed at first.
    public let processors: Int
    private let file: ProcessorTimesFile
    private let clock: MeterClock

    /// Counts the processors in the file.
    ///
    /// - Parameters:
    ///   - root: Where `/proc` is.
    ///   - clock: The clock that stamps the readings.
    /// - Throws: `SystemFailure` when the file cannot be read or shows no processor.
    public init(root: HostRoot = HostRoot(), clock: MeterClock = .monotonic) throws {
        file = try ProcessorTimesFile(root)
        let lines = root.text("/proc/stat", limit: 4 << 20)?.split(separator: "\n") ?? []
        processors = lines.filter { $0.hasPrefix("cpu") && !$0.hasPrefix("cpu ") }.count
        self.clock = clock
        _ = try file.read()
        guard processors > 0 else {
            throw SystemFailure(
                action: "reading /proc/stat", reason: "no line begins with cpu0", recovery: "mount /proc")
        }
    }

    /// Reads the times now.
    ///
    /// - Returns: Worked processor-seconds since the machine started.
    /// - Throws: `SystemFailure` when `/proc/stat` cannot be read.
    public func read() throws -> ProcessorUse {
        let instant = clock.now()
        return ProcessorUse(instant: instant, busySeconds: Seconds(try file.read().workedSeconds))
    }
}
