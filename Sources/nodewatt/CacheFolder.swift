import Exporters
import FoundationEssentials
import Glibc
import NodeModel
import OpenCLBackend

/// A folder of the user's cache directory: `$XDG_CACHE_HOME/nodewatt/tuning`, else `~/.cache/nodewatt/tuning`.
struct CacheFolder: TuningStore {
    /// Larger files are none of ours.
    private static let largestBytes = 1 << 20

    let path: String

    /// The folder; `nil` where the environment names no cache directory and no home.
    init?(environment: [String: String]) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil } }
        guard let cache = value("XDG_CACHE_HOME") ?? value("HOME").map({ $0 + "/.cache" }) else { return nil }
        path = cache + "/nodewatt/tuning"
    }

    func load(_ name: String) throws -> String? {
        let file = "\(path)/\(name)"
        guard FileManager.default.fileExists(atPath: file) else { return nil }
        var status = stat()
        guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= Self.largestBytes else {
            throw SystemFailure(action: "reading \(file)", reason: "it is no file of at most 1 MiB")
        }
        return try String(contentsOfFile: file, encoding: .utf8)
    }

    func save(_ name: String, _ text: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        // A link or pipe in its place is nobody's but a trap's.
        try AtomicFile.replace("\(path)/\(name)", with: Data(text.utf8))
    }
}
