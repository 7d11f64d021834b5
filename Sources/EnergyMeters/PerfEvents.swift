import CMeters
import Glibc
import HostProbe
package import NodeModel

/// An event that was opened on a processor.
package protocol PerfCounter: AnyObject, Sendable {
    /// Reads the count, in units of the event's scale; the kernel sees to it that it never wraps.
    ///
    /// - Returns: The count since the event was opened.
    /// - Throws: `SystemFailure` when it cannot be read.
    func count() throws(SystemFailure) -> UInt64
}

/// Opens events of the kernel's performance monitoring units.
package protocol PerfOpening: Sendable {
    /// Opens an event on a processor for all processes.
    ///
    /// - Parameters:
    ///   - type: The unit's number.
    ///   - config: The event's.
    ///   - processor: The processor.
    /// - Returns: The event, counting.
    /// - Throws: What `perf_event_open(2)` says.
    func open(type: UInt32, config: UInt64, processor: Int) throws(PerfRefusal) -> any PerfCounter
}

/// Why the kernel did not open an event.
package struct PerfRefusal: Error, Hashable {
    /// The kernel's error number.
    package var errorNumber: Int32

    /// Creates a refusal.
    package init(errorNumber: Int32) { self.errorNumber = errorNumber }
}

/// This machine's kernel.
package struct KernelPerf: PerfOpening {
    /// There is one.
    package init() {}

    package func open(type: UInt32, config: UInt64, processor: Int) throws(PerfRefusal) -> any PerfCounter {
        let file = nwm_perf_open(type, config, Int32(clamping: processor))
        guard file >= 0 else { throw PerfRefusal(errorNumber: -file) }
        return KernelPerfCounter(file)
    }
}

/// An open file of an event.
private final class KernelPerfCounter: PerfCounter {
    private let file: Int32

    init(_ file: Int32) { self.file = file }

    deinit { close(file) }

    package func count() throws(SystemFailure) -> UInt64 {
        var value: UInt64 = 0
        let bytes = read(file, &value, MemoryLayout<UInt64>.size)
        guard bytes == MemoryLayout<UInt64>.size else {
            // End of file: the processor the event was opened on has gone offline.
            let reason = bytes < 0 ? String(cString: strerror(errno)) : "the event has ended; its processor is offline"
            throw SystemFailure(action: "reading a perf event", reason: reason)
        }
        return value
    }
}

/// An energy event of the `power` PMU, as sysfs describes it.
struct PowerEvent: Hashable {
    /// What the kernel calls it, for example `energy-pkg`.
    var name: String
    /// The part of the node it sees.
    var kind: EnergyDomainKind
    var config: UInt64
    /// Joules of one count.
    var scale: Double

    /// The part of the node each event sees; an event of another name is not used.
    static let kinds: [(name: String, kind: EnergyDomainKind)] = [
        ("energy-pkg", .package), ("energy-cores", .core), ("energy-gpu", .uncore), ("energy-ram", .dram),
        ("energy-psys", .platform),
    ]
}

/// What sysfs says of the `power` PMU.
struct PowerUnit {
    static let folder = "/sys/bus/event_source/devices/power"

    var type: UInt32
    /// One processor for each package or die.
    var processors: [Int]
    var events: [PowerEvent]

    /// Reads the description; `nil` when the kernel shows no such unit.
    ///
    /// - Throws: `SystemFailure` when it makes no sense.
    static func read(_ root: HostRoot) throws(SystemFailure) -> PowerUnit? {
        guard root.exists(folder) else { return nil }
        guard let type = root.line(folder + "/type").flatMap({ UInt32($0) }) else {
            throw SystemFailure(action: "reading \(folder)/type", reason: "it does not hold a number")
        }
        let list = root.line(folder + "/cpumask").flatMap { CPUList.parse($0) } ?? []
        guard !list.isEmpty else {
            throw SystemFailure(action: "reading \(folder)/cpumask", reason: "it names no processor")
        }
        let events = PowerEvent.kinds.compactMap { event($0.name, $0.kind, root) }
        return PowerUnit(type: type, processors: list, events: events)
    }

    /// An event whose files say what is expected: `event=0x02`, a scale and joules.
    private static func event(_ name: String, _ kind: EnergyDomainKind, _ root: HostRoot) -> PowerEvent? {
        let file = folder + "/events/" + name
        guard let terms = root.line(file), terms.hasPrefix("event=0x"),
            let config = UInt64(terms.dropFirst("event=0x".count), radix: 16),
            let scale = root.line(file + ".scale").flatMap({ Double($0) }), scale.isFinite, scale > 0, scale < 1,
            root.line(file + ".unit") == "Joules"
        else { return nil }
        return PowerEvent(name: name, kind: kind, config: config, scale: scale)
    }
}
