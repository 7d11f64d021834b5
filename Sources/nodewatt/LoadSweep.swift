import Analysis
import CPUBackend
import EnergyMeters
import Engine
import Exporters
import FoundationEssentials
import HostProbe
import NodeModel

/// `nodewatt sweep --load`: the power of the node over its load.
struct LoadSweep {
    let command: SweepCommand

    /// Each thread's product: small enough that a thousand fit into a second, large enough to keep the units busy.
    private static let shape = GEMMShape(m: 192, n: 192, k: 192)

    /// Measures, prints, stores.
    ///
    /// - Throws: What has to end the program with another status than 0.
    func run() throws {
        try refuseOthers()
        Interruption.install()
        try ResultsDirectory.requireWritable(command.output.file, option: "--output")
        let node = try NodeAssembly()
        // A ramp under somebody's changing power caps would be a curve of those.
        let lock = try SweepLock(environment: node.environment, changesLimits: false)
        defer { withExtendedLifetime(lock) {} }
        let meters = try MeterSetup(command.power, node)
        let profile =
            meters.isSimulated
            ? nil : SweepProfile(command.output, environment: node.environment, host: node.probe.hostName)
        let everything = profile == nil ? node.cpu.devices(in: node.topology) : node.allDevices()
        guard let device = everything.devices.first(where: { $0.id == .cpu }) else {
            throw UsageError("no processors to load: " + everything.unavailable.map(\.reason).joined(separator: "; "))
        }
        let identity = node.identity(devices: everything.devices)
        let levels = try measure(node, meters.metering, device)
        Terminal.progress("")
        let document = LoadDocument(
            node: identity, isThisSystem: node.topology.isThisSystem, simulated: meters.isSimulated,
            interrupted: Interruption.isRequested,
            loadCurve: curve(levels, node, identity, levelSeconds(meters.metering)))
        if command.output.format == .json {
            try printDocument(document)
        } else {
            LoadText(document).lines.forEach { Terminal.line($0) }
        }
        try finish(document, profile)
    }

    /// A ramp varies the load and nothing else.
    private func refuseOthers() throws {
        let axes = command.axes
        let workload = command.workload
        let given = [
            (axes.threads != nil, "--threads"), (axes.powerCap != nil, "--power-cap"),
            (axes.frequency != nil, "--frequency"), (axes.gpuPower != nil, "--gpu-power"),
            (workload.shape != nil, "--shape"), (workload.model != nil, "--model"),
            (workload.quantization != nil, "--quantization"), (workload.prompt != nil, "--prompt"),
            (workload.smt, "--smt"), (workload.repeats != 1, "--repeats"), (workload.workload != .gemm, "--workload"),
            (workload.device != "cpu", "--device"),
        ].filter(\.0).map(\.1)
        guard given.isEmpty else {
            throw UsageError(
                "--load holds all hardware threads at levels of load by small products; it does not take "
                    + given.joined(separator: ", "))
        }
    }

    private var precision: Precision { command.workload.precision ?? .f32 }

    private func measure(_ node: NodeAssembly, _ metering: EnergyAccumulator, _ device: Device) throws
        -> [LoadLevelRecord]
    {
        let threads = node.topology.allowedThreads
        let plans = threads.map { thread in
            TrialPlan(
                workload: .gemm(Self.shape, precision), device: .cpu, threads: [thread], budget: Seconds(1),
                minimumWindow: Seconds(1))
        }
        let environment = SessionEnvironment(
            backends: node.backends, metering: metering,
            conditions: node.conditions([device], []), store: nil, sleep: Interruption.sleep,
            timestamp: Timestamp.now, isInterrupted: { Interruption.isRequested }, onEvent: { _ in })
        let ramp = LoadRamp(
            environment: environment, device: device, topology: node.topology, seed: command.workload.seed,
            seconds: levelSeconds(metering))
        show("100 %")
        return try ramp.run(plans) { level in
            let next = level.targetFraction - 0.1
            show(next > 0.05 ? UnitFormat.percent(next) : "idle")
        }
    }

    private func show(_ level: String) {
        if !command.output.quiet { Terminal.progress("load level \(level) …") }
    }

    /// How long each level is held: as asked for, or as long as the meters need.
    private func levelSeconds(_ metering: EnergyAccumulator) -> Seconds {
        max(Seconds(command.workload.seconds), metering.minimumWindow)
    }

    private func curve(
        _ levels: [LoadLevelRecord], _ node: NodeAssembly, _ identity: NodeIdentity, _ seconds: Seconds
    ) -> LoadCurve {
        var curve = LoadCurve(
            measuredAt: Timestamp.now(), nodewattVersion: nodewattVersion,
            fingerprintDigest: identity.fingerprint.digest, workload: .gemm, precision: precision,
            shape: "\(Self.shape)", workUnit: OperatingPointDerivation.unit(of: .gemm, precision),
            threads: node.topology.allowedThreads.count, secondsPerLevel: seconds.rawValue,
            verified: !levels.isEmpty)
        curve.levels = levels
        return LoadCurveDerivation.fitted(curve)
    }

