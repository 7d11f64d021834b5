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
        try ProcessorTimesFile(root).read(threads: threads)
    }

    /// Reads the text of `/proc/stat`.
    ///
    /// - Parameters:
    ///   - text: The file's contents.
    ///   - threads: The processors to sum over; `nil` for the line of all.
    ///   - ticksPerSecond: The unit of the file's numbers.
    /// - Returns: The sum, or `nil` when there is no line for the processors asked for.
    public static func parse(_ text: [UInt8], threads: [Int]?, ticksPerSecond: Double = Self.ticksPerSecond)
        -> ProcessorTimes?
    {
        let wanted = threads.map { Set($0.map { Array("cpu\($0)".utf8) }) } ?? [Array("cpu".utf8)]
        var sum = ProcessorTimes(busySeconds: 0, stealSeconds: 0, totalSeconds: 0)
        var left = wanted.count
        // Lines of processors come first, before the long ones of interrupts.
        var rest = text[...]
        while left > 0, rest.starts(with: "cpu".utf8) {
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest[line.endIndex...].dropFirst()
            let name = line.prefix { $0 != UInt8(ascii: " ") }
            guard wanted.contains(Array(name)), let times = times(line[name.endIndex...], ticksPerSecond) else {
                continue
            }
            sum.busySeconds += times.busySeconds
            sum.stealSeconds += times.stealSeconds
            sum.totalSeconds += times.totalSeconds
            left -= 1
        }
        return left < wanted.count ? sum : nil
    }

    /// user nice system idle iowait irq softirq steal; guest times are part of user and nice already.
    private static func times(_ fields: ArraySlice<UInt8>, _ ticksPerSecond: Double) -> ProcessorTimes? {
        let ticks = fields.split(separator: UInt8(ascii: " ")).prefix(8).map { number($0) / ticksPerSecond }
        guard ticks.count >= 4 else { return nil }
        let idle = ticks[3] + (ticks.count > 4 ? ticks[4] : 0)
        let all = ticks.reduce(0, +)
        return ProcessorTimes(
            busySeconds: all - idle, stealSeconds: ticks.count > 7 ? ticks[7] : 0, totalSeconds: all)
    }

    /// A whole number; 0 for anything else.
    private static func number(_ field: ArraySlice<UInt8>) -> Double {
        var number = 0.0
        for byte in field {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return 0 }
            number = number * 10 + Double(byte - UInt8(ascii: "0"))
        }
        return number
    }
}

/// `/proc/stat`, kept open for whoever reads it many times a second.
public final class ProcessorTimesFile: Sendable {
    private let file: HostFile
    private let place: String

    /// Opens the file.
    ///
    /// - Parameter root: Where `/proc` is.
    /// - Throws: `SystemFailure` when the file is not there or cannot be opened.
    public init(_ root: HostRoot = HostRoot()) throws {
        place = "\(root.path == "/" ? "" : root.path)/proc/stat"
        do {
            guard let file = try root.open("/proc/stat") else {
                throw SystemFailure(
                    action: "reading \(place)", reason: "there is no such file", recovery: "mount /proc")
            }
            self.file = file
        } catch let error as HostReadError {
            throw error.systemFailure
        }
    }

    /// Reads the times now.
    ///
    /// - Parameter threads: The processors to sum over; `nil` for all.
    /// - Returns: The sum of the processors' times since the machine started.
    /// - Throws: `SystemFailure` when the file cannot be read or holds none of the processors.
    public func read(threads: [Int]? = nil) throws -> ProcessorTimes {
        let text: [UInt8]
        do {
            // The line of all processors is the first; those of single ones may be many pages.
            text = try threads == nil ? file.read() : file.readPieces(limit: 4 << 20)
        } catch {
            throw error.systemFailure
        }
        guard let times = ProcessorTimes.parse(text, threads: threads) else {
            throw SystemFailure(
                action: "reading \(place)",
                reason: "it has no line for \(threads.map { "processors \(CPUList.format($0))" } ?? "'cpu'")",
                recovery: "mount /proc")
        }
        return times
    }
}
