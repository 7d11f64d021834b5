import Isolation
import NodeModel

/// How a worker reaches a device.
struct DevicePlace {
    /// The platform's name and the device's identifier, for messages.
    var name: String
    /// The environment in which the worker's loader shows the device.
    var environment: [String: String]
    /// The platform's index for that loader.
    var platform: Int
    /// The device's index in the platform.
    var device: Int
}

/// Collects what the workers found into one inventory with stable numbers.
struct InventoryBuilder {
    private static let remedy =
        "install a driver: the GPU vendor's, or `apt-get install pocl-opencl-icd` for the processors"

    var inventory: DeviceInventory
    var places: [DeviceID: DevicePlace] = [:]
    /// Why there is no loader, where a worker said so.
    var loaderFailure: String?
    private let topology: Topology
    private var platformCount = 0
    private var seen: Set<String> = []
    private var silent: [(source: String, reason: String?)] = []

    init(topology: Topology, unavailable: [Unavailable]) {
        self.topology = topology
        inventory = DeviceInventory(unavailable: unavailable)
    }

    mutating func note(_ subject: String, _ reason: String) {
        inventory.unavailable.append(Unavailable(subject: subject, reason: reason))
    }

    /// Keeps a number for a driver that could not be asked, so that the others' stay what they are without the fault.
    mutating func failed(source: String, reason: String) {
        let prefix = source + ": "
        let what = reason.hasPrefix(prefix) ? String(reason.dropFirst(prefix.count)) : reason
        note("opencl platform \(platformCount) (driver \(source))", what)
        platformCount += 1
    }

    mutating func noPlatform(source: String, reason: String?) { silent.append((source, reason)) }

    /// Numbers platforms on from those before, leaving out ones that another driver file showed already.
    mutating func add(_ platforms: [ScannedPlatform], source: String, environment: [String: String]) {
        for (index, platform) in platforms.enumerated() {
            let places = platform.devices.map { "\($0.device.name)@\($0.device.pciAddress ?? "")" }
            let identity = ([platform.name, platform.version] + places).joined(separator: "\u{1f}")
            guard seen.insert(identity).inserted else { continue }
            let number = platformCount
            platformCount += 1
            let title = "opencl platform \(number) (\(CleanText.line(platform.name, limit: 80)))"
            if platform.devices.isEmpty { note(title, "the platform of \(source) has no device") }
            for scanned in platform.devices {
                add(scanned, number: number, index: index, title: title, source: source, environment: environment)
            }
        }
    }

    private mutating func add(
        _ scanned: ScannedDevice, number: Int, index: Int, title: String, source: String, environment: [String: String]
    ) {
        var device = scanned.device
        device.id = DeviceID(rawValue: "opencl:\(number):\(scanned.index)")
        if let reason = scanned.unusable { return note("\(title), device \(scanned.index)", reason) }
        device.topologyObject = TopologyMatch.object(for: device, in: topology)
        device.properties["icd"] = source
        inventory.devices.append(device)
        places[device.id] = DevicePlace(
            name: "\(title), device \(scanned.index)", environment: environment, platform: index, device: scanned.index)
    }

    /// Adds the reasons for what stayed silent.
    mutating func finish() {
        if let loaderFailure, inventory.devices.isEmpty {
            return note("opencl", "\(loaderFailure); `apt-get install ocl-icd-libopencl1`, and \(Self.remedy)")
        }
        for (source, reason) in silent {
            note("opencl driver \(source)", "\(reason ?? "the loader shows no platform"); \(Self.remedy)")
        }
    }
}
