import CHwloc
import HostProbe
import NodeModel

/// Turns hwloc's tree into the model's, within limits that no real machine reaches.
struct HwlocConversion {
    private let topology: hwloc_topology_t
    private var objectsLeft = 1 << 19
    private var numbersLeft = 1 << 24
    /// An exbibyte of memory and caches together, so that sums over the tree cannot overflow.
    private var bytesLeft = 1 << 60

    /// The converted tree.
    static func tree(_ handle: borrowing HwlocHandle) throws(Refusal) -> TopologyObject {
        guard let root = hwloc_get_obj_by_depth(handle.raw, 0, 0) else {
            return TopologyObject(kind: .machine, logicalIndex: 0)
        }
        var conversion = HwlocConversion(topology: handle.raw)
        return try conversion.convert(root)
    }

    private init(topology: hwloc_topology_t) { self.topology = topology }

    private mutating func convert(_ source: hwloc_obj_t) throws(Refusal) -> TopologyObject {
        var object = TopologyObject(
            kind: Self.kinds[source.pointee.type.rawValue] ?? .misc,
            logicalIndex: Int(source.pointee.logical_index),
            osIndex: source.pointee.os_index == UInt32.max ? nil : Int(source.pointee.os_index),
            threads: HwlocBitmap.numbers(source.pointee.cpuset))
        objectsLeft -= 1
        numbersLeft -= object.threads.count
        guard objectsLeft > 0, numbersLeft > 0 else { throw .tooLarge }
        object.information = HwlocInformation.pairs(source.pointee.infos, count: source.pointee.infos_count)
        if let subtype = HwlocInformation.text(source.pointee.subtype) { object.information["Subtype"] = subtype }
        if let attributes = source.pointee.attr { fill(&object, source, attributes.pointee) }
        for bytes in [object.memoryBytes, object.cacheBytes].compactMap(\.self) {
            guard bytes <= bytesLeft else { throw .tooLarge }
            bytesLeft -= bytes
        }
        object.name = Self.name(of: object, own: HwlocInformation.text(source.pointee.name))
        object.children = try convertAll(source.pointee.first_child)
        object.memoryChildren = try convertAll(source.pointee.memory_first_child)
        object.ioChildren = try convertAll(source.pointee.io_first_child)
        return object
    }

    private mutating func convertAll(_ first: hwloc_obj_t?) throws(Refusal) -> [TopologyObject] {
        var objects: [TopologyObject] = []
        var next = first
        while let current = next {
            objects.append(try convert(current))
            next = current.pointee.next_sibling
        }
        return objects
    }

    /// Adds what hwloc knows by kind.
    private func fill(_ object: inout TopologyObject, _ source: hwloc_obj_t, _ attributes: hwloc_obj_attr_u) {
        switch object.kind {
        case .numaNode:
            object.memoryBytes = Int(clamping: attributes.numanode.local_memory)
            fillMemoryAttributes(&object, source)
        case .l1Cache, .l2Cache, .l3Cache, .l4Cache, .l5Cache, .memorySideCache,
            .l1InstructionCache, .l2InstructionCache, .l3InstructionCache:
            object.cacheBytes = Int(clamping: attributes.cache.size)
            object.cacheLineBytes = attributes.cache.linesize > 0 ? Int(attributes.cache.linesize) : nil
        case .pciDevice:
            object.pci = Self.identity(attributes.pcidev)
        case .bridge where attributes.bridge.upstream_type == HWLOC_OBJ_BRIDGE_PCI:
            object.pci = Self.identity(attributes.bridge.upstream.pci)
        case .osDevice:
            object.osDevice = Self.osDevices[attributes.osdev.type.rawValue]
        default:
            break
        }
    }

