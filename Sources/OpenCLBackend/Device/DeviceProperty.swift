import COpenCL
import Isolation

/// The device properties nodewatt asks for, with their codes (OpenCL 3.0 specification, table 5, and extensions).
enum DeviceProperty: UInt32 {
    case type = 0x1000
    case computeUnits = 0x1002
    case maximumWorkGroupSize = 0x1004
    case preferredFloatWidth = 0x100a
    case preferredDoubleWidth = 0x100b
    case clockMegahertz = 0x100c
    case addressBits = 0x100d
    case maximumAllocation = 0x1010
    case cacheLine = 0x101d
    case cacheSize = 0x101e
    case globalMemory = 0x101f
    case localMemoryType = 0x1022
    case localMemory = 0x1023
    case available = 0x1027
    case compilerAvailable = 0x1028
    case name = 0x102b
    case vendor = 0x102c
    case driverVersion = 0x102d
    case version = 0x102f
    case extensions = 0x1030
    case preferredHalfWidth = 0x1034
    case unifiedMemory = 0x1035
    case nativeFloatWidth = 0x103a
    case nativeDoubleWidth = 0x103b
    case nativeHalfWidth = 0x103c
    case languageVersion = 0x103d
    case maximumSubGroups = 0x105c
    case nvidiaCapabilityMajor = 0x4000
    case nvidiaCapabilityMinor = 0x4001
    case nvidiaWarpSize = 0x4003
    case nvidiaBus = 0x4008
    case nvidiaSlot = 0x4009
    case nvidiaDomain = 0x400a
    case amdTopology = 0x4037
    case amdBoardName = 0x4038
    case intelSubGroupSizes = 0x4108
    case pciBusInfo = 0x410f
}

/// Reads one device's properties; what a driver does not answer is `nil`.
struct DeviceProperties {
    let platform: Int
    let device: Int

    /// The bytes of a property, at most 64 KiB.
    func bytes(_ property: DeviceProperty) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var size = 0
        let status = nwcl_device_info(
            UInt32(platform), UInt32(device), property.rawValue, &buffer, buffer.count, &size)
        guard status == 0, size > 0, size <= buffer.count else { return nil }
        return Array(buffer.prefix(size))
    }

    /// A little-endian integer of 1, 2, 4 or 8 bytes, as every supported host stores it.
    func integer(_ property: DeviceProperty) -> Int? {
        guard let bytes = bytes(property), [1, 2, 4, 8].contains(bytes.count) else { return nil }
        let value = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int(clamping: value)
    }

    /// Text up to its terminating zero, in one clean line.
    func text(_ property: DeviceProperty, limit: Int = 200) -> String? {
        guard let bytes = bytes(property) else { return nil }
        let line = CleanText.line(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self), limit: limit)
        return line.isEmpty ? nil : line
    }

    /// The PCI address, by whichever extension the driver has.
    var pciAddress: String? {
        let extensions = Set((text(.extensions, limit: 16_000) ?? "").split(separator: " ").map(String.init))
        if extensions.contains("cl_khr_pci_bus_info"), let found = bytes(.pciBusInfo), found.count >= 16 {
            let fields = stride(from: 0, to: 16, by: 4).map { Int(found[$0]) | Int(found[$0 + 1]) << 8 }
            return PCIAddress.text(domain: fields[0], bus: fields[1], device: fields[2], function: fields[3])
        }
        if extensions.contains("cl_nv_device_attribute_query"), let bus = integer(.nvidiaBus),
            let slot = integer(.nvidiaSlot)
        {
            return PCIAddress.text(domain: integer(.nvidiaDomain) ?? 0, bus: bus, device: slot >> 3, function: slot & 7)
        }
        // cl_amd_device_attribute_query: a type of 1 (PCIe) in 4 bytes, 17 unused, then bus, device and function.
        if let found = bytes(.amdTopology), found.count >= 24, found[0] == 1 {
            return PCIAddress.text(domain: 0, bus: Int(found[21]), device: Int(found[22]), function: Int(found[23]))
        }
        return nil
    }
}

/// PCI addresses as hwloc writes them.
package enum PCIAddress {
    /// `domain:bus:device.function`, or `nil` when a part is out of range.
    package static func text(domain: Int, bus: Int, device: Int, function: Int) -> String? {
        guard (0...0xffff).contains(domain), (0...0xff).contains(bus), (0...0x1f).contains(device),
            (0...7).contains(function)
        else { return nil }
        return "\(hex(domain, 4)):\(hex(bus, 2)):\(hex(device, 2)).\(function)"
    }

    private static func hex(_ value: Int, _ digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
