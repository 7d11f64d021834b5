import Glibc
import NodeModel

/// A file that is written little by little and gets its name when it is whole.
///
/// Until then it lies beside its place as `NAME.partial`; after a crash what was written is there. What is not a regular
/// file, such as a pipe or `/dev/stdout`, is written to directly.
public final class GrowingFile {
    private let target: String
    private let partial: String?
    private var file: Int32

    /// Opens the file.
    ///
    /// - Parameter path: Where it is to be in the end; its directory has to exist.
    /// - Throws: ``SystemFailure`` naming the path and what the kernel refused.
    public init(_ path: String) throws {
        target = AtomicFile.resolved(path)
        let isReplaceable = AtomicFile.isReplaceable(target)
        partial = isReplaceable ? target + ".partial" : nil
        if let partial {
            unlink(partial)
            file = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        } else {
            file = open(path, O_WRONLY | O_CLOEXEC)
        }
        guard file >= 0 else { throw AtomicFile.failure(path, errno) }
    }

    deinit { if file >= 0 { close(file) } }

    /// Appends a text.
    ///
    /// - Parameter text: The text, written as UTF-8.
    /// - Throws: ``SystemFailure`` when the file cannot be written.
    public func append(_ text: String) throws { try AtomicFile.append(Array(text.utf8), to: file, target) }

    /// Syncs the file and gives it its name; nothing can be appended afterwards.
    ///
    /// - Throws: ``SystemFailure`` when that fails; what was written is then still there as `NAME.partial`.
    public func finish() throws {
        let file = self.file
        self.file = -1
        let isSynced = fsync(file) == 0 || errno == EINVAL
        let code = errno
        guard close(file) == 0, isSynced else { throw AtomicFile.failure(target, code) }
        guard let partial else { return }
        guard rename(partial, target) == 0 else { throw AtomicFile.failure(target, errno) }
        AtomicFile.sync(directory: AtomicFile.directory(of: target))
    }

    /// Removes what was written.
    public func discard() { if let partial { unlink(partial) } }
}
