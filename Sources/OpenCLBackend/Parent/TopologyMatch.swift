import NodeModel

/// Where a device is attached.
enum TopologyMatch {
    /// The hwloc object of a device: `machine` for processors, the PCI device of the same address for others.
    static func object(for device: Device, in topology: Topology) -> String? {
        if device.kind == .cpu { return "machine" }
        guard let address = device.pciAddress else { return nil }
        let found = topology.root.flattened.contains { $0.pci?.address == address }
        return found ? "PCI \(address)" : nil
    }
}
