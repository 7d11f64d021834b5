import Analysis
import CPUBackend
import EnergyMeters
import Engine
import Exporters
import FoundationEssentials
import HostProbe
import NodeControls
import NodeModel

/// Everything decided before a sweep changes anything; refuses here, not after it has.
struct SweepSetup {
    let node: NodeAssembly
    let device: Device
    let site: SiteFacts
    let identity: NodeIdentity
    let metering: EnergyAccumulator
    let meters: [any EnergyMeter]
    let isSimulated: Bool
    let groups: [ControlGroup]
    let points: [SweepPoint]
    let profile: SweepProfile?
    let seconds: Seconds

    /// Resolves device, meters, controls and points.
    init(command: SweepCommand, node: NodeAssembly) throws {
        self.node = node
        try ResultsDirectory.requireWritable(command.output.file, option: "--output")
        seconds = Seconds(command.workload.seconds)
        // No figure of a sweep depends on it.
        site = SiteFacts(
            factor: Sourced(try node.profiles.gridFactors().lookup(GridFactorTable.worldZone), source: "default"),
            pue: Sourced(1, source: "default"))
        let inventory = try MeterSetup(command.power, node)
        metering = inventory.metering
        meters = inventory.meters
        isSimulated = inventory.isSimulated
        profile =
            isSimulated ? nil : SweepProfile(command.output, environment: node.environment, host: node.probe.hostName)
        // Drivers are part of a fingerprint, and asking for them takes seconds.
        let everything =
            command.workload.device == "cpu" && profile == nil ? node.cpu.devices(in: node.topology) : node.allDevices()
        let chosen = try NodeAssembly.select([command.workload.device], from: everything)
        guard let device = chosen.devices.first else {
            throw UsageError("no device: " + chosen.unavailable.map(\.reason).joined(separator: "; "))
        }
        self.device = device
        identity = node.identity(devices: everything.devices)
        let axes = try SweepAxes(command, node: node, device: device)
        groups = axes.groups
        points = try axes.points(command, node: node, device: device, minimumWindow: metering.minimumWindow)
    }
}

/// The meters of a sweep, and whether they are simulated.
struct MeterSetup {
    let metering: EnergyAccumulator
    let meters: [any EnergyMeter]
    let isSimulated: Bool

    init(_ power: PowerModelOptions, _ node: NodeAssembly) throws {
        meters = try node.metering.meters(power).meters
        metering = EnergyAccumulator(meters: meters, expectedPackages: node.metering.packages)
        isSimulated = meters.contains { $0 is ScriptedMeter }
    }
}

/// The values each axis takes.
struct SweepAxes {
    /// What is changed beside the number of threads.
    private(set) var groups: [ControlGroup] = []
    private var values: [ControlKind: [UInt64]] = [:]
    private let threads: [Int?]
    /// The number of threads before the sweep; `nil` where threads do not vary.
    private let usualThreads: Int?

    private static let mostPoints = 256

    init(_ command: SweepCommand, node: NodeAssembly, device: Device) throws {
        let wanted: [(ControlKind, String, String)] = [
            (.powerCap, command.axes.powerCap, "--power-cap"), (.frequency, command.axes.frequency, "--frequency"),
            (.gpuPower, command.axes.gpuPower, "--gpu-power"),
        ].compactMap { kind, text, option in text.map { (kind, $0, option) } }
        let inventory = ControlCatalogue.node.discover(wanted.map(\.0))
        for (kind, text, option) in wanted {
            guard let group = inventory.groups.first(where: { $0.kind == kind }), let allowed = group.allowed else {
                let reasons = inventory.unavailable.filter { $0.subject.hasPrefix(kind.rawValue) }.map {
                    "\($0.subject): \($0.reason)"
                }
                throw UsageError("\(option): it cannot be varied here. " + reasons.joined(separator: "; "))
            }
            values[kind] = try AxisText.values(text, kind, allowed, option: option)
            groups.append(group)
        }
        let cores = device.id == .cpu ? device.computeUnits : 0
        if device.id == .cpu, command.axes.threads != nil || wanted.isEmpty {
            let available = node.topology.allowedThreads.count
            guard !command.workload.smt || command.axes.threads == nil else {
                throw UsageError("--smt and --threads exclude each other")
            }
            threads = try AxisText.threads(command.axes.threads, cores: cores, available: available)
            usualThreads = cores
        } else {
            guard command.axes.threads == nil else {
                throw UsageError("--threads: for the CPU's own kernels alone, not for \(device.id)")
            }
            guard !wanted.isEmpty else {
                throw UsageError("nothing to vary: name --power-cap, --frequency or --gpu-power")
            }
            threads = [nil]
            usualThreads = nil
        }
    }

