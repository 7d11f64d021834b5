import FoundationEssentials
public import NodeModel

/// OpenCL devices, every driver in a child process of its own; this process never loads one.
public final class OpenCLBackend: ComputeBackend {
    /// `opencl`.
    public let name = "opencl"
    private let launch: WorkerLaunch
    private let environment: [String: String]
    private let limits: WorkerLimits
    private var places: [DeviceID: DevicePlace] = [:]

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
                let connection = try WorkerConnection(
                    launch, environment: environment, driver: source.label, limits: limits)
                guard case .scanned(let result) = try connection.request(.enumerate) else {
                    throw connection.unexpected()
                }
                if result.platforms.isEmpty {
                    reason = result.loaderFailure ?? reason
                    if result.loaderFailure != nil { inventory.loaderFailure = result.loaderFailure }
                    continue
                }
                inventory.add(result.platforms, source: source.label, environment: environment)
                return
            } catch let failure as TrialFailure {
                // A driver that crashes one way would crash the other way too.
                return inventory.note("opencl driver \(source.label)", failure.reason)
            } catch {
                return inventory.note("opencl driver \(source.label)", "\(error)")
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
        let connection = try WorkerConnection(
            launch, environment: place.environment, driver: place.name, limits: limits)
        let request = WorkerRequest.prepare(
            workload: plan.workload, platform: place.platform, device: place.device, seed: seed)
        guard case .prepared(let work, let notes) = try connection.request(request) else {
            throw connection.unexpected()
        }
        return RemoteWorkload(connection: connection, work: work, notes: notes)
    }
}
