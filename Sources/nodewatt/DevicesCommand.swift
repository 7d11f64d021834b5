import ArgumentParser
import NodeModel
import OpenCLBackend

/// What can compute.
struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "List what can compute on this node, and why the rest cannot.",
        discussion: """
            EXAMPLES:
              nodewatt devices
              nodewatt devices --format json
              nodewatt devices --probe
            """)

    @Flag(help: "Find out what each OpenCL device can do, by building and running small kernels; takes some seconds.")
    var probe = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        let node = try NodeAssembly()
        var inventory = node.allDevices()
        if probe { inventory.devices = node.openCL.probed(inventory.devices) }
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
        if probe { inventory.devices.flatMap(Self.capabilities).forEach { Terminal.line($0) } }
        inventory.unavailable.forEach { Terminal.line(Terminal.printable("\($0.subject): \($0.reason)")) }
    }

    /// What a device can do, and why it cannot do the rest.
    private static func capabilities(of device: Device) -> [String] {
        let found = device.properties.filter { $0.key.hasPrefix("can_") }.sorted { $0.key < $1.key }
        guard !found.isEmpty else { return [] }
        func name(_ key: String) -> String { String(key.dropFirst(4).map { $0 == "_" ? " " : $0 }) }
        let can = found.filter { $0.value == "yes" }.map { name($0.key) }
        let cannot = found.filter { $0.value != "yes" }.map {
            "\(device.id.rawValue) cannot \(name($0.key)): \(cause($0.value))"
        }
        return (["\(device.id.rawValue) can: " + can.joined(separator: ", ")] + cannot).map(Terminal.printable)
    }

    /// What a reason comes down to in a line, the compiler's first error where there is one; JSON has the whole.
    private static func cause(_ reason: String) -> String {
        let whole = reason.hasPrefix("no: ") ? reason.dropFirst(4) : reason[...]
        let start = whole.firstRange(of: "error: ")?.lowerBound ?? whole.startIndex
        guard whole[start...].count > 120 else { return String(whole[start...]) }
        let cut = whole[start...].prefix(120)
        return cut[..<(cut.lastIndex(of: " ") ?? cut.endIndex)] + " …"
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
