import FoundationEssentials
public import Glibc
public import HostProbe
import NodeModel

/// The place where the journal of what has to be put back is kept, with the lock of the sweep that is running.
///
/// The journal is either whole or not there, whatever instruction a kill or a power loss hits.
public struct JournalStore: Hashable, Sendable {
    /// The directory.
    public let directory: String

    /// Names a directory.
    public init(directory: String) { self.directory = directory }

    /// The journal's file.
    public var path: String { directory + "/restore.json" }
    private var temporaryPath: String { path + ".new" }
    private var lockPath: String { directory + "/restore.lock" }

    /// Where journals of this machine may be, the place of new ones first.
    ///
    /// Home directories are shared by many nodes, so there each node has a place of its own.
    ///
    /// - Parameters:
    ///   - environment: `NODEWATT_STATE`, else for root `/var/lib/nodewatt`, else `XDG_STATE_HOME` or `HOME`.
    ///   - host: The node's name.
    /// - Returns: Up to three places.
    public static func places(_ environment: [String: String], host: String = HostProbe().hostName) -> [JournalStore] {
        let node = String(host.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }.prefix(64))
        func absolute(_ name: String) -> String? { environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil } }
        let system = "/var/lib/nodewatt"
        let own = (absolute("XDG_STATE_HOME") ?? absolute("HOME").map { $0 + "/.local/state" }).map {
            "\($0)/nodewatt/node-\(node)"
        }
        let usual = geteuid() == 0 ? [system, own] : [own, system]
        var seen: Set<String> = []
        return ([absolute("NODEWATT_STATE")] + usual).compactMap(\.self).filter { seen.insert($0).inserted }.map {
            JournalStore(directory: $0)
        }
    }

    /// Whether there may be a journal; costs one system call.
    public var hasJournal: Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Makes the directory where it is missing.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` when it cannot be made, or when anybody may write to it: whoever can
    ///   plant a journal has values set by the next user.
    public func prepare() throws {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw failure("creating \(directory)", errno == 0 ? EACCES : errno)
        }
        var status = stat()
        guard stat(directory, &status) == 0 else { throw failure("looking at \(directory)", errno) }
        guard status.st_mode & S_IWOTH == 0, [0, geteuid()].contains(status.st_uid) else {
            throw SystemFailure(
                action: "keeping a journal in \(directory)",
                reason: "the directory belongs to somebody else or anybody may write to it",
                recovery: "Name one of your own with NODEWATT_STATE")
        }
    }

    /// Takes the lock that a running sweep holds.
    ///
    /// - Returns: The lock; `nil` while another process has it.
    /// - Throws: ``NodeModel/SystemFailure`` when there can be no lock.
    public func lock() throws -> FileLock? {
        let flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        var descriptor = open(lockPath, O_RDWR | O_CREAT | flags, 0o644)
        // Whoever may only read can still see whether somebody holds it.
        if descriptor < 0 { descriptor = open(lockPath, O_RDONLY | flags) }
        guard descriptor >= 0 else { throw failure("locking \(lockPath)", errno) }
        return FileLock(descriptor)
    }

    /// Writes the journal: beside, synced, renamed, and the directory synced, each step required.
    ///
    /// - Throws: ``NodeModel/SystemFailure``; the journal before is then untouched.
    public func write(_ journal: Journal) throws {
        let data = try journal.data()
        // A name that stays the same leaves at most one such file behind; the lock keeps others from it.
        unlink(temporaryPath)
        let file = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard file >= 0 else { throw failure("writing \(temporaryPath)", errno) }
        do {
            defer { close(file) }
            try Self.fill(file, [UInt8](data), temporaryPath)
        }
        guard rename(temporaryPath, path) == 0 else { throw failure("writing \(path)", errno) }
        try sync()
    }

    /// Takes the journal away, once everything was put back.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` when it cannot be taken away.
    public func remove() throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("removing \(path)", errno) }
        unlink(temporaryPath)
        try sync()
    }

    /// Moves a damaged journal aside.
    ///
    /// - Returns: Its new name.
    /// - Throws: ``NodeModel/SystemFailure`` when it cannot be moved.
    public func moveAside() throws -> String {
        let aside = "\(path).damaged-\(time(nil))"
        guard rename(path, aside) == 0 else { throw failure("moving \(path) aside", errno) }
        try sync()
        return aside
    }

    /// The journal.
    ///
    /// - Parameter owner: A user whose journals are believed beside root's and this process's own.
    /// - Returns: `nil` when there is none.
    /// - Throws: ``NodeModel/InputError`` when it is damaged or may come from anybody, ``NodeModel/SystemFailure``
    ///   when it cannot be read, or is of another version.
    public func read(of owner: uid_t? = nil) throws -> Journal? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            if errno == ELOOP { throw wrong("type", "is a link, expected a file") }
            throw failure("reading \(path)", errno)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("reading \(path)", errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw wrong("type", "expected a file") }
        guard status.st_size <= Journal.largestBytes else {
            throw wrong("size", "\(status.st_size) bytes are too many")
        }
        let isTrusted = [0, geteuid(), owner].contains(status.st_uid)
        guard isTrusted, status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
            throw SystemFailure(
                action: "restoring from \(path)",
                reason: "it belongs to user \(status.st_uid) or others may write to it, so it is not believed",
                recovery: "Run nodewatt as that user, or take the file away")
        }
        return try Journal(data: Data(try contents(file)), named: path)
    }

    private func contents(_ file: Int32) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= Journal.largestBytes {
            let count = Glibc.read(file, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw failure("reading \(path)", errno) }
            if count == 0 { return bytes }
            bytes += buffer.prefix(count)
        }
        throw wrong("size", "it is too large")
    }

    private static func fill(_ file: Int32, _ bytes: [UInt8], _ path: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw failure("writing \(path)", written < 0 ? errno : EIO) }
            rest = rest.dropFirst(written)
        }
        guard fsync(file) == 0 else { throw failure("writing \(path)", errno) }
    }

    /// Makes renames and removals durable; file systems that cannot sync a directory say EINVAL and order them themselves.
    private func sync() throws {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("syncing \(directory)", errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw failure("syncing \(directory)", errno) }
    }

    private func wrong(_ place: String, _ problem: String) -> InputError {
        InputError(source: path, place: place, problem: problem)
    }

    private func failure(_ action: String, _ code: Int32) -> SystemFailure { Self.failure(action, code) }

    private static func failure(_ action: String, _ code: Int32) -> SystemFailure {
        SystemFailure(
            action: action, reason: String(cString: strerror(code)),
            recovery: "Name another directory for the journal with NODEWATT_STATE")
    }
}
