import Glibc
import HostProbe
import NodeModel

/// The highest clock of one cpufreq policy, which is a group of processors that share a clock.
///
/// `scaling_max_freq` shows the limit in effect, which a thermal driver may hold below what was asked for; a value put
/// back while it does so stays until something asks for more.
final class ProcessorFrequency: Control {
    let id: String
    let kind = ControlKind.frequency
    let label: String
    let allowed: ClosedRange<UInt64>
    let restorable: ClosedRange<UInt64>
    let obstacle: String?
    private let root: HostRoot
    private let folder: String

    private static let policies = "/sys/devices/system/cpu/cpufreq"

    private var file: String { folder + "/scaling_max_freq" }
    private var path: String { root.absolute(file) ?? file }

    var lockPath: String? { path }

    init?(_ name: String, root: HostRoot) {
        guard name.hasPrefix("policy"), let number = Int(name.dropFirst(6)), name == "policy\(number)" else {
            return nil
        }
        self.root = root
        folder = "\(Self.policies)/\(name)"
        label = name
        id = "cpufreq:\(name)"
        func kilohertz(_ file: String) -> UInt64? {
            root.integer("\(Self.policies)/\(name)/\(file)").flatMap { UInt64(exactly: $0) }.flatMap {
                $0 > 0 && $0 < 100_000_000 ? $0 : nil
            }
        }
        guard let low = kilohertz("cpuinfo_min_freq"), let high = kilohertz("cpuinfo_max_freq"), low <= high else {
            (allowed, restorable) = (0...0, 0...0)
            obstacle = "its cpuinfo_min_freq and cpuinfo_max_freq tell no range"
            return
        }
        restorable = low...high
        let present = kilohertz("scaling_max_freq")
        let floor = min(max(low, kilohertz("scaling_min_freq") ?? low), high)
        allowed = floor...max(floor, min(present ?? high, high))
        obstacle =
            present.map { (low...high).contains($0) } == true
            ? nil : "its scaling_max_freq is not between cpuinfo_min_freq and cpuinfo_max_freq"
    }

    func value() throws -> UInt64 {
        guard let value = root.integer(file), value > 0 else {
            throw SystemFailure(action: "reading \(path)", reason: "it holds no frequency")
        }
        return UInt64(value)
    }

    func set(_ value: UInt64) throws {
        let descriptor = try open()
        defer { close(descriptor) }
        // Longer than any number, as libpowercap writes: one write replaces all digits of the old one.
        var bytes = [UInt8](repeating: 0, count: 24)
        for (index, digit) in "\(value)".utf8.prefix(20).enumerated() { bytes[index] = digit }
        guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else { throw failure(errno) }
    }

    func requireWritable() throws { close(try open()) }

    private func open() throws -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw failure(errno) }
        return descriptor
    }

    private func failure(_ code: Int32) -> SystemFailure {
        SystemFailure(
            action: "setting \(path)", reason: String(cString: strerror(code)),
            recovery: code == EACCES || code == EPERM || code == EROFS ? ControlPermission.remedy(path) : nil)
    }

    /// Every policy there is.
    static func all(_ root: HostRoot) -> [ProcessorFrequency] {
        root.names(in: policies).compactMap { ProcessorFrequency($0, root: root) }.sorted {
            $0.label.count == $1.label.count ? $0.label < $1.label : $0.label.count < $1.label.count
        }
    }
}
