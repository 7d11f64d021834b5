import HostProbe
import NodeModel

extension TopologyObject {
    /// This tree with the memory of a lone NUMA node as `/proc/meminfo` gives it, where that is more.
    ///
    /// In guests that get memory on demand, sysfs counts only what is plugged in now, which changes while programs run.
    func withMemory(of probe: HostProbe) -> TopologyObject {
        guard flattened.filter({ $0.kind == .numaNode }).count == 1 else { return self }
        return withNodeMemory(atLeast: probe.memoryBytes)
    }

    private func withNodeMemory(atLeast bytes: Int) -> TopologyObject {
        var object = self
        if kind == .numaNode { object.memoryBytes = max(memoryBytes ?? 0, bytes) }
        object.memoryChildren = memoryChildren.map { $0.withNodeMemory(atLeast: bytes) }
        object.children = children.map { $0.withNodeMemory(atLeast: bytes) }
        return object
    }
}
