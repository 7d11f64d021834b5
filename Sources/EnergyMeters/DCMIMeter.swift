import Glibc
package import HostProbe
public import NodeModel
import Synchronization

/// The node's power as its BMC reports it, through the kernel's IPMI device and DCMI.
public final class DCMIMeter: EnergyMeter {
    /// The whole node, graded wall.
    public let description: MeterDescription
    private let transport: any IPMITransport
    private let clock: MeterClock
    private let last = Mutex<TimedReading?>(nil)
    private let refusal = Mutex<(failure: SystemFailure, until: MonotonicInstant)?>(nil)

    /// A BMC takes tens of milliseconds and renews its figure once a second or less often, so an answer this young is
    /// handed out again.
    private static let youngest = Seconds(0.25)
    /// A BMC that does not answer takes seconds to say nothing: it is left alone for so many times as long.
    private static let pauses = 5.0
    /// Assumed: makers of power supplies and boards give 2 to 5 %.
    private static let relativeUncertainty = 0.05

    init(_ power: DCMIPower, _ transport: any IPMITransport, _ options: MeterOptions) {
        let half = 0.5 / power.watts.rawValue
        description = MeterDescription(
            id: "dcmi:node", source: "IPMI DCMI", domain: EnergyDomain(name: "node/wall", kind: .node), grade: .wall,
            resolutionJoules: Joules(1), updatePeriodSeconds: power.averagingPeriod, wrapRangeJoules: nil,
            relativeUncertainty: Self.relativeUncertainty + half,
            boundary: "the node's input power as its BMC reports it, in whole watts and averaged as the BMC's maker "
                + "chose; of blades and multi-node chassis perhaps not fans and supplies they share",
            samplesPower: true)
        self.transport = transport
        clock = options.clock
    }

    /// Asks the BMC.
    ///
    /// - Returns: The power now, or of a quarter of a second ago.
    /// - Throws: `SystemFailure` when the BMC does not answer in time or gives no power.
    public func read() throws -> TimedReading {
        if let known = last.withLock({ $0 }), clock.now().since(known.instant) < Self.youngest { return known }
        if let refusal = refusal.withLock({ $0 }), clock.now() < refusal.until { throw refusal.failure }
        let asked = clock.now()
        let power: DCMIPower
        do {
            power = try Self.ask(transport)
        } catch {
            let now = clock.now()
            let until = now.advanced(by: max(Self.youngest, now.since(asked) * Self.pauses))
            refusal.withLock { $0 = (error, until) }
            throw error
        }
        let reading = TimedReading(instant: clock.now(), reading: .power(power.watts))
        last.withLock { $0 = reading }
        return reading
    }

    private static func ask(_ transport: any IPMITransport) throws(SystemFailure) -> DCMIPower {
        try DCMIPower(
            try transport.ask(function: DCMIPower.function, command: DCMIPower.command, data: DCMIPower.request))
    }
}

extension DCMIMeter {
    /// The catalogue's entry; after hwmon, whose ACPI meter often is the same sensor and says how it averages.
    public static let kind = MeterKind(
        name: "dcmi", file: "DCMIMeter.swift", summary: "the node's power as its BMC reports it (IPMI DCMI)"
    ) { options in
        // A captured tree holds no BMC that could be asked.
        options.capturedRoot == nil ? discover(HostRoot(), options) { try IPMIDevice($0) } : MeterInventory()
    }

    /// The names the device has, by the system's age.
    private static let devices = ["/dev/ipmi0", "/dev/ipmi/0", "/dev/ipmidev/0"]
    /// The firmware's entry for a BMC (SMBIOS type 38), there without any driver of it.
    private static let trace = "/sys/firmware/dmi/entries/38-0"

    /// Asks the BMC, where there is one.
    ///
    /// - Parameters:
    ///   - root: Where the device is looked for.
    ///   - options: What is known of the node.
    ///   - open: Opens a device.
    /// - Returns: One meter, or why there is none; nothing on a node without a BMC.
    package static func discover(
        _ root: HostRoot, _ options: MeterOptions, _ open: (String) throws -> any IPMITransport
    ) -> MeterInventory {
        let named = options.environment["NODEWATT_IPMI"].flatMap { $0.isEmpty ? nil : $0 }
        guard let path = named ?? devices.first(where: root.exists) else { return withoutDevice(root) }
        do {
            let transport = try open(path)
            return MeterInventory(meters: [DCMIMeter(try ask(transport), transport, options)])
        } catch {
            return MeterInventory(unavailable: [Unavailable(subject: "dcmi", reason: "\(error)")])
        }
    }

    private static func withoutDevice(_ root: HostRoot) -> MeterInventory {
        guard root.exists(trace) else { return MeterInventory() }
        let reason = "the board has a BMC, but no /dev/ipmi0: sudo modprobe -a ipmi_si ipmi_devintf"
        return MeterInventory(unavailable: [Unavailable(subject: "dcmi", reason: reason)])
    }
}
