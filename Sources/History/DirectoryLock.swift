import Glibc

/// Keeps other runs from opening the history of a directory while this one does.
///
/// The layout is brought up to date in steps, each a transaction; which steps are missing is read before them, so that
/// two runs that create a history at the same moment would both take the first. A lock of the directory itself leaves
/// no file behind, and ends with the process that holds it.
struct DirectoryLock {
    private let descriptor: Int32

    /// Waits for the lock; where it cannot be had in time or at all, the database's own locks have to do.
    ///
    /// - Parameters:
    ///   - directory: The directory.
    ///   - retries: How often to try again, every 20 ms.
    init(_ directory: String, retries: Int) {
        descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        var left = retries
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK || errno == EINTR, left > 0 {
            left -= 1
            usleep(20_000)
        }
    }

    /// Lets others in.
    func release() {
        if descriptor >= 0 { close(descriptor) }
    }
}
