import Glibc
import NodeModel

/// Processor time since the machine started, from `/proc/stat`, summed over some processors.
///
/// Resolution is one tick (`1 / USER_HZ`, usually 10 ms) per processor.
public struct ProcessorTimes: Hashable, Sendable {
    /// Seconds spent on anything, stolen time included; idle and I/O wait are not counted.
    public var busySeconds: Double
    /// The part of ``busySeconds`` in which a hypervisor ran something else.
    public var stealSeconds: Double
    /// All seconds: busy, idle and waiting for I/O.
    public var totalSeconds: Double

    /// Creates times.
    ///
    /// - Parameters:
    ///   - busySeconds: Seconds spent on anything, stolen time included.
    ///   - stealSeconds: The stolen part.
    ///   - totalSeconds: All seconds.
    public init(busySeconds: Double, stealSeconds: Double, totalSeconds: Double) {
        self.busySeconds = busySeconds
        self.stealSeconds = stealSeconds
        self.totalSeconds = totalSeconds
    }

    /// The seconds in which the processors really worked for this machine: busy without stolen.
    public var workedSeconds: Double { max(busySeconds - stealSeconds, 0) }

    /// Busy time as a fraction of all time, 0 to 1; `nil` when no time passed.
    public var busyFraction: Double? { totalSeconds > 0 ? min(busySeconds / totalSeconds, 1) : nil }

    /// Stolen time as a fraction of all time, 0 to 1; `nil` when no time passed.
    public var stealFraction: Double? { totalSeconds > 0 ? min(stealSeconds / totalSeconds, 1) : nil }

    /// The time from `earlier` to this reading; a counter that ran backwards counts as standing still.
    public func since(_ earlier: ProcessorTimes) -> ProcessorTimes {
        ProcessorTimes(
            busySeconds: max(busySeconds - earlier.busySeconds, 0),
            stealSeconds: max(stealSeconds - earlier.stealSeconds, 0),
            totalSeconds: max(totalSeconds - earlier.totalSeconds, 0))
    }
}

extension ProcessorTimes {
    /// Ticks per second of `/proc/stat`, the C library's `_SC_CLK_TCK`.
    public static var ticksPerSecond: Double { max(Double(sysconf(Int32(_SC_CLK_TCK))), 1) }

    /// Reads the times now.
    ///
    /// - Parameters:
    ///   - root: Where `/proc` is.
    ///   - threads: The processors to sum over; `nil` for all.
    /// - Returns: The sum of the processors' times since the machine started.
    /// - Throws: `SystemFailure` when `/proc/stat` is missing, unreadable or holds none of the processors.
    public static func read(_ root: HostRoot = HostRoot(), threads: [Int]? = nil) throws -> ProcessorTimes {
        let bytes: [UInt8]?
        do {
            bytes = try root.readPieces("/proc/stat", limit: 4 << 20)
        } catch {
            throw error.systemFailure
        }
        guard let bytes, let times = parse(String(decoding: bytes, as: UTF8.self), threads: threads) else {
            throw SystemFailure(
                action: "reading \(root.path == "/" ? "" : root.path)/proc/stat",
                reason: "it has no line for \(threads.map { "processors \(CPUList.format($0))" } ?? "'cpu'")",
                recovery: "mount /proc")
        }
        return times
    }

    /// Reads the text of `/proc/stat`.
    ///
    /// - Parameters:
    ///   - text: The file's contents.
    ///   - threads: The processors to sum over; `nil` for the line of all.
    ///   - ticksPerSecond: The unit of the file's numbers.
    /// - Returns: The sum, or `nil` when there is no line for the processors asked for.
    public static func parse(_ text: String, threads: [Int]?, ticksPerSecond: Double = Self.ticksPerSecond)
        -> ProcessorTimes?
    {
        let wanted = threads.map { Set($0.map { "cpu\($0)" }) } ?? ["cpu"]
        var sum = ProcessorTimes(busySeconds: 0, stealSeconds: 0, totalSeconds: 0)
        var found = false
        for line in text.split(separator: "\n") where line.hasPrefix("cpu") {
            let fields = line.split(separator: " ")
            guard let name = fields.first, wanted.contains(String(name)) else { continue }
            // user nice system idle iowait irq softirq steal; guest times are part of user and nice already.
            let ticks = fields.dropFirst().prefix(8).map { Double(UInt64($0) ?? 0) / ticksPerSecond }
            guard ticks.count >= 4 else { continue }
            let idle = ticks[3] + (ticks.count > 4 ? ticks[4] : 0)
            let all = ticks.reduce(0, +)
            sum.busySeconds += all - idle
            sum.totalSeconds += all
            sum.stealSeconds += ticks.count > 7 ? ticks[7] : 0
            found = true
        }
        return found ? sum : nil
    }
}
