public import NodeModel

/// What an attached device is for.
public enum DeviceCategory: String, Codable, Sendable, CaseIterable {
    case accelerator, network, storage, other

    /// The heading of a group of such devices.
    public var title: String {
        switch self {
        case .accelerator: "GPUs and accelerators"
        case .network: "Network"
        case .storage: "Storage"
        case .other: "Other devices"
        }
    }
}

/// A device of the topology with the place it is attached to.
public struct AttachedDevice: Hashable, Encodable, Sendable {
    /// What the device is for.
    public var category: DeviceCategory
    /// The PCI address; `nil` for a device that is not on PCI.
    @ExplicitNull public var pciAddress: String?
    /// The model, where known.
    @ExplicitNull public var model: String?
    /// The operating system's names of it, such as `eth0`, `card0`, `cuda0`.
    public var names: [String]
    /// The operating-system numbers of the NUMA nodes it is near to; all of them where it is near to none.
    public var numaNodes: [Int]
    /// The hardware threads it is near to.
    public var threads: [Int]
    /// The speed of its PCI link in bytes per second, where known.
    @ExplicitNull public var linkBytesPerSecond: Double?
}

extension Topology {
    /// The devices attached to the machine, in the order of the tree; bridges are left out.
    public var attachedDevices: [AttachedDevice] {
        var devices: [AttachedDevice] = []
        let nodes = objects(.numaNode)
        collect(below: root, near: root, nodes, into: &devices)
        return devices
    }

    private func collect(
        below object: TopologyObject, near place: TopologyObject, _ nodes: [TopologyObject],
        into devices: inout [AttachedDevice]
    ) {
        for child in object.children { collect(below: child, near: child, nodes, into: &devices) }
        for child in object.ioChildren {
            if child.kind == .bridge {
                collect(below: child, near: place, nodes, into: &devices)
            } else {
                devices.append(AttachedDevice(child, near: place, nodes))
            }
        }
    }
}

extension AttachedDevice {
    /// Describes a PCI device with the operating-system devices below it, or one of those alone.
    fileprivate init(_ object: TopologyObject, near place: TopologyObject, _ nodes: [TopologyObject]) {
        let parts = object.flattened.filter { $0.kind == .osDevice }
        category = Self.category(of: object, parts)
        names = parts.compactMap(\.name)
        threads = place.threads
        numaNodes = nodes.filter { !Set($0.threads).isDisjoint(with: place.threads) }.compactMap(\.osIndex)
        _pciAddress = ExplicitNull(wrappedValue: object.pci?.address)
        _linkBytesPerSecond = ExplicitNull(wrappedValue: object.pci?.linkBytesPerSecond)
        // What a driver calls the device beats the PCI database, which names chips.
        let models = parts.compactMap { $0.information["GPUModel"] ?? $0.information["Model"] }
        let fallback = object.kind == .pciDevice ? object.name ?? object.pci.map(Self.identifiers) : nil
        _model = ExplicitNull(wrappedValue: models.first ?? fallback)
    }

    private static func identifiers(_ pci: PCIIdentity) -> String {
        let numbers = [pci.vendorID, pci.deviceID].map { number in
            let digits = String(number, radix: 16)
            return String(repeating: "0", count: 4 - digits.count) + digits
        }
        return "PCI \(numbers.joined(separator: ":"))"
    }

    private static func category(of object: TopologyObject, _ parts: [TopologyObject]) -> DeviceCategory {
        let kinds = Set(parts.compactMap(\.osDevice))
        if !kinds.isDisjoint(with: [.gpu, .coprocessor]) { return .accelerator }
        if !kinds.isDisjoint(with: [.network, .openFabrics]) { return .network }
        if kinds.contains(.block) { return .storage }
        // The base class, the upper byte of the PCI class code.
        switch object.pci.map({ $0.classID >> 8 }) {
        case 0x03, 0x0b, 0x12: return .accelerator
        case 0x02: return .network
        case 0x01: return .storage
        default: return .other
        }
    }
}
