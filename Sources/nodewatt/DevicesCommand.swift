import ArgumentParser
import NodeModel

/// What can compute.
struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "List what can compute on this node, and why the rest cannot.",
        discussion: """
            EXAMPLES:
              nodewatt devices
              nodewatt devices --format json
            """)

    @OptionGroup var output: OutputOptions

    func run() throws {
        let inventory = try NodeAssembly().allDevices()
        if output.format == .json { return try printDocument(DevicesDocument(inventory)) }
        var table = TextTable([.left, .left, .left, .right, .right, .left, .left])
        table.add(["device", "name", "driver", "units", "memory", "kind", "attached to"])
        for device in inventory.devices {
            table.add(
                [
                    device.id.rawValue, device.name, device.driver, "\(device.computeUnits)",
                    UnitFormat.bytes(Double(device.memoryBytes)), device.kind.rawValue,
                    device.topologyObject ?? "unknown",
                ].map(Terminal.printable))
        }
        table.lines.forEach { Terminal.line($0) }
        inventory.unavailable.forEach { Terminal.line(Terminal.printable("\($0.subject): \($0.reason)")) }
    }
}

/// The document of `nodewatt devices --format json`.
struct DevicesDocument: Encodable {
    let schema = "nodewatt.devices/1"
    let devices: [Device]
    let unavailable: [Unavailable]

    init(_ inventory: DeviceInventory) {
        devices = inventory.devices
        unavailable = inventory.unavailable
    }
}