    /// All combinations of the axes' values; number 0 is the setting before the sweep.
    func points(_ command: SweepCommand, node: NodeAssembly, device: Device, minimumWindow: Seconds) throws
        -> [SweepPoint]
    {
        let original = OperatingPoint(threads: usualThreads)
        var settings = threads.map { OperatingPoint(threads: $0) }
        for group in groups {
            // The present limit is the original setting, so it is written as one that nothing is set to.
            let amounts = (values[group.kind] ?? []).map { value in
                value == group.allowed?.upperBound ? nil : group.kind.amount(value)
            }
            settings = settings.flatMap { setting in amounts.map { setting.with(group.kind, $0) } }
        }
        let others = settings.filter { $0 != original }
        guard others.count <= Self.mostPoints else {
            throw UsageError("\(others.count) points are too many: at most \(Self.mostPoints)")
        }
        guard !others.isEmpty else {
            throw UsageError("nothing to compare: the only point asked for is the setting the node has now")
        }
        return try ([original] + others).enumerated().map { number, setting in
            var plan = try Self.plan(command, node, device, threads: setting.threads, minimumWindow)
            plan.variation = number == 0 ? "as found" : setting.summary
            return SweepPoint(number: number, wanted: setting, plan: plan)
        }
    }

    private static func plan(
        _ command: SweepCommand, _ node: NodeAssembly, _ device: Device, threads: Int?, _ minimumWindow: Seconds
    ) throws -> TrialPlan {
        guard var suite = Suite.all[.quick] else { throw UsageError("unknown suite") }
        suite.minimumTime = Seconds(command.workload.seconds)
        let model = try ChosenModel(
            command.workload.model ?? suite.model, quantization: command.workload.quantization, in: node.profiles)
        var selection = try command.workload.selection(threads: threads)
        selection.inference.file = model.file
        let planner = Planner(
            suite: suite, selection: selection, model: model.shape, topology: node.topology,
            minimumWindow: minimumWindow)
        guard let plan = planner.plan([device]).first else {
            throw UsageError("--workload \(command.workload.workload.rawValue): \(device.id) has none such")
        }
        return plan
    }
}

extension OperatingPoint {
    /// The same with one limit set; `nil` for the one the node has.
    func with(_ kind: ControlKind, _ amount: Double?) -> OperatingPoint {
        var point = self
        switch kind {
        case .powerCap: point.powerCapWatts = amount
        case .frequency: point.frequencyHertz = amount
        case .gpuPower: point.gpuPowerWatts = amount
        }
        return point
    }

    /// The setting in a few words, for progress.
    var summary: String {
        let parts = [
            threads.map { $0 == 1 ? "1 thread" : "\($0) threads" }, powerCapWatts.map { UnitFormat.digits($0) + " W" },
            frequencyHertz.map { UnitFormat.scaled($0, "Hz") },
            gpuPowerWatts.map { "GPU " + UnitFormat.digits($0) + " W" },
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }

    /// A limit of the point.
    func amount(_ kind: ControlKind) -> Double? {
        switch kind {
        case .powerCap: powerCapWatts
        case .frequency: frequencyHertz
        case .gpuPower: gpuPowerWatts
        }
    }
}
