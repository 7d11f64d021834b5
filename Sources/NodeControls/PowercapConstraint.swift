import CPowercap
import Glibc
import HostProbe
import NodeModel

/// A constraint of a zone of the kernel's powercap tree, through libpowercap's generic calls (powercap.h).
///
/// The calls for RAPL are not used: they refuse a whole package over one constraint called `peak_power`.
struct PowercapConstraint: Hashable {
    /// `intel-rapl` or `intel-rapl-mmio`.
    var controlType: String
    /// The zone's number, which the kernel writes in hexadecimal.
    var zone: UInt32
    /// The constraint's number.
    var index: UInt32

    // The library was built with this path.
    static let folder = "/sys/class/powercap"

    var zoneFolder: String { "\(Self.folder)/\(controlType)/\(controlType):\(String(zone, radix: 16))" }

    var limitPath: String { path("power_limit_uw") }

    private func path(_ file: String) -> String { "\(zoneFolder)/constraint_\(index)_\(file)" }

    /// The constraint's name; `nil` where there is no such constraint.
    var name: String? {
        guard let file = try? open(POWERCAP_CONSTRAINT_FILE_NAME, "name", O_RDONLY) else { return nil }
        defer { close(file) }
        var constraint = powercap_constraint()
        constraint.name = file
        var buffer = [CChar](repeating: 0, count: 256)
        let count = buffer.withUnsafeMutableBufferPointer { bytes in
            bytes.baseAddress.map { powercap_constraint_get_name(&constraint, $0, bytes.count) } ?? -1
        }
        guard count >= 0 else { return nil }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return OutsideText.printable(String(decoding: bytes, as: UTF8.self), limit: 64)
    }

    /// The limit in microwatts.
    func limit() throws -> UInt64 {
        let file = try open(POWERCAP_CONSTRAINT_FILE_POWER_LIMIT_UW, "power_limit_uw", O_RDONLY)
        defer { close(file) }
        var constraint = powercap_constraint()
        constraint.power_limit_uw = file
        var value: UInt64 = 0
        let status = powercap_constraint_get_power_limit_uw(&constraint, &value)
        guard status == 0 else { throw failure("reading", "power_limit_uw", -status) }
        // The library calls a text that is no number a success with 0, and no package has a limit of 0.
        guard value > 0 else {
            throw SystemFailure(action: "reading \(limitPath)", reason: "it holds no power limit above 0")
        }
        return value
    }

    /// The largest power the processor is specified for, in microwatts; `nil` where the kernel does not tell.
    var maximum: UInt64? { number(POWERCAP_CONSTRAINT_FILE_MAX_POWER_UW, "max_power_uw", \.max_power_uw) }

    /// The time over which the limit holds for the mean power; `nil` where the kernel does not tell.
    var window: Seconds? {
        number(POWERCAP_CONSTRAINT_FILE_TIME_WINDOW_US, "time_window_us", \.time_window_us).map {
            Seconds(Double($0) * 1e-6)
        }
    }

    /// Sets the limit in microwatts.
    ///
    /// The kernel (intel_rapl) checks no bounds: it rounds down to the processor's unit and cuts off bits that do not
    /// fit the register, so the caller has to. `EACCES` means that the firmware locked the register.
    func setLimit(_ value: UInt64) throws {
        let file = try open(POWERCAP_CONSTRAINT_FILE_POWER_LIMIT_UW, "power_limit_uw", O_RDWR)
        defer { close(file) }
        var constraint = powercap_constraint()
        constraint.power_limit_uw = file
        let status = powercap_constraint_set_power_limit_uw(&constraint, value)
        guard status != -EACCES else {
            throw SystemFailure(
                action: "setting \(limitPath)", reason: "the kernel refuses it: the firmware has locked the limit",
                recovery: "Unlock the processor's power limits in the firmware's setup")
        }
        guard status == 0 else { throw failure("setting", "power_limit_uw", -status) }
    }

    /// Asks whether the limit may be written.
    func requireWritable() throws {
        close(try open(POWERCAP_CONSTRAINT_FILE_POWER_LIMIT_UW, "power_limit_uw", O_RDWR))
    }

    private func number(
        _ kind: powercap_constraint_file, _ file: String, _ member: WritableKeyPath<powercap_constraint, Int32>
    ) -> UInt64? {
        guard let descriptor = try? open(kind, file, O_RDONLY) else { return nil }
        defer { close(descriptor) }
        var constraint = powercap_constraint()
        constraint[keyPath: member] = descriptor
        var value: UInt64 = 0
        let status =
            kind == POWERCAP_CONSTRAINT_FILE_MAX_POWER_UW
            ? powercap_constraint_get_max_power_uw(&constraint, &value)
            : powercap_constraint_get_time_window_us(&constraint, &value)
        return status == 0 && value > 0 ? value : nil
    }

    private func open(_ kind: powercap_constraint_file, _ file: String, _ flags: Int32) throws -> Int32 {
        var constraint = powercap_constraint()
        let descriptor = powercap_constraint_file_open(
            &constraint, kind, controlType, [zone], 1, index, flags | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(flags == O_RDONLY ? "reading" : "setting", file, errno) }
        return descriptor
    }

    private func failure(_ verb: String, _ file: String, _ code: Int32) -> SystemFailure {
        SystemFailure(
            action: "\(verb) \(path(file))", reason: String(cString: strerror(code)),
            recovery: code == EACCES || code == EPERM || code == EROFS ? ControlPermission.remedy(path(file)) : nil)
    }
}

/// What lets a user change the node.
enum ControlPermission {
    static func remedy(_ path: String) -> String {
        "Run it with sudo, or let this user write the file: sudo chown \"$USER\" \(path)"
    }
}