    private func finish(_ document: LoadDocument, _ profile: SweepProfile?) throws {
        var failures: [any Error] = []
        if let file = command.output.file {
            do {
                try AtomicFile.write(Data((try JSONDocument.text(document) + "\n").utf8), to: file)
            } catch { failures.append(error) }
        }
        if let profile, !document.interrupted {
            do {
                let line = try profile.store(document.loadCurve, of: document.node)
                if command.output.format == .text { Terminal.line(line) }
            } catch { failures.append(error) }
        }
        failures.forEach { Terminal.error("nodewatt: \($0)") }
        if document.interrupted { throw ExitStatus.interrupted }
        if !failures.isEmpty || document.loadCurve.levels.isEmpty { throw ExitStatus.nothingMeasured }
    }
}

/// The document of `nodewatt sweep --load`.
struct LoadDocument: Encodable {
    let schema = "nodewatt.load/1"
    let node: NodeIdentity
    let isThisSystem: Bool
    /// Whether a simulated power stood in for the meters.
    let simulated: Bool
    let interrupted: Bool
    let loadCurve: LoadCurve
}

/// A load curve as people read it.
struct LoadText {
    private let document: LoadDocument
    private var curve: LoadCurve { document.loadCurve }

    init(_ document: LoadDocument) { self.document = document }

    var lines: [String] { [heading, ""] + table + [""] + (fit + notes).map(Terminal.printable) }

    private var heading: String {
        "gemm \(curve.precision.rawValue) \(curve.shape) on each of \(curve.threads) hardware threads, "
            + "\(UnitFormat.digits(curve.secondsPerLevel)) s a level\(document.simulated ? ", SIMULATED power" : "")"
    }

    private var table: [String] {
        var table = TextTable([.right, .right, .right, .right, .right, .right, .right, .left, .left])
        table.add(["load", "busy", "speed", "power", "95 % interval", "fit", "clock", "energy is", ""])
        for (index, level) in curve.levels.enumerated() { table.add(row(level, index)) }
        return table.lines
    }

    private func row(_ level: LoadLevelRecord, _ index: Int) -> [String] {
        let fitted =
            index < curve.residualsWatts.count ? level.powerWatts.map { $0.value - curve.residualsWatts[index] } : nil
        let unit = curve.workUnit == .operation ? "OPS" : "FLOPS"
        let interval = level.powerWatts.flatMap { power in
            power.ci95Low.flatMap { low in
                power.ci95High.map { "\(UnitFormat.digits(low)) to \(UnitFormat.digits($0)) W" }
            }
        }
        let marks = (level.throttled == true ? ["throttled"] : []) + (level.disturbances.isEmpty ? [] : ["disturbed"])
        return [
            level.targetFraction > 0 ? UnitFormat.fixed(level.targetFraction * 100, places: 0) + " %" : "idle",
            level.utilisationFraction.map(UnitFormat.percent) ?? "",
            UnitFormat.scaled(level.workPerSecond.value, unit) + margin(level.workPerSecond),
            level.powerWatts.map { UnitFormat.digits($0.value) + " W" } ?? "", interval ?? "",
            fitted.map { UnitFormat.digits($0) + " W" } ?? "",
            level.clockHertz.map { UnitFormat.scaled($0, "Hz") } ?? "", level.energyGrade.rawValue,
            marks.joined(separator: ", "),
        ]
    }

    private func margin(_ speed: ProfileValue) -> String {
        guard let low = speed.ci95Low, let high = speed.ci95High, speed.value > 0 else { return "" }
        return " ± " + UnitFormat.percent((high - low) / 2 / speed.value)
    }

    private var fit: [String] {
        guard let k0 = curve.k0Watts, let k1 = curve.k1Watts, let k2 = curve.k2PerPercent else { return [] }
        let quality = curve.rSquared.map { ", R² \(UnitFormat.fixed($0, places: 4))" } ?? ""
        return [
            "P = \(UnitFormat.digits(k0)) W + \(UnitFormat.digits(k1)) W · exp(\(UnitFormat.fixed(k2, places: 6)) · x), "
                + "x the busy time in per cent\(quality)"
        ]
    }

    private var notes: [String] {
        let disturbed = curve.levels.filter { !$0.disturbances.isEmpty }.map {
            "\(UnitFormat.fixed($0.targetFraction * 100, places: 0)) %: \($0.disturbances.joined(separator: "; "))"
        }
        return curve.notes.map { "Note: \($0)" } + disturbed + (document.interrupted ? ["Interrupted."] : [])
    }
}
