public import HostProbe
import NodeModel

/// All ways of changing a node that this program knows.
public struct ControlCatalogue {
    private let root: HostRoot
    private let gpus: () throws -> [any GPUPowerLimiting]
    private let found = Found()

    /// What was found before, so that every entry of a journal does not open the driver again.
    private final class Found {
        var controls: [ControlKind: [any Control]] = [:]
    }

    /// Creates a catalogue.
    ///
    /// - Parameters:
    ///   - root: Where cpufreq is looked for; libpowercap always reads the running machine.
    ///   - gpus: Finds the GPUs whose power can be limited; called only when GPUs are asked for.
    public init(root: HostRoot = HostRoot(), gpus: @escaping () throws -> [any GPUPowerLimiting] = { [] }) {
        self.root = root
        self.gpus = gpus
    }

    private static let absences: [ControlKind: String] = [
        .powerCap:
            "no package below /sys/class/powercap has a constraint called long_term: virtual machines have none, "
            + "AMD processors neither; on a bare Intel machine try: sudo modprobe intel_rapl_msr",
        .frequency: "there is no policy below /sys/devices/system/cpu/cpufreq: virtual machines have none",
        .gpuPower: "no driver here lets this program limit a GPU's power",
    ]

    // A package's limit holds for the mean over a window that firmware sets; clocks follow within milliseconds.
    private static let settling: [ControlKind: Seconds] = [.frequency: Seconds(0.5), .gpuPower: Seconds(2)]

    /// Finds what can be changed.
    ///
    /// - Parameter kinds: The kinds to look for.
    /// - Returns: A group for each kind that is there whole; a kind of which any member must not be touched is not.
    public func discover(_ kinds: [ControlKind]) -> ControlInventory {
        kinds.reduce(into: ControlInventory()) { inventory, kind in
            let found = Result { try all(kind) }
            guard case .success(let controls) = found else {
                if case .failure(let error) = found {
                    inventory.unavailable.append(Unavailable(subject: kind.rawValue, reason: "\(error)"))
                }
                return
            }
            let obstacles = controls.compactMap { control in
                control.obstacle.map { Unavailable(subject: "\(kind.rawValue) \(control.label)", reason: $0) }
            }
            inventory.unavailable += obstacles
            if controls.isEmpty {
                inventory.unavailable.append(
                    Unavailable(subject: kind.rawValue, reason: Self.absences[kind] ?? "there is none"))
            } else if obstacles.isEmpty {
                inventory.groups.append(
                    ControlGroup(kind: kind, controls: controls, settling: settling(kind, controls)))
            }
        }
    }

    /// Finds a control again.
    ///
    /// - Parameter id: The id a journal keeps.
    /// - Returns: The control, whatever may keep a sweep from it; `nil` when the node has none of that name.
    /// - Throws: What keeps the driver from being asked.
    public func control(_ id: String) throws -> (any Control)? {
        let kinds: [String: ControlKind] = ["powercap:": .powerCap, "cpufreq:": .frequency, "gpu:": .gpuPower]
        guard let kind = kinds.first(where: { id.hasPrefix($0.key) })?.value else { return nil }
        let controls = try found.controls[kind] ?? all(kind)
        found.controls[kind] = controls
        return controls.first { $0.id == id }
    }

    private func all(_ kind: ControlKind) throws -> [any Control] {
        switch kind {
        case .powerCap: PackagePowerCap.all()
        case .frequency: ProcessorFrequency.all(root)
        case .gpuPower: try gpus().map(GPUPowerCap.init)
        }
    }

    private func settling(_ kind: ControlKind, _ controls: [any Control]) -> Seconds {
        let windows = controls.compactMap { ($0 as? PackagePowerCap)?.window }
        return Self.settling[kind] ?? min(max(windows.max() ?? Seconds(1), Seconds(0.5)), Seconds(30))
    }
}
