import Foundation
import NodeModel
import OpenCLBackend

/// A folder of driver files and a shell script that plays the worker.
///
/// The script is given the request in `$line`; `$OCL_ICD_VENDORS` tells it which driver it is for.
final class ScriptedWorker {
    let folder: URL
    let backend: OpenCLBackend

    static let topology: Topology = {
        var card = TopologyObject(kind: .pciDevice, logicalIndex: 0)
        card.pci = PCIIdentity(address: "0000:3b:00.0", vendorID: 0x10de, deviceID: 0x2335, classID: 0x0302)
        var root = TopologyObject(kind: .machine, logicalIndex: 0)
        root.ioChildren = [card]
        return Topology(origin: .thisSystem, isThisSystem: true, root: root, allowedThreads: [0])
    }()

    /// Writes the driver files and the script.
    ///
    /// - Parameters:
    ///   - drivers: Driver files by name, with the library each names.
    ///   - cases: `case` branches of the script, over the request.
    /// - Throws: When a file cannot be written.
    init(drivers: [String: String] = ["a.icd": "liba.so"], _ cases: String) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "nodewatt-opencl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (name, library) in drivers {
            try Data(library.utf8).write(to: folder.appending(path: name))
        }
        let script = folder.appending(path: "worker.sh")
        let text = "while read -r line; do case \"$line\" in\n\(cases)\nesac; done\n"
        try Data(text.utf8).write(to: script)
        var limits = WorkerLimits()
        limits.open = Seconds(5)
        limits.enumerate = Seconds(1)
        limits.batch = Seconds(1)
        limits.grace = Seconds(0.5)
        backend = OpenCLBackend(
            workerExecutable: "/bin/sh", workerArguments: [script.path],
            environment: ["OCL_ICD_VENDORS": folder.path, "PATH": "/usr/bin:/bin", "FOLDER": folder.path],
            limits: limits)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// A line of the script that answers with a message.
    static func answer(_ message: String) -> String { "echo '{\"version\":3,\"message\":\(message)}'" }

    /// A line that announces a step.
    static func step(_ name: String, _ kind: String) -> String {
        answer("{\"step\":{\"name\":\"\(name)\",\"kind\":\"\(kind)\"}}")
    }

    /// A line that answers a scan with one platform.
    static func scanned(_ platform: String, _ devices: [Device]) throws -> String {
        let listed = try devices.enumerated().map { index, device in
            "{\"index\":\(index),\"device\":\(String(decoding: try JSONEncoder().encode(device), as: UTF8.self))}"
        }
        return answer(
            "{\"scanned\":{\"result\":{\"platforms\":[{\"name\":\"\(platform)\",\"version\":\"1\",\"devices\":["
                + listed.joined(separator: ",") + "]}]}}}")
    }

    /// A device that exists only on paper.
    static func device(_ name: String, kind: DeviceKind = .gpu, pci: String? = nil) -> Device {
        Device(
            id: DeviceID(rawValue: "opencl:0:0"), kind: kind, backend: "opencl", name: name, vendor: "v", driver: "1",
            computeUnits: 4, memoryBytes: 1 << 30, maximumAllocationBytes: 1 << 28, platform: "p", pciAddress: pci)
    }

    /// What the backend finds.
    func devices() -> DeviceInventory { backend.devices(in: Self.topology) }

    /// Prepares the peak on a device.
    func prepare(_ device: Device) throws -> any PreparedWorkload {
        let plan = TrialPlan(
            workload: .peak(.f32), device: device.id, threads: [], budget: Seconds(1), minimumWindow: Seconds(0.1))
        return try backend.prepare(plan, on: device, in: Self.topology, seed: 1)
    }
}
