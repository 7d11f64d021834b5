import EnergyMeters
import HostProbe
import NodeModel

/// Watches the host, and the GPU a trial runs on where its driver tells of it.
final class DeviceConditions: ConditionObserver {
    private let host: HostConditions
    private let gpu: GPUWatch?

    /// Creates an observer.
    ///
    /// - Parameters:
    ///   - threads: The processors that are used.
    ///   - gpu: The GPU that is used.
    init(threads: [Int], gpu: GPUWatch?) {
        host = HostConditions(threads: threads)
        self.gpu = gpu
    }

    func begin() {
        host.begin()
        gpu?.begin()
    }

    func sample() {
        host.sample()
        gpu?.sample()
    }

    func end() -> MeasurementConditions {
        var conditions = host.end()
        conditions.gpu = gpu?.end()
        return conditions
    }
}

extension NodeAssembly {
    /// What watches the machine while a trial runs.
    ///
    /// - Parameters:
    ///   - devices: The devices that are measured.
    ///   - meters: The node's meters, whose connections to GPUs are used.
    /// - Returns: Makes an observer for a trial, or for the whole node.
    func conditions(_ devices: [Device], _ meters: [any EnergyMeter]) -> (TrialPlan?) -> any ConditionObserver {
        let hasGPU = devices.contains { $0.pciAddress != nil }
        // A library that does not work is named among what is missing already.
        let management = hasGPU ? (try? GPUManagement.open(metering.options(), sharing: meters)) ?? nil : nil
        let threads = topology.allowedThreads
        return { plan in
            let place = plan.flatMap { plan in devices.first { $0.id == plan.device }?.pciAddress }
            let gpu = management?.gpus.first { $0.place == place }
            let watch = gpu.flatMap { gpu in management.map { known in GPUWatch { try known.state(of: gpu) } } }
            return DeviceConditions(
                threads: plan.flatMap { $0.threads.isEmpty ? nil : $0.threads } ?? threads, gpu: watch)
        }
    }
}
