import FoundationEssentials
import Glibc

/// A folder of this run's own for what drivers' compilers keep, removed with the object.
///
/// A cache shared with other runs would hide the cost of building, may hold entries of a broken build, and fails where
/// the home folder cannot be written. Within a run, workers share it: each trial has a worker of its own, but the same
/// kernels that fill and check.
final class CompilerCaches {
    /// Where PoCL, NVIDIA's and Intel's GPU driver look for the folder of their cache.
    private static let variables = ["POCL_CACHE_DIR", "CUDA_CACHE_PATH", "NEO_CACHE_DIR"]

    private let folder: String?

    /// Makes the folder below `TMPDIR`, or `/tmp`; where that fails, drivers keep their own places.
    init(environment: [String: String]) {
        let parent = environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        var template = Array("\(parent)/nodewatt-kernels-XXXXXX".utf8CString)
        folder =
            mkdtemp(&template) == nil
            ? nil : String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        guard let folder else { return }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The variables that make drivers use the folder.
    var environment: [String: String] {
        guard let folder else { return [:] }
        return Dictionary(uniqueKeysWithValues: Self.variables.map { ($0, folder) })
    }
}
