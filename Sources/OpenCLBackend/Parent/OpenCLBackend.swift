import FoundationEssentials
import Isolation
public import NodeModel

/// OpenCL devices, every driver in a child process of its own; this process never loads one.
public final class OpenCLBackend: ComputeBackend {
    /// `opencl`.
    public let name = "opencl"
    private let launch: WorkerLaunch
    private let environment: [String: String]
    private let limits: WorkerLimits
    private var places: [DeviceID: DevicePlace] = [:]
    private var tunings: [DeviceID: DeviceTuning] = [:]
    /// Whether workloads run in this process, to look for defects and to see what isolation costs.
    ///
    /// A driver that crashes then takes all down; right only where the loader shows a single driver.
    public var isInProcess = false
    /// How much time goes into the shapes of kernels; set before the first workload is prepared.
    public var tuning = TuningPolicy()
    private lazy var caches = CompilerCaches(environment: environment)

    /// Makes the backend; nothing is started yet.
    ///
    /// - Parameters:
    ///   - workerExecutable: The program that calls ``OpenCLWorker/main()``, by default this one.
    ///   - workerArguments: Its arguments.
    ///   - environment: The environment of workers, and where OCL_ICD_VENDORS and OCL_ICD_FILENAMES are taken from; by
    ///     default this process's.
    ///   - limits: How long each step may take.
    ///   - isCancelled: Whether the user wants to stop; a worker that then goes on for a second is killed.
    public init(
        workerExecutable: String = "/proc/self/exe", workerArguments: [String] = ["opencl-worker"],
        environment: [String: String]? = nil, limits: WorkerLimits = WorkerLimits(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) {
        launch = WorkerLaunch(
            executable: workerExecutable, arguments: workerArguments, isCancelled: isCancelled)
        self.environment = environment ?? ProcessInfo.processInfo.environment
        self.limits = limits
    }

    /// Asks every driver for its devices; platforms are numbered over all drivers, in the order of their files' names.
    ///
    /// - Parameter topology: The running machine, to whose objects devices are matched.
    /// - Returns: The devices, and which drivers, platforms and devices cannot be used and why.
    public func devices(in topology: Topology) -> DeviceInventory {
        guard topology.isThisSystem else {
            return DeviceInventory(unavailable: [
                Unavailable(subject: "opencl", reason: "the topology is of another machine")
            ])
        }
        let drivers = DriverList(environment: environment)
        var inventory = InventoryBuilder(topology: topology, unavailable: drivers.unavailable)
        for source in drivers.sources { scan(source, into: &inventory) }
        inventory.finish()
        places = inventory.places
        return inventory.inventory
    }

    private func scan(_ source: DriverSource, into inventory: inout InventoryBuilder) {
        var reason: String?
        for environment in source.environments {
            do {
                let connection = try connect(environment, driver: source.label)
                guard case .scanned(let result) = try connection.request(.enumerate) else {
                    throw connection.unexpected()
                }
                if result.platforms.isEmpty {
                    reason = result.loaderFailure ?? reason ?? result.libraryFailure
                    if result.loaderFailure != nil { inventory.loaderFailure = result.loaderFailure }
                    continue
                }
                inventory.add(result.platforms, source: source.label, environment: environment)
                return
            } catch let failure as TrialFailure {
                // A driver that crashes one way would crash the other way too.
                return inventory.failed(source: source.label, reason: failure.reason)
            } catch {
                return inventory.failed(source: source.label, reason: "\(error)")
            }
        }
        inventory.noPlatform(source: source.label, reason: reason)
    }

    /// Starts a worker for the device's driver and makes a workload ready in it.
    ///
    /// - Parameters:
    ///   - plan: What to run and where.
    ///   - device: The device the plan names.
    ///   - topology: The running machine.
    ///   - seed: The seed of all random data.
    /// - Returns: The prepared workload; releasing it ends the worker.
    /// - Throws: `TrialFailure`; a crash, a hang or nonsense of the driver names the platform, the step and the signal.
    public func prepare(_ plan: TrialPlan, on device: Device, in topology: Topology, seed: UInt32) throws
        -> any PreparedWorkload
    {
        if places.isEmpty { _ = devices(in: topology) }
        guard let place = places[device.id] else {
            throw TrialFailure(.failed, "there is no OpenCL device \(device.id); `nodewatt devices` lists them")
        }
        var tuned = tunings[device.id] ?? DeviceTuning(tuning, device: device)
        let order = tuned.order(for: plan.workload)
        let connection: any WorkerAnswering =
            isInProcess
            ? LocalConnection(environment: place.environment.merging(caches.environment) { $1 })
            : try connect(place.environment, driver: place.name)
        let request = WorkerRequest.prepare(
            workload: plan.workload, platform: place.platform, device: place.device, seed: seed, tuning: order)
        guard case .prepared(let work, let notes, let result) = try connection.request(request) else {
            throw connection.unexpected()
        }
        var more = tuned.finish(plan.workload, order, result)
        if isInProcess { more["process"] = "nodewatt's own, not isolated" }
        tunings[device.id] = tuned
        return RemoteWorkload(connection: connection, work: work, notes: notes.merging(more) { $1 })
    }

    /// Finds out what devices can do by building and running a kernel of a few lines for each capability.
    ///
    /// - Parameter devices: Devices of this backend; others are returned as they are.
    /// - Returns: The devices with properties `can_half`, `can_double` … of `yes`, or `no: ` and why.
    public func probed(_ devices: [Device]) -> [Device] {
        devices.map { device in
            guard let place = places[device.id] else { return device }
            var device = device
            var connection: WorkerConnection?
            for capability in Capability.allCases {
                let missing = probe(capability, place, &connection)
                device.properties["can_\(capability.rawValue)"] = missing.map { "no: \($0)" } ?? "yes"
            }
            return device
        }
    }

    /// One capability, by the worker of the ones before as long as it lives: compilers crash over what they do not know.
    private func probe(_ capability: Capability, _ place: DevicePlace, _ connection: inout WorkerConnection?)
        -> String?
    {
        do {
            let worker = try connection ?? connect(place.environment, driver: place.name)
            connection = worker
            let request = WorkerRequest.probe(
                capability: capability, platform: place.platform, device: place.device)
            guard case .probed(let missing) = try worker.request(request) else { throw worker.unexpected() }
            return missing.map { CleanText.line($0, limit: 300) }
        } catch {
            connection = nil
            return (error as? TrialFailure)?.reason ?? "\(error)"
        }
    }

    private func connect(_ environment: [String: String], driver: String) throws -> WorkerConnection {
        try WorkerConnection(
            launch, environment: environment.merging(caches.environment) { $1 }, driver: driver, limits: limits)
    }
}
