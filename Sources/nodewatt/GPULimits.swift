import EnergyMeters
import NodeControls
import NodeModel

extension ControlCatalogue {
    /// What can be changed on the running node; GPUs are only looked for when they are asked for.
    static var node: ControlCatalogue {
        ControlCatalogue {
            guard let management = try GPUManagement.open(try MeterAssembly().options()) else { return [] }
            return management.gpus.map { GPULimit(management, $0) }
        }
    }
}

/// The power limit of a GPU through NVML, in a child process.
private final class GPULimit: GPUPowerLimiting {
    private let management: GPUManagement
    private let gpu: ManagedGPU

    init(_ management: GPUManagement, _ gpu: ManagedGPU) {
        self.management = management
        self.gpu = gpu
    }

    var identifier: String { gpu.uuid ?? gpu.place }
    var name: String { "\(gpu.name) \(gpu.place)" }

    func powerLimitMilliwatts() throws -> UInt64 { try milliwatts(management.state(of: gpu).limits.current, "limit") }

    func powerLimitRangeMilliwatts() throws -> ClosedRange<UInt64> {
        let limits = try management.state(of: gpu).limits
        let (low, high) = (
            try milliwatts(limits.lowest, "lowest limit"), try milliwatts(limits.highest, "highest limit")
        )
        guard low <= high else {
            throw SystemFailure(action: "asking gpu-\(gpu.place) for its limits", reason: "they make no range")
        }
        return low...high
    }

    func setPowerLimit(milliwatts: UInt64) throws {
        try management.setPowerLimit(Watts(Double(milliwatts) * 1e-3), of: gpu)
    }

    /// NVML has no question for it: setting what is set changes nothing, and needs the same permission.
    func requireWritable() throws { try setPowerLimit(milliwatts: try powerLimitMilliwatts()) }

    private func milliwatts(_ watts: Watts?, _ what: String) throws -> UInt64 {
        guard let watts, let value = ControlKind.gpuPower.value(watts.rawValue), value > 0 else {
            throw SystemFailure(action: "asking gpu-\(gpu.place)", reason: "the card tells no \(what)")
        }
        return value
    }
}
