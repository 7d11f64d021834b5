import COpenCL
import FoundationEssentials
import Isolation
import NodeModel

/// What one child found on the platforms its loader shows.
struct ScanResult: Codable, Sendable {
    /// Platforms in the loader's order.
    var platforms: [ScannedPlatform] = []
    /// Why there is no loader, when there is none.
    var loaderFailure: String?
    /// Why a driver's library shows no platform, when it shows none.
    var libraryFailure: String?
}

/// One platform and its devices.
struct ScannedPlatform: Codable, Sendable {
    /// The name.
    var name: String
    /// The version text.
    var version: String
    /// The devices; their identifiers' platform number is that of the child's loader.
    var devices: [ScannedDevice]
}

/// A device with the index the loader of its child knows it by.
struct ScannedDevice: Codable, Sendable {
    /// The index among all devices of the platform.
    var index: Int
    /// The description, or why the device cannot be used.
    var device: Device
    /// Why the device cannot be used, when it cannot.
    var unusable: String?
}

/// Lists the platforms and devices of the loader in this process, which only children do.
enum DeviceScan {
    /// The environment's variable that tells a worker which library it is to find.
    static let libraryVariable = "NODEWATT_OPENCL_LIBRARY"

    /// Asks the loader, announcing each step.
    static func run(report: StepReport) -> ScanResult {
        var result = ScanResult()
        report("opening the loader", .open)
        var message = [CChar](repeating: 0, count: 512)
        if nwcl_load(&message, message.count) != 0 {
            let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            result.loaderFailure = CleanText.line(String(decoding: bytes, as: UTF8.self))
            return result
        }
        report("listing platforms", .enumerate)
        var count: UInt32 = 0
        let status = nwcl_platform_count(&count)
        if status != 0 {
            result.loaderFailure = "listing platforms: \(String(cString: nwcl_error_name(status))) (\(status))"
        }
        result.platforms = (0..<Int(count)).map { platform(index: $0, report: report) }
        if result.platforms.isEmpty, result.loaderFailure == nil { result.libraryFailure = explain(report) }
        return result
    }

    /// Why the library of a driver shows no platform; `nil` where the loader alone knows which it is.
    private static func explain(_ report: StepReport) -> String? {
        guard let library = ProcessInfo.processInfo.environment[libraryVariable], !library.isEmpty else { return nil }
        let name = CleanText.line(library, limit: 200)
        report("loading \(name) itself", .open)
        var message = [CChar](repeating: 0, count: 512)
        nwcl_explain(library, &message, message.count)
        let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return "\(name): \(CleanText.line(String(decoding: bytes, as: UTF8.self), limit: 300))"
    }

    private static func platform(index: Int, report: StepReport) -> ScannedPlatform {
        let name = text(platform: index, 0x0902) ?? "platform \(index)"
        report("listing devices of \(name)", .enumerate)
        var count: UInt32 = 0
        _ = nwcl_device_count(UInt32(index), &count)
        let devices = (0..<Int(count)).map { device in
            report("reading properties of device \(device) of \(name)", .enumerate)
            return describe(platform: index, device: device, platformName: name)
        }
        return ScannedPlatform(name: name, version: text(platform: index, 0x0901) ?? "unknown", devices: devices)
    }

    private static func text(platform: Int, _ property: UInt32) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var size = 0
        guard nwcl_platform_info(UInt32(platform), property, &buffer, buffer.count, &size) == 0, size <= buffer.count
        else { return nil }
        let line = CleanText.line(String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self), limit: 200)
        return line.isEmpty ? nil : line
    }

    static func describe(platform: Int, device: Int, platformName: String) -> ScannedDevice {
        let properties = DeviceProperties(platform: platform, device: device)
        let type = properties.integer(.type) ?? 0
        // CL_DEVICE_TYPE_CPU and CL_DEVICE_TYPE_GPU.
        let kind: DeviceKind = type & 2 != 0 ? .cpu : type & 4 != 0 ? .gpu : .accelerator
        var result = Device(
            id: DeviceID(rawValue: "opencl:\(platform):\(device)"), kind: kind, backend: "opencl",
            name: properties.text(.amdBoardName) ?? properties.text(.name) ?? "unnamed device",
            vendor: properties.text(.vendor) ?? "unknown", driver: properties.text(.driverVersion) ?? "unknown",
            computeUnits: max(properties.integer(.computeUnits) ?? 1, 1),
            clockHertz: properties.integer(.clockMegahertz).flatMap { $0 > 0 ? Hertz(Double($0) * 1e6) : nil },
            memoryBytes: properties.integer(.globalMemory) ?? 0,
            maximumAllocationBytes: properties.integer(.maximumAllocation) ?? 0, platform: platformName)
        result.pciAddress = kind == .cpu ? nil : properties.pciAddress
        result.properties = PropertyTable.read(properties)
        var unusable: String?
        if properties.integer(.available) == 0 { unusable = "the driver reports it as not available" }
        let essentials: [DeviceProperty] = [.type, .computeUnits, .maximumWorkGroupSize, .globalMemory]
        if essentials.contains(where: { properties.integer($0) == nil }) || properties.text(.name) == nil {
            unusable = "the driver's answers about it have lengths that cannot be, or there are none"
        }
        if let wrong = Self.implausible(properties) { unusable = wrong }
        if properties.integer(.compilerAvailable) == 0 { unusable = "the driver has no compiler for OpenCL C" }
        return ScannedDevice(index: device, device: result, unusable: unusable)
    }
}

