import FoundationEssentials
import Glibc
import HostProbe

/// A captured machine in a directory of its own below one that is removed when the tests end.
struct FixtureRoot {
    let path: String

    private static let base: String = {
        atexit { try? FileManager.default.removeItem(atPath: FixtureRoot.base) }
        return FileManager.default.temporaryDirectory.appending(path: "nodewatt-host-\(getpid())").path
    }()

    init(_ files: [String: String] = [:]) throws {
        path = Self.base + "/" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (file, text) in files { try write(file, text.utf8) }
    }

    var root: HostRoot { HostRoot(path) }

    var probe: HostProbe { HostProbe(root: root) }

    /// Writes a file below the root.
    func write(_ file: String, _ bytes: some Sequence<UInt8>) throws {
        let url = URL(fileURLWithPath: path).appending(path: file)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }
}
