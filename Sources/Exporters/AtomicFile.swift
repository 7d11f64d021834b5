public import FoundationEssentials
import Glibc
import NodeModel

/// Files that are either whole or not there.
public enum AtomicFile {
    /// Replaces a file: writes beside it, syncs, renames, and syncs the directory.
    ///
    /// A reader sees the old content or the new one, never a part, also after a crash. A symbolic link is followed;
    /// what is not a regular file, such as a pipe or `/dev/stdout`, is written to and not replaced.
    ///
    /// - Parameters:
    ///   - data: The whole content.
    ///   - path: The file; its directory has to exist.
    /// - Throws: ``SystemFailure`` naming the path and what the kernel refused. The old content is then untouched.
    public static func write(_ data: Data, to path: String) throws {
        let target = resolved(path)
        guard isReplaceable(target) else { return try writeThrough(data, to: path) }
        try replace(target, with: data)
    }

    /// Replaces whatever has a name, a symbolic link or a pipe as well as a file: for files nobody but this program writes.
    ///
    /// - Parameters:
    ///   - target: The name; its directory has to exist.
    ///   - data: The whole content.
    /// - Throws: ``SystemFailure`` naming the path and what the kernel refused. What was there is then untouched.
    public static func replace(_ target: String, with data: Data) throws {
        let temporary = "\(target).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw failure(target, errno) }
        do {
            try fill(file, data, target)
            guard rename(temporary, target) == 0 else { throw failure(target, errno) }
        } catch {
            unlink(temporary)
            throw error
        }
        sync(directory: directory(of: target))
    }

    /// The directory a file is in.
    static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    /// Writes everything, syncs and closes; the descriptor is closed in any case.
    private static func fill(_ file: Int32, _ data: Data, _ path: String) throws {
        do {
            try append([UInt8](data), to: file, path)
            // A pipe or a terminal has nothing to sync and says EINVAL.
            guard fsync(file) == 0 || errno == EINVAL else { throw failure(path, errno) }
        } catch {
            close(file)
            throw error
        }
        // A network file system may report a full disk only here.
        guard close(file) == 0 else { throw failure(path, errno) }
    }

    /// Writes all bytes, however many the kernel takes at a time.
    static func append(_ bytes: [UInt8], to file: Int32, _ path: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw failure(path, written < 0 ? errno : EIO) }
            rest = rest.dropFirst(written)
        }
    }

    /// Whether the path is free or a regular file.
    static func isReplaceable(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
    }

    private static func writeThrough(_ data: Data, to path: String) throws {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure(path, errno) }
        try fill(file, data, path)
    }

    /// Makes a rename durable; some file systems refuse to sync directories, and then order renames themselves.
    static func sync(directory: String) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    /// The file a symbolic link points to, so that the rename replaces the file and not the link.
    static func resolved(_ path: String) -> String {
        guard let pointer = realpath(path, nil) else { return path }
        defer { free(pointer) }
        return String(cString: pointer)
    }

    static func failure(_ path: String, _ code: Int32) -> SystemFailure {
        SystemFailure(
            action: "writing \(path)", reason: String(cString: strerror(code)),
            recovery: code == ENOSPC || code == EDQUOT
                ? "Free some space, or name a file elsewhere"
                : "Name a file in a directory that exists and can be written")
    }
}
