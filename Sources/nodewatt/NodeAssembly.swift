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
    let metering: MeterAssembly
    let cpu: CPUBackend
    let openCL: OpenCLBackend

    /// Discovers the running machine.
    ///
    /// - Parameter environment: The process's environment.
    /// - Throws: ``NodeModel/SystemFailure`` when the topology or the data files cannot be read,
    ///   ``NodeModel/UsageError`` for a `NODEWATT_ISA` this machine lacks.
    init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        self.environment = environment
        metering = try MeterAssembly(environment: environment)
        profiles = metering.profiles
        topology = try HwlocTopologySource(origin: .thisSystem).discover()
        cpu = try CPUBackend(environment: environment)
        openCL = OpenCLBackend(
            workerExecutable: "/proc/self/exe", workerArguments: [OpenCLWorkerCommand.name], environment: environment,
            isCancelled: { Interruption.isRequested })
    }

    /// The backends by the name their devices carry.
    var backends: [String: any ComputeBackend] { [cpu.name: cpu, openCL.name: openCL] }

    /// Finds everything that can compute.
    func allDevices() -> DeviceInventory {
        let (native, drivers) = (cpu.devices(in: topology), openCL.devices(in: topology))
        return DeviceInventory(
            devices: native.devices + drivers.devices, unavailable: native.unavailable + drivers.unavailable)
    }

    /// Keeps the devices a user named, or all.
    ///
    /// - Parameters:
    ///   - names: Device ids or PCI addresses; empty for all.
    ///   - inventory: Everything that can compute.
    /// - Returns: The devices in the order of discovery, and what could not be used.
    /// - Throws: ``NodeModel/UsageError`` for a name no device has.
    static func select(_ names: [String], from inventory: DeviceInventory) throws -> DeviceInventory {
        guard !names.isEmpty else { return inventory }
        for name in names where !inventory.devices.contains(where: { matches($0, name) }) {
            let known = inventory.devices.map(\.id.rawValue).joined(separator: ", ")
            let absent = inventory.unavailable.map { "; \($0.subject): \($0.reason)" }.joined()
            throw UsageError("no device '\(Terminal.printable(name))' here; there are: \(known)\(absent)")
        }
        let chosen = inventory.devices.filter { device in names.contains { matches(device, $0) } }
        return DeviceInventory(devices: chosen, unavailable: inventory.unavailable)
    }

    private static func matches(_ device: Device, _ name: String) -> Bool {
        let name = name.lowercased()
        return device.id.rawValue.lowercased() == name || device.pciAddress == name
            || device.pciAddress == "0000:" + name
    }

    /// Processor times after a moment in which nothing of ours ran, to tell other people's load by.
    func quietMoment() -> ProcessorTimes? {
        let times = try? ProcessorTimes.read()
        Interruption.sleep(Seconds(0.25))
        return times
    }

    /// Who this node is.
    ///
    /// - Parameter devices: Everything that can compute, whatever of it is going to be measured. The CPU has no driver:
    ///   its instruction set is a choice, not a property of the node.
    /// - Returns: The host's name and what legitimately changes its figures.
    func identity(devices: [Device]) -> NodeIdentity {
        let driven = devices.filter { $0.backend != cpu.name }
        let drivers = Dictionary(driven.map { ($0.id.rawValue, $0.driver) }, uniquingKeysWith: { first, _ in first })
        let caps = RAPLMeter.packagePowerCaps(
            MeterOptions(expectedPackages: metering.packages, processor: ProcessorKind.read()))
        return probe.identity(shape: TopologyCounts(topology).shape, powerCapsWatts: caps, drivers: drivers)
    }
}
