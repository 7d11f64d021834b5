import CPUBackend
import EnergyMeters
import Exporters
import FoundationEssentials
import HostProbe
import HwlocTopology
import NodeModel
import OpenCLBackend

/// The running node with its adapters: the only place where they meet.
struct NodeAssembly {
    let environment: [String: String]
    let profiles: ProfileDirectory
    let topology: Topology
    let probe = HostProbe()
    let cpu: CPUBackend
    let openCL: OpenCLBackend

    /// Discovers the running machine.
    ///
    /// - Parameter environment: The process's environment.
    /// - Throws: ``NodeModel/SystemFailure`` when the topology or the data files cannot be read,
    ///   ``NodeModel/UsageError`` for a `NODEWATT_ISA` this machine lacks.
    init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        self.environment = environment
        profiles = try Installation.profiles(environment)
        topology = try HwlocTopologySource(origin: .thisSystem).discover()
        cpu = try CPUBackend(environment: environment)
        openCL = OpenCLBackend(
            workerExecutable: "/proc/self/exe", workerArguments: [OpenCLWorkerCommand.name], environment: environment)
    }

    /// The backends by the name their devices carry.
    var backends: [String: any ComputeBackend] { [cpu.name: cpu, openCL.name: openCL] }

    /// Finds the devices a user named, or all.
    ///
    /// - Parameter names: Device ids or PCI addresses; empty for all.
    /// - Returns: The devices in the order of discovery, and what could not be used.
    /// - Throws: ``NodeModel/UsageError`` for a name no device has.
    func devices(named names: [String] = []) throws -> DeviceInventory {
        var inventory = cpu.devices(in: topology)
        if names.isEmpty || names.contains(where: { $0.lowercased() != DeviceID.cpu.rawValue }) {
            let more = openCL.devices(in: topology)
            inventory.devices += more.devices
            inventory.unavailable += more.unavailable
        }
        guard !names.isEmpty else { return inventory }
        for name in names where !inventory.devices.contains(where: { Self.matches($0, name) }) {
            let known = inventory.devices.map(\.id.rawValue).joined(separator: ", ")
            let absent = inventory.unavailable.map { "; \($0.subject): \($0.reason)" }.joined()
            throw UsageError("no device '\(Terminal.printable(name))' here; there are: \(known)\(absent)")
        }
        inventory.devices = inventory.devices.filter { device in names.contains { Self.matches(device, $0) } }
        return inventory
    }

    private static func matches(_ device: Device, _ name: String) -> Bool {
        let name = name.lowercased()
        return device.id.rawValue.lowercased() == name || device.pciAddress == name
            || device.pciAddress == "0000:" + name
    }

    /// Finds the meters of this node.
    ///
    /// - Parameters:
    ///   - idleWatts: The node's idle power for the power model, where the user knows it.
    ///   - maxWatts: The node's full-load power for the power model.
    /// - Returns: The meters, and what could not be read.
    /// - Throws: ``NodeModel/InputError`` for a power model file that is wrong.
    func meters(idleWatts: Double? = nil, maxWatts: Double? = nil) throws -> MeterInventory {
        try MeterCatalogue.discover(
            MeterOptions(
                expectedPackages: packages, processor: ProcessorKind.read(),
                processors: topology.objects(.thread).count,
                profilesDirectory: profiles.path(for: "hardware"), idleWatts: idleWatts.map { Watts($0) },
                maxWatts: maxWatts.map { Watts($0) }))
    }

    /// How many packages the machine has, where hwloc knows.
    var packages: Int? {
        let count = topology.objects(.package).count
        return count > 0 ? count : nil
    }

    /// Packages, cores and hardware threads in one word, for example `2p64c128t`.
    var shape: String {
        let counts = [(TopologyObjectKind.package, "p"), (.core, "c"), (.thread, "t")]
        return counts.map { "\(topology.objects($0.0).count)\($0.1)" }.joined()
    }

    /// Who this node is.
    func identity(devices: [Device]) -> NodeIdentity {
        let drivers = Dictionary(devices.map { ($0.id.rawValue, $0.driver) }, uniquingKeysWith: { first, _ in first })
        return probe.identity(shape: shape, powerCapsWatts: RAPLMeter.packagePowerCaps(), drivers: drivers)
    }
}
