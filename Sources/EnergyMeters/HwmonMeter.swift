import HostProbe
public import NodeModel

/// An energy counter or power sensor of a hwmon chip: GPUs by AMD and Intel, sockets, boards.
public final class HwmonMeter: EnergyMeter {
    /// The sensor.
    public let description: MeterDescription
    private let sensor: HwmonSensor
    private let root: HostRoot
    private let clock: MeterClock

    init(_ sensor: HwmonSensor, _ rule: HwmonRule, _ root: HostRoot, _ options: MeterOptions) {
        let isEnergy = sensor.quantity == .energy
        description = MeterDescription(
            id: "\(root.isThisSystem ? "hwmon" : "captured"):\(sensor.chip):\(sensor.name)",
            source: root.isThisSystem ? "hwmon \(sensor.chip)" : "captured tree",
            domain: Self.domain(sensor, rule), grade: rule.grade,
            // Counters of these drivers step in 2⁻¹⁴ J or finer; powers are whole microwatts.
            resolutionJoules: Joules(isEnergy ? 1.0 / 16_384 : 1e-6),
            updatePeriodSeconds: Seconds(isEnergy ? 1e-2 : Self.period(sensor, root)), wrapRangeJoules: nil,
            relativeUncertainty: Self.uncertainty(sensor, root), boundary: rule.boundary,
            samplesPower: isEnergy ? nil : true)
        self.sensor = sensor
        self.root = root
        clock = options.clock
    }

    /// Reads the meter now.
    ///
    /// - Returns: The energy since the driver was loaded, or the power.
    /// - Throws: `SystemFailure` when the file cannot be read, or shows what stands for "unknown".
    public func read() throws -> TimedReading {
        let micro = Double(try HwmonValue.read(sensor, root)) * 1e-6
        return TimedReading(
            instant: clock.now(), reading: sensor.quantity == .energy ? .counter(Joules(micro)) : .power(Watts(micro)))
    }

    /// Cards are named for their place on the bus, as every source of theirs names them, so that none counts twice.
    private static func domain(_ sensor: HwmonSensor, _ rule: HwmonRule) -> EnergyDomain {
        let own = "\(sensor.chip)/\(sensor.label ?? sensor.name)"
        switch rule.kind {
        case .gpu: return EnergyDomain(name: sensor.bus.map { "gpu-\($0)" } ?? own, kind: .gpu)
        case .package:
            let number = sensor.label.flatMap { Int($0.drop { !$0.isNumber }) }
            return EnergyDomain(name: number.map { "package-\($0)" } ?? own, kind: .package, package: number)
        default: return EnergyDomain(name: own, kind: rule.kind)
        }
    }

    /// How long the hardware averages; a second where it does not say.
    private static func period(_ sensor: HwmonSensor, _ root: HostRoot) -> Double {
        let milliseconds = root.integer("\(sensor.folder)/\(sensor.name)_average_interval") ?? 1_000
        return Double(min(max(milliseconds, 1), 86_400_000)) / 1_000
    }

    /// What `power1_accuracy` leaves open (`95.0%` is 5 %); 5 % where it does not say.
    private static func uncertainty(_ sensor: HwmonSensor, _ root: HostRoot) -> Double {
        let text = root.line("\(sensor.folder)/\(sensor.name)_accuracy") ?? ""
        guard text.hasSuffix("%"), let percent = Double(text.dropLast()), (50...100).contains(percent) else {
            return 0.05
        }
        return max(0.001, 1 - percent / 100)
    }
}

extension HwmonMeter {
    /// The catalogue's entry.
    public static let kind = MeterKind(
        name: "hwmon", file: "HwmonMeter.swift",
        summary: "energy and power sensors of the kernel's hwmon: AMD and Intel GPUs, ACPI meters, sockets, boards"
    ) { options in discover(HostRoot(options.capturedRoot ?? "/"), options) }

    /// Looks for sensors that give a value.
    private static func discover(_ root: HostRoot, _ options: MeterOptions) -> MeterInventory {
        var inventory = MeterInventory()
        var cards: Set<String> = []
        for sensor in HwmonTree.sensors(root) {
            var rule = HwmonRule.rule(chip: sensor.chip, sensor: sensor.name, label: sensor.label)
            if sensor.chip == "amdgpu", AMDProcessorGraphics.isPartOfProcessor(hwmon: sensor.folder, root) {
                (rule.kind, rule.boundary) = (.other, AMDProcessorGraphics.boundary)
            }
            // A further sensor of a card sees a part of it.
            if rule.kind == .gpu, !cards.insert(sensor.folder).inserted { rule.kind = .other }
            let subject = "hwmon \(sensor.chip) \(sensor.label ?? sensor.name)"
            // Drivers of some chips know a switch; one that is off shows 0 or an error.
            if root.integer("\(sensor.folder)/\(sensor.name)_enable") == 0 {
                let remedy = "echo 1 | sudo tee \(sensor.folder)/\(sensor.name)_enable"
                inventory.unavailable.append(Unavailable(subject: subject, reason: "it is switched off: \(remedy)"))
                continue
            }
            do {
                let value = Double(try HwmonValue.read(sensor, root))
                let highest = PlausiblePower.watts(rule.kind).rawValue
                guard sensor.quantity == .energy || value * 1e-6 <= highest else {
                    throw SystemFailure(
                        action: "reading \(sensor.file)",
                        reason: "\(value * 1e-6) W is more than such a part of a node draws (\(highest) W)")
                }
                inventory.meters.append(HwmonMeter(sensor, rule, root, options))
            } catch {
                inventory.unavailable.append(Unavailable(subject: subject, reason: "\(error)"))
            }
        }
        return inventory
    }
}