    /// Bandwidth and latency as firmware tells them (ACPI HMAT), from the best-placed processors.
    private func fillMemoryAttributes(_ object: inout TopologyObject, _ node: hwloc_obj_t) {
        let wanted: [(hwloc_memattr_id_e, name: String, best: ([UInt64]) -> UInt64?)] = [
            (HWLOC_MEMATTR_ID_BANDWIDTH, "BandwidthMiBPerSecond", { $0.max() }),
            (HWLOC_MEMATTR_ID_LATENCY, "LatencyNanoseconds", { $0.min() }),
        ]
        for (id, name, best) in wanted {
            var count: UInt32 = 16
            var initiators = [hwloc_location](repeating: hwloc_location(), count: Int(count))
            var values = [hwloc_uint64_t](repeating: 0, count: Int(count))
            guard
                hwloc_memattr_get_initiators(topology, id.rawValue, node, 0, &count, &initiators, &values) == 0
            else { continue }
            // hwloc writes the number there are, which may exceed the room it was given.
            if let value = best(values.prefix(Int(min(count, 16))).map { UInt64($0) }) {
                object.information[name] = "\(value)"
            }
        }
    }

    /// The name people know an object by.
    private static func name(of object: TopologyObject, own: String?) -> String? {
        let facts = object.information
        switch object.kind {
        case .machine:
            let product = facts["DMIProductName"] ?? facts["PlatformModel"]
            guard let product, let vendor = facts["DMISysVendor"], !product.hasPrefix(vendor) else {
                return product ?? own
            }
            return "\(vendor) \(product)"
        case .package: return facts["CPUModel"] ?? own
        case .pciDevice, .bridge:
            let parts = [facts["PCIVendor"], facts["PCIDevice"]].compactMap(\.self)
            return parts.isEmpty ? own : parts.joined(separator: " ")
        default: return own
        }
    }

    private static func identity(_ pci: hwloc_pcidev_attr_s) -> PCIIdentity {
        let address =
            "\(hexadecimal(Int(pci.domain), 4)):\(hexadecimal(Int(pci.bus), 2)):"
            + "\(hexadecimal(Int(pci.dev), 2)).\(hexadecimal(Int(pci.func), 1))"
        let speed = Double(pci.linkspeed) * 1e9
        return PCIIdentity(
            address: address, vendorID: pci.vendor_id, deviceID: pci.device_id, classID: pci.class_id,
            linkBytesPerSecond: speed > 0 && speed < 1e14 ? speed : nil)
    }

    private static func hexadecimal(_ value: Int, _ digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(digits - text.count, 0)) + text
    }

    private static let kinds: [UInt32: TopologyObjectKind] = [
        HWLOC_OBJ_MACHINE.rawValue: .machine, HWLOC_OBJ_PACKAGE.rawValue: .package, HWLOC_OBJ_DIE.rawValue: .die,
        HWLOC_OBJ_GROUP.rawValue: .group, HWLOC_OBJ_CORE.rawValue: .core, HWLOC_OBJ_PU.rawValue: .thread,
        HWLOC_OBJ_L1CACHE.rawValue: .l1Cache, HWLOC_OBJ_L2CACHE.rawValue: .l2Cache,
        HWLOC_OBJ_L3CACHE.rawValue: .l3Cache, HWLOC_OBJ_L4CACHE.rawValue: .l4Cache,
        HWLOC_OBJ_L5CACHE.rawValue: .l5Cache, HWLOC_OBJ_L1ICACHE.rawValue: .l1InstructionCache,
        HWLOC_OBJ_L2ICACHE.rawValue: .l2InstructionCache, HWLOC_OBJ_L3ICACHE.rawValue: .l3InstructionCache,
        HWLOC_OBJ_MEMCACHE.rawValue: .memorySideCache, HWLOC_OBJ_NUMANODE.rawValue: .numaNode,
        HWLOC_OBJ_BRIDGE.rawValue: .bridge, HWLOC_OBJ_PCI_DEVICE.rawValue: .pciDevice,
        HWLOC_OBJ_OS_DEVICE.rawValue: .osDevice, HWLOC_OBJ_MISC.rawValue: .misc,
    ]

    private static let osDevices: [UInt32: OSDeviceKind] = [
        HWLOC_OBJ_OSDEV_BLOCK.rawValue: .block, HWLOC_OBJ_OSDEV_GPU.rawValue: .gpu,
        HWLOC_OBJ_OSDEV_NETWORK.rawValue: .network, HWLOC_OBJ_OSDEV_OPENFABRICS.rawValue: .openFabrics,
        HWLOC_OBJ_OSDEV_DMA.rawValue: .dma, HWLOC_OBJ_OSDEV_COPROC.rawValue: .coprocessor,
    ]
}