extension DeviceScan {
    /// The most of each that is believed: far above any device, far below what overflows when reckoned with.
    private static let bounds: [(DeviceProperty, name: String, most: Int)] = [
        (.computeUnits, "compute units", 1 << 20), (.maximumWorkGroupSize, "work-items in a group", 1 << 20),
        (.globalMemory, "bytes of memory", 1 << 50), (.maximumAllocation, "bytes in a buffer", 1 << 50),
        (.cacheSize, "bytes of cache", 1 << 40), (.clockMegahertz, "MHz", 1 << 20),
        (.localMemory, "bytes of local memory", 1 << 40),
    ]

    /// What a driver says that cannot be, in words; `nil` where all is possible.
    private static func implausible(_ properties: DeviceProperties) -> String? {
        bounds.lazy.compactMap { property, name, most in
            properties.integer(property).flatMap { $0 > most ? "the driver claims \($0) \(name)" : nil }
        }.first
    }
}

/// The properties recorded beside the ones a device has fields for.
enum PropertyTable {
    private static let texts: [(String, DeviceProperty, limit: Int)] = [
        ("opencl_version", .version, 200), ("opencl_c_version", .languageVersion, 200), ("opencl_name", .name, 200),
        ("extensions", .extensions, 16_000),
    ]
    private static let integers: [(String, DeviceProperty)] = [
        ("maximum_work_group_size", .maximumWorkGroupSize), ("address_bits", .addressBits),
        ("local_memory_bytes", .localMemory), ("global_cache_bytes", .cacheSize),
        ("global_cache_line_bytes", .cacheLine), ("preferred_vector_width_half", .preferredHalfWidth),
        ("preferred_vector_width_float", .preferredFloatWidth),
        ("preferred_vector_width_double", .preferredDoubleWidth),
        ("native_vector_width_half", .nativeHalfWidth), ("native_vector_width_float", .nativeFloatWidth),
        ("native_vector_width_double", .nativeDoubleWidth), ("host_unified_memory", .unifiedMemory),
        ("maximum_sub_groups", .maximumSubGroups),
    ]
    private static let nvidia: [(String, DeviceProperty)] = [
        ("nvidia_capability_major", .nvidiaCapabilityMajor), ("nvidia_capability_minor", .nvidiaCapabilityMinor),
        ("nvidia_warp_size", .nvidiaWarpSize),
    ]
    private static let flags: [(String, extension: String)] = [
        ("fp16", "cl_khr_fp16"), ("fp64", "cl_khr_fp64"), ("cl_khr_subgroups", "cl_khr_subgroups"),
    ]

    static func read(_ properties: DeviceProperties) -> [String: String] {
        var result: [String: String] = [:]
        for (name, property, limit) in texts { result[name] = properties.text(property, limit: limit) }
        for (name, property) in integers { result[name] = properties.integer(property).map(String.init) }
        let extensions = Set((result["extensions"] ?? "").split(separator: " ").map(String.init))
        for (name, required) in flags { result[name] = extensions.contains(required) ? "yes" : "no" }
        result["local_memory_type"] = properties.integer(.localMemoryType) == 1 ? "dedicated" : "global"
        if extensions.contains("cl_nv_device_attribute_query") {
            for (name, property) in nvidia { result[name] = properties.integer(property).map(String.init) }
        }
        if extensions.contains("cl_intel_required_subgroup_size"), let sizes = properties.bytes(.intelSubGroupSizes) {
            let values = stride(from: 0, to: sizes.count - 7, by: 8).map { String(sizes[$0]) }
            result["sub_group_sizes"] = values.joined(separator: " ")
        }
        return result
    }
}
