import ArgumentParser
import EnergyMeters
import Glibc
import NodeModel

/// What can meter.
struct MetersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meters",
        abstract: "List what can meter energy on this node, how far to trust it, and why the rest cannot.",
        discussion: """
            EXAMPLES:
              nodewatt meters
              nodewatt meters --sysfs captured/sys    a captured tree, marked as not of this system
              nodewatt meters --format json

            NVML and ROCm SMI are loaded by child processes. NODEWATT_GPU_LIBRARY_SECONDS is how long they may take to
            start (30; without persistence mode many GPUs take longer), NODEWATT_NVML and NODEWATT_ROCM_SMI name other
            libraries, NODEWATT_IPMI another device than /dev/ipmi0.
            """)

    @Option(help: "Read a captured /sys tree instead of this system's.")
    var sysfs: String?

    @OptionGroup var output: OutputOptions

    func run() throws {
        let inventory = try sysfs.map(Self.captured) ?? MeterAssembly().meters()
        switch output.format {
        case .json: try printDocument(MetersDocument(inventory, isThisSystem: sysfs == nil))
        case .text: lines(inventory).forEach { Terminal.line($0) }
        }
        if inventory.meters.isEmpty { throw ExitStatus.nothingMeasured }
    }

    private static func captured(_ directory: String) throws -> MeterInventory {
        guard access(directory, R_OK | X_OK) == 0 else {
            throw InputError(
                source: "--sysfs", place: Terminal.printable(directory), problem: "cannot be read",
                recovery: "Name a directory that holds a copy of /sys or /sys/class")
        }
        return try MeterCatalogue.discover(MeterOptions(capturedRoot: directory))
    }

    private func lines(_ inventory: MeterInventory) -> [String] {
        let origin = sysfs.map { ["foreign: read from \(Terminal.printable($0)), not this system"] } ?? []
        var table = TextTable([.left, .left, .left, .left, .right, .right, .left])
        table.add(["meter", "domain", "grade", "through", "resolution", "wraps at", "does not see"])
        for meter in inventory.meters { table.add(Self.row(meter.description)) }
        let absent = inventory.unavailable.map { Terminal.printable("\($0.subject): \($0.reason)") }
        let canBeMended = sysfs == nil && inventory.unavailable.contains { $0.remedies != nil }
        return origin + (inventory.meters.isEmpty ? ["No meter."] : table.lines) + absent
            + (canBeMended ? ["`nodewatt doctor` prints the commands that give permission."] : [])
    }

    private static func row(_ meter: MeterDescription) -> [String] {
        [
            meter.id, meter.domain.name, meter.grade.rawValue, meter.source,
            UnitFormat.scaled(meter.resolutionJoules.rawValue, "J"),
            meter.wrapRangeJoules.map { UnitFormat.scaled($0.rawValue, "J") } ?? "never", meter.boundary,
        ].map(Terminal.printable)
    }
}

/// The document of `nodewatt meters --format json`.
struct MetersDocument: Encodable {
    let schema = "nodewatt.meters/1"
    let isThisSystem: Bool
    let meters: [MeterDescription]
    let unavailable: [Unavailable]

    init(_ inventory: MeterInventory, isThisSystem: Bool) {
        self.isThisSystem = isThisSystem
        meters = inventory.meters.map(\.description)
        unavailable = inventory.unavailable
    }
}
