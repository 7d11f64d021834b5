import EnergyMeters
import Exporters
import FoundationEssentials
import HostProbe
import NodeModel

/// The running node as far as metering needs it, found in a few milliseconds even on a large one.
struct MeterAssembly {
    let environment: [String: String]
    let profiles: ProfileDirectory
    let probe = HostProbe()
    /// How many packages the machine has, where the kernel tells.
    let packages: Int?
    private let processors: [Int]

    /// Looks at the running machine.
    ///
    /// - Parameter environment: The process's environment.
    /// - Throws: ``NodeModel/SystemFailure`` when the data files are nowhere.
    init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        self.environment = environment
        profiles = try Installation.profiles(environment)
        processors = probe.onlineProcessors
        packages = probe.packages(of: processors)
    }

    /// Finds the meters of this node.
    ///
    /// - Parameter power: What the user knows of the node's power; a simulated power replaces all meters.
    /// - Returns: The meters, and what could not be read.
    /// - Throws: ``NodeModel/InputError`` for a power model file that is wrong.
    func meters(_ power: PowerModelOptions? = nil) throws -> MeterInventory {
        if let watts = power?.simulatedWatts { return MeterInventory(meters: [Self.simulatedMeter(watts)]) }
        return try MeterCatalogue.discover(options(power))
    }

    /// What a search for meters, or for GPUs to be managed, is told of this node.
    ///
    /// - Parameter power: What the user knows of the node's power.
    /// - Returns: The options, with the program that loads vendors' libraries.
    func options(_ power: PowerModelOptions? = nil) -> MeterOptions {
        MeterOptions(
            expectedPackages: packages, processor: ProcessorKind.read(),
            processors: processors.isEmpty ? nil : processors.count,
            profilesDirectory: profiles.path(for: "hardware"),
            permissionsDirectory: profiles.path(for: "permissions"), idleWatts: power?.idleWatts.map { Watts($0) },
            maxWatts: power?.maxWatts.map { Watts($0) },
            worker: MeterWorkerProgram(executable: "/proc/self/exe", arguments: [MeterWorkerCommand.name]),
            environment: environment)
    }

    private static func simulatedMeter(_ watts: Double) -> ScriptedMeter {
        let description = MeterDescription(
            id: "simulated:node", source: "simulated", domain: EnergyDomain(name: "node", kind: .node),
            grade: .modelled,
            resolutionJoules: Joules(0), updatePeriodSeconds: Seconds(0), wrapRangeJoules: nil, relativeUncertainty: 0,
            boundary: "everything: the power was given on the command line")
        return ScriptedMeter(description, watts: Watts(watts), clock: .monotonic)
    }
}
