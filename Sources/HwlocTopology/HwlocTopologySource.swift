import CHwloc
import HostProbe
public import NodeModel

/// Discovers a topology through hwloc 2: of this machine, an XML file, a synthetic description or a captured root.
///
/// No GPU or OpenCL driver is loaded. Discoveries of one process take turns, because hwloc is steered by the
/// environment; do not change the environment from another thread meanwhile.
public struct HwlocTopologySource: TopologySource {
    private let origin: TopologyOrigin

    /// Creates a source.
    ///
    /// - Parameter origin: Where the topology comes from.
    public init(origin: TopologyOrigin) { self.origin = origin }

    /// Reads the hardware tree; some milliseconds on a small machine.
    ///
    /// - Returns: The tree with every online processor and the important devices, marked foreign unless it is the
    ///   running machine; the allowed threads of the running machine are those of the calling thread.
    /// - Throws: `InputError` for a file, description or root that is wrong, `SystemFailure` when hwloc fails.
    public func discover() throws -> Topology {
        switch origin {
        case .thisSystem:
            return try load(.thisSystem)
        case .xml(let path):
            return try load(.xml(TopologyXMLFile.read(path)))
        case .synthetic(let description):
            try SyntheticDescription.check(description)
            return try load(.synthetic(description))
        case .fileSystemRoot(let path):
            try FileSystemRoot.check(path)
            return try load(.environment, ["HWLOC_FSROOT": path, "HWLOC_COMPONENTS": "linux,stop"])
        }
    }

    private func load(_ input: HwlocInput, _ variables: [String: String?] = [:]) throws -> Topology {
        try HwlocEnvironment.with(variables) {
            do {
                return try convert(HwlocHandle(input))
            } catch let refusal as Refusal {
                throw blamed(refusal.reason)
            }
        }
    }

    private func convert(_ handle: borrowing HwlocHandle) throws(Refusal) -> Topology {
        let isThisSystem = origin == .thisSystem && handle.isThisSystem
        let root = try HwlocConversion.tree(handle)
        // The sets of a file from outside may name threads that its tree does not have.
        let present = Set(root.flattened.filter { $0.kind == .thread }.compactMap(\.osIndex))
        guard !present.isEmpty else { throw .empty }
        return Topology(
            origin: origin, isThisSystem: isThisSystem, root: isThisSystem ? root.withMemory(of: HostProbe()) : root,
            allowedThreads: handle.allowedThreads(boundBy: isThisSystem).filter(present.contains),
            cpuKinds: handle.cpuKinds(), cgroup: isThisSystem ? HostProbe().cgroupLimits() : CgroupLimits())
    }

    /// The error of a load that failed: the input's fault, unless it is this machine.
    private func blamed(_ reason: String) -> any Error {
        switch origin {
        case .thisSystem:
            SystemFailure(
                action: "discovering this machine's topology with hwloc", reason: reason,
                recovery: "check that /sys and /proc are mounted")
        case .xml(let path): TopologyXMLFile.malformed(path, reason)
        case .synthetic(let description): SyntheticDescription.malformed(description, reason)
        case .fileSystemRoot(let path):
            InputError(
                source: OutsideText.printable(path), place: "sys/devices/system",
                problem: "hwloc cannot read a topology from this captured tree (\(reason))",
                recovery: "Capture /sys and /proc whole, for example with hwloc-gather-topology")
        }
    }
}
