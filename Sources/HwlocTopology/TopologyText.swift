import HostProbe
public import NodeModel

/// Writes a topology for people: a heading, the tree, then the devices by what they are for.
///
/// Packages, cores and caches are numbered as hwloc numbers them; hardware threads and NUMA nodes by the operating
/// system's numbers, which `taskset` and `numactl` take.
public enum TopologyText {
    /// Writes a topology.
    ///
    /// - Parameters:
    ///   - topology: Any topology.
    ///   - collapsing: Whether three or more neighbours that are alike share one line.
    /// - Returns: Lines without a final newline.
    public static func render(_ topology: Topology, collapsing: Bool = true) -> String {
        let tree = TopologyTree(collapsing: collapsing).lines(topology.root)
        return (heading(topology) + [""] + tree + deviceLines(topology)).joined(separator: "\n")
    }

    /// The lines that say what machine it is and what may be used of it.
    private static func heading(_ topology: Topology) -> [String] {
        let counts = TopologyCounts(topology)
        let parts: [(TopologyObjectKind, String, String)] = [
            (.package, "package", "packages"), (.die, "die", "dies"), (.numaNode, "NUMA node", "NUMA nodes"),
            (.core, "core", "cores"), (.thread, "thread", "threads"),
        ]
        let shape = parts.filter { counts[$0.0] > 0 }.map { "\(counts[$0.0]) \(counts[$0.0] == 1 ? $0.1 : $0.2)" }
        let memory = topology.memoryBytes > 0 ? [bytes(topology.memoryBytes)] : []
        let total = counts[.thread]
        let allowed = "\(CPUList.format(topology.allowedThreads)) (\(topology.allowedThreads.count) of \(total))"
        return ["\(origin(topology)): \((shape + memory).joined(separator: ", "))", "  allowed threads: \(allowed)"]
            + [cgroup(topology.cgroup)].compactMap(\.self) + kinds(topology)
    }

    private static func origin(_ topology: Topology) -> String {
        let what =
            switch topology.origin {
            case .thisSystem: "this machine"
            case .xml(let path): "hwloc XML file \(OutsideText.printable(path))"
            case .synthetic(let description): "synthetic machine '\(OutsideText.printable(description))'"
            case .fileSystemRoot(let path): "captured root \(OutsideText.printable(path))"
            }
        return topology.isThisSystem ? "This machine" : "FOREIGN (not the running machine), \(what)"
    }

    private static func cgroup(_ limits: CgroupLimits) -> String? {
        let parts = [
            limits.cpuQuota.map { "\($0.formattedBriefly) processors' time" },
            limits.memoryBytes.map { "\(bytes($0)) of memory" },
            limits.cpuset.map { "processors \(CPUList.format($0))" },
        ].compactMap(\.self)
        return parts.isEmpty ? nil : "  control group limits: \(parts.joined(separator: ", "))"
    }

    /// The kinds of cores of a hybrid machine; nothing where all are alike.
    private static func kinds(_ topology: Topology) -> [String] {
        guard topology.cpuKinds.count > 1 else { return [] }
        return topology.cpuKinds.map { kind in
            let facts = kind.information.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            let rank = kind.efficiency.map { ["performance rank \($0)"] } ?? []
            return "  core kind: threads \(CPUList.format(kind.threads)): \((rank + facts).joined(separator: ", "))"
        }
    }

    /// The devices in groups, each with its place.
    private static func deviceLines(_ topology: Topology) -> [String] {
        let devices = topology.attachedDevices
        let nodes = TopologyCounts(topology)[.numaNode]
        return DeviceCategory.allCases.flatMap { category in
            let lines = devices.filter { $0.category == category }.map { line($0, nodes: nodes) }
            return lines.isEmpty ? [] : ["", category.title] + lines
        }
    }

    private static func line(_ device: AttachedDevice, nodes: Int) -> String {
        let identity = [device.pciAddress, device.model].compactMap(\.self).joined(separator: "  ")
        let names = device.names.joined(separator: ", ")
        let near =
            device.numaNodes.count == nodes || device.numaNodes.isEmpty
            ? nil : "NUMA node \(CPUList.format(device.numaNodes)), threads \(CPUList.format(device.threads))"
        let speed = device.linkBytesPerSecond.map { "\(($0 / 1e9).formattedBriefly) GB/s" }
        let named = identity.isEmpty ? names : names.isEmpty ? identity : "\(identity) (\(names))"
        return "  " + ([named] + [speed, near].compactMap(\.self)).joined(separator: ", ")
    }

    /// A capacity in the largest binary unit of which there is at least one.
    static func bytes(_ count: Int) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var value = Double(count)
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\(value.formattedBriefly) \(units[unit])"
    }
}

extension Double {
    /// At most one decimal, none when it is zero.
    var formattedBriefly: String {
        let tenths = (self * 10).rounded() / 10
        return tenths == tenths.rounded() && abs(tenths) < 1e15 ? "\(Int(tenths))" : "\(tenths)"
    }
}
