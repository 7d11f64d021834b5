import Glibc
public import NodeModel

/// Reads what a node is, and what limits it, from `/proc` and `/sys` below a root.
///
/// Everything is optional on some machine: what is absent or unreadable becomes `nil` or is left out.
public struct HostProbe: Sendable {
    /// Where `/proc`, `/sys` and `/etc` are.
    public let root: HostRoot

    /// Creates a probe.
    ///
    /// - Parameter root: The running machine by default.
    public init(root: HostRoot = HostRoot()) { self.root = root }

    /// The host name; `unknown` when the kernel tells none.
    public var hostName: String { root.line("/proc/sys/kernel/hostname") ?? systemName(\.nodename) ?? "unknown" }

    /// The node's name together with what legitimately changes its figures.
    ///
    /// - Parameters:
    ///   - shape: Packages, cores and threads, such as `1p2c2t`.
    ///   - powerCapsWatts: The power limit of each package, as RAPL reports it.
    ///   - drivers: Drivers by device id.
    /// - Returns: The host's name and fingerprint.
    public func identity(shape: String, powerCapsWatts: [Double] = [], drivers: [String: String] = [:]) -> NodeIdentity
    {
        NodeIdentity(
            host: hostName, fingerprint: fingerprint(shape: shape, powerCapsWatts: powerCapsWatts, drivers: drivers))
    }

    /// What legitimately changes the node's figures.
    ///
    /// - Parameters:
    ///   - shape: Packages, cores and threads, such as `1p2c2t`.
    ///   - powerCapsWatts: The power limit of each package, as RAPL reports it.
    ///   - drivers: Drivers by device id.
    /// - Returns: The fingerprint; what the machine does not tell is `nil` or `unknown`.
    public func fingerprint(shape: String, powerCapsWatts: [Double] = [], drivers: [String: String] = [:])
        -> NodeFingerprint
    {
        let processor = processorInformation
        return NodeFingerprint(
            cpuModel: ProcessorName.resolve(processor) ?? "unknown", architecture: architecture, shape: shape,
            memoryBytes: memoryBytes,
            kernel: root.line("/proc/sys/kernel/osrelease") ?? systemName(\.release) ?? "unknown",
            operatingSystem: operatingSystem, firmware: firmware,
            microcode: OutsideText.value(of: "microcode", in: processor)
                ?? root.line("/sys/devices/system/cpu/cpu0/microcode/version"),
            governor: root.line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            powerCapsWatts: powerCapsWatts,
            drivers: drivers, hypervisor: hypervisor)
    }

    /// The first processors of `/proc/cpuinfo`; one page tells everything that is the same for all.
    var processorInformation: String { root.text("/proc/cpuinfo", limit: 8192) ?? "" }

    /// The machine's architecture as the kernel names it, for example `x86_64`.
    public var architecture: String { systemName(\.machine) ?? root.line("/proc/sys/kernel/arch") ?? "unknown" }

    /// The memory the kernel manages in bytes (`MemTotal`); 0 when it does not tell.
    public var memoryBytes: Int { memory("MemTotal") ?? 0 }

    /// The memory that programs can get without swapping in bytes (`MemAvailable`).
    public var availableMemoryBytes: Int? { memory("MemAvailable") }

    private func memory(_ key: String) -> Int? {
        guard let value = OutsideText.value(of: key, in: root.text("/proc/meminfo", limit: 16_384) ?? ""),
            let kibibytes = value.split(separator: " ").first.flatMap({ Int($0) }), kibibytes >= 0, kibibytes < 1 << 50
        else { return nil }
        return kibibytes * 1024
    }

    private var operatingSystem: String? {
        let text = root.text("/etc/os-release", limit: 16_384) ?? root.text("/usr/lib/os-release", limit: 16_384)
        let value = text.flatMap { OutsideText.value(of: "PRETTY_NAME", in: $0, separator: "=") }
        return value.map { $0.filter { $0 != "\"" && $0 != "'" } }
    }

    private var firmware: String? {
        let parts = ["vendor", "version", "date"].compactMap { root.line("/sys/class/dmi/id/bios_\($0)") }
        return parts.isEmpty ? nil : parts.joined(separator: " ")
    }

    /// A member of `uname(2)`, on the running machine only.
    private func systemName<Value>(_ member: KeyPath<utsname, Value>) -> String? {
        guard root.isThisSystem else { return nil }
        var names = utsname()
        guard uname(&names) == 0 else { return nil }
        let text = withUnsafeBytes(of: names[keyPath: member]) { bytes in
            OutsideText.printable(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
        }
        return text.isEmpty ? nil : text
    }
}
