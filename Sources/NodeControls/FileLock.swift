import Glibc
import NodeModel

/// A lock of a file that ends with the process, however it ends.
public final class FileLock: Sendable {
    private let descriptor: Int32

    /// Takes over a descriptor and locks its file; `nil` when another process holds the lock.
    ///
    /// The descriptor is closed on exec, so no child keeps a lock that its parent's death should give up.
    init?(_ descriptor: Int32) {
        self.descriptor = descriptor
        var status = flock(descriptor, LOCK_EX | LOCK_NB)
        while status != 0 && errno == EINTR { status = flock(descriptor, LOCK_EX | LOCK_NB) }
        // The initialiser failing runs deinit, which closes the descriptor.
        if status != 0 { return nil }
    }

    deinit { close(descriptor) }

    /// Locks a control's file.
    ///
    /// - Returns: `nil` when another process holds the lock.
    /// - Throws: `SystemFailure` when the file cannot be opened.
    static func of(_ path: String) throws -> FileLock? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw SystemFailure(action: "locking \(path)", reason: String(cString: strerror(errno)))
        }
        return FileLock(descriptor)
    }
}
