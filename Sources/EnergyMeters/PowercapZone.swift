import CPowercap
import Glibc
import HostProbe
import NodeModel

/// The place of a zone in the powercap tree: `intel-rapl` with the path `[0, 1]` is `intel-rapl:0:1`.
public struct PowercapAddress: Hashable, Sendable {
    /// The control type, for example `intel-rapl`.
    public var controlType: String
    /// The index at each level; the kernel writes them in hexadecimal.
    public var path: [UInt32]

    /// Creates an address.
    public init(controlType: String, path: [UInt32]) {
        self.controlType = controlType
        self.path = path
    }

    /// The kernel's name of the zone.
    public var name: String { Self.name(controlType, path[...]) }

    /// The zone's folder below the control types' folder, as the kernel nests it.
    public var folder: String {
        ([controlType] + path.indices.map { Self.name(controlType, path[...$0]) }).joined(separator: "/")
    }

    private static func name(_ controlType: String, _ path: ArraySlice<UInt32>) -> String {
        ([controlType] + path.map { String($0, radix: 16) }).joined(separator: ":")
    }
}

/// A file of the powercap tree that could not be read.
package struct PowercapFailure: Error {
    /// The file's path.
    package var path: String
    /// The C library's error number; `EBADMSG` stands for a content that is not a number.
    package var errorNumber: Int32
    /// What is wrong with a content that could be read.
    package var detail: String?

    /// Creates a failure.
    package init(path: String, errorNumber: Int32, detail: String? = nil) {
        self.path = path
        self.errorNumber = errorNumber
        self.detail = detail
    }

    /// What went wrong, in words.
    var reason: String {
        if let detail { return detail }
        return errorNumber == EBADMSG ? "it does not hold a number" : String(cString: strerror(errorNumber))
    }

    /// The failure in the form every meter throws.
    var systemFailure: SystemFailure { SystemFailure(action: "reading \(path)", reason: reason) }
}

/// A zone's counter, ready to be read again and again.
package protocol PowercapCounter: AnyObject, Sendable {
    /// The counter's value in microjoules.
    ///
    /// - Returns: The value as the kernel shows it.
    /// - Throws: ``PowercapFailure`` when it cannot be read.
    func microjoules() throws(PowercapFailure) -> UInt64
}

/// Where powercap zones are read from: this machine, or a captured tree.
protocol PowercapSource: Sendable {
    /// What records name as the source of the figures.
    var label: String { get }
    /// Whether the zones are this machine's.
    var isThisSystem: Bool { get }
    /// The folder that holds the control types, below ``root``.
    var folder: String { get }
    /// Where ``folder`` is.
    var root: HostRoot { get }

    func name(of zone: PowercapAddress) throws(PowercapFailure) -> String
    func rangeMicrojoules(of zone: PowercapAddress) throws(PowercapFailure) -> UInt64
    func counter(of zone: PowercapAddress) throws(PowercapFailure) -> any PowercapCounter
    func constraintName(_ index: UInt32, of zone: PowercapAddress) throws(PowercapFailure) -> String
    func limitMicrowatts(_ index: UInt32, of zone: PowercapAddress) throws(PowercapFailure) -> UInt64
}

extension PowercapSource {
    /// The path of a zone's file, for messages.
    func path(_ zone: PowercapAddress, _ file: String) -> String {
        (isThisSystem ? "" : root.path) + folder + "/" + zone.folder + "/" + file
    }
}

/// This machine's zones, through libpowercap's generic calls (powercap.h).
///
/// `powercap_rapl_init` is not used: it refuses a whole package over one unreadable file, a constraint called
/// `peak_power` or a zone called `psys-1`.
struct LibpowercapSource: PowercapSource {
    let label = "libpowercap"
    let isThisSystem = true
    // The library was built with this path.
    let folder = "/sys/class/powercap"
    let root = HostRoot()

    func name(of zone: PowercapAddress) throws(PowercapFailure) -> String {
        let file = try open(POWERCAP_ZONE_FILE_NAME, "name", zone)
        return try file.text { descriptor, buffer, size in
            var zone = powercap_zone()
            zone.name = descriptor
            return powercap_zone_get_name(&zone, buffer, size)
        }
    }

    func rangeMicrojoules(of zone: PowercapAddress) throws(PowercapFailure) -> UInt64 {
        let file = try open(POWERCAP_ZONE_FILE_MAX_ENERGY_RANGE_UJ, "max_energy_range_uj", zone)
        return try file.number { descriptor, value in
            var zone = powercap_zone()
            zone.max_energy_range_uj = descriptor
            return powercap_zone_get_max_energy_range_uj(&zone, value)
        }
    }

    func counter(of zone: PowercapAddress) throws(PowercapFailure) -> any PowercapCounter {
        LibpowercapCounter(file: try open(POWERCAP_ZONE_FILE_ENERGY_UJ, "energy_uj", zone))
    }

    func constraintName(_ index: UInt32, of zone: PowercapAddress) throws(PowercapFailure) -> String {
        let file = try open(POWERCAP_CONSTRAINT_FILE_NAME, index, "name", zone)
        return try file.text { descriptor, buffer, size in
            var constraint = powercap_constraint()
            constraint.name = descriptor
            return powercap_constraint_get_name(&constraint, buffer, size)
        }
    }

    func limitMicrowatts(_ index: UInt32, of zone: PowercapAddress) throws(PowercapFailure) -> UInt64 {
        let file = try open(POWERCAP_CONSTRAINT_FILE_POWER_LIMIT_UW, index, "power_limit_uw", zone)
        return try file.number { descriptor, value in
            var constraint = powercap_constraint()
            constraint.power_limit_uw = descriptor
            return powercap_constraint_get_power_limit_uw(&constraint, value)
        }
    }

    private func open(_ kind: powercap_zone_file, _ file: String, _ zone: PowercapAddress) throws(PowercapFailure)
        -> PowercapFile
    {
        let descriptor = powercap_zone_file_open(
            nil, kind, zone.controlType, zone.path, UInt32(zone.path.count), O_RDONLY | O_CLOEXEC)
        return try PowercapFile(descriptor, path: path(zone, file))
    }

    private func open(_ kind: powercap_constraint_file, _ index: UInt32, _ file: String, _ zone: PowercapAddress)
        throws(PowercapFailure) -> PowercapFile
    {
        var constraint = powercap_constraint()
        let descriptor = powercap_constraint_file_open(
            &constraint, kind, zone.controlType, zone.path, UInt32(zone.path.count), index, O_RDONLY | O_CLOEXEC)
        return try PowercapFile(descriptor, path: path(zone, "constraint_\(index)_\(file)"))
    }
}

/// A counter whose file libpowercap opened and reads.
final class LibpowercapCounter: PowercapCounter {
    private let file: PowercapFile

    init(file: PowercapFile) { self.file = file }

    func microjoules() throws(PowercapFailure) -> UInt64 {
        try file.number { descriptor, value in
            var zone = powercap_zone()
            zone.energy_uj = descriptor
            return powercap_zone_get_energy_uj(&zone, value)
        }
    }
}
