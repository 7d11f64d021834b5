import FoundationEssentials
import Glibc
import HwlocTopology
import NodeModel
import Testing

/// All tests of this module, one after the other: hwloc is steered by the environment, of which a process has one.
@Suite(.serialized) struct TopologyTests {}

/// Where the captured machines are.
enum Machines {
    static func path(_ name: String) -> String {
        let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        return here.appending(path: "Fixtures/\(name).xml").path
    }

    static func xml(_ name: String) throws -> Topology {
        try HwlocTopologySource(origin: .xml(path: path(name))).discover()
    }

    static func synthetic(_ description: String) throws -> Topology {
        try HwlocTopologySource(origin: .synthetic(description: description)).discover()
    }
}

/// A directory of its own below one that is removed when the tests end.
struct TemporaryDirectory {
    let path: String

    private static let base: String = {
        atexit { try? FileManager.default.removeItem(atPath: TemporaryDirectory.base) }
        return FileManager.default.temporaryDirectory.appending(path: "nodewatt-topology-\(getpid())").path
    }()

    init() throws {
        path = Self.base + "/" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Writes a file below the directory and returns its path.
    @discardableResult
    func write(_ file: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let url = URL(fileURLWithPath: path).appending(path: file)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
        return url.path
    }
}
