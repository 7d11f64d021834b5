import NodeModel

/// What a sensor of a hwmon chip sees, by the name its driver gives the chip.
///
/// Sources: Documentation/hwmon/{acpi_power_meter,amd_energy,fam15h_power}.rst,
/// Documentation/ABI/testing/sysfs-driver-intel-{i915,xe}-hwmon and amdgpu's "GPU Power/Thermal Controls and
/// Monitoring" of the Linux kernel.
struct HwmonRule {
    /// The chip's `name`.
    var chip: String
    /// The sensor's attribute without its suffix, for example `energy1`; `nil` is any.
    var sensor: String?
    /// What the sensor's label begins with; `nil` is any label or none.
    var label: String?
    /// What the sensor sees.
    var kind: EnergyDomainKind
    /// How far it can be trusted.
    var grade = EnergyGrade.counter
    /// What it does not see.
    var boundary: String

    private static let card = "the whole card with its memory; nothing of the host"

    /// The rules, the first that fits is taken.
    static let all: [HwmonRule] = [
        HwmonRule(
            chip: "power_meter", kind: .node, grade: .wall,
            boundary: "what the board's maker wired to the ACPI meter, usually the whole node at the plug"),
        HwmonRule(
            chip: "amdgpu", kind: .gpu, boundary: "what the card's firmware reckons: chip and memory; not its fans"),
        HwmonRule(chip: "xe", sensor: "energy1", kind: .gpu, boundary: card),
        HwmonRule(chip: "xe", sensor: "energy2", kind: .gpu, boundary: "the GPU's package; not the rest of the card"),
        HwmonRule(chip: "i915", sensor: "energy1", kind: .gpu, boundary: card),
        HwmonRule(chip: "nouveau", kind: .gpu, boundary: card),
        HwmonRule(
            chip: "amd_energy", label: "Esocket", kind: .package, boundary: "the processor package; no memory"),
        HwmonRule(chip: "amd_energy", label: "Ecore", kind: .core, boundary: "one core, already part of its package"),
        HwmonRule(
            chip: "fam15h_power", kind: .other, boundary: "what the processor estimates of itself; reported apart"),
    ]

    /// What is said of chips of which nothing is known.
    static func unknown(_ chip: String) -> HwmonRule {
        HwmonRule(chip: chip, kind: .other, boundary: "not known what it sees; reported apart")
    }

    /// The rule for a sensor.
    static func rule(chip: String, sensor: String, label: String?) -> HwmonRule {
        all.first { rule in
            rule.chip == chip && (rule.sensor ?? sensor) == sensor
                && (rule.label.map { label?.hasPrefix($0) ?? false } ?? true)
        } ?? unknown(chip)
    }
}
