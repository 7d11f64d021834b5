import Glibc

/// The directory below which `/proc` and `/sys` are read: `/` on the running machine, a captured tree elsewhere.
public struct HostRoot: Hashable, Sendable {
    /// The directory's path.
    public let path: String

    /// Names a root.
    ///
    /// - Parameter path: A directory that holds `proc` and `sys`; `/` is the running machine.
    public init(_ path: String = "/") { self.path = path.isEmpty ? "/" : path }

    /// Whether files below the root tell of the running machine, so that system calls may fill gaps.
    public var isThisSystem: Bool { path == "/" }

    /// The path of a file below the root.
    ///
    /// - Parameter file: A path such as `/proc/stat`; `..` is refused, so that nothing outside the root is named.
    /// - Returns: The absolute path, or `nil` when `file` would leave the root.
    public func absolute(_ file: String) -> String? {
        let parts = file.split(separator: "/", omittingEmptySubsequences: true)
        guard !parts.contains(".."), !file.utf8.contains(0) else { return nil }
        let base = path.hasSuffix("/") ? String(path.dropLast()) : path
        return base + "/" + parts.joined(separator: "/")
    }

    /// Reads a small file with exactly one `read(2)`, as sysfs attributes want to be read.
    ///
    /// One read is one consistent value; a longer file is cut at the limit.
    ///
    /// - Parameters:
    ///   - file: A path below the root, such as `/sys/class/dmi/id/bios_date`.
    ///   - limit: The most bytes to take.
    /// - Returns: The bytes, or `nil` when there is no such file.
    /// - Throws: ``HostReadError`` when the file is there but cannot be read.
    public func read(_ file: String, limit: Int = 4096) throws(HostReadError) -> [UInt8]? {
        try open(file)?.read(limit: limit)
    }

    /// Reads a file that the kernel hands out in pieces, such as `/proc/cpuinfo`, up to a limit.
    ///
    /// - Parameters:
    ///   - file: A path below the root.
    ///   - limit: The most bytes to take; a longer file is cut there.
    /// - Returns: The bytes, or `nil` when there is no such file.
    /// - Throws: ``HostReadError`` when the file is there but cannot be read.
    public func readPieces(_ file: String, limit: Int = 1 << 20) throws(HostReadError) -> [UInt8]? {
        try open(file)?.readPieces(limit: limit)
    }

    /// The names in a directory.
    ///
    /// - Parameters:
    ///   - directory: A path below the root.
    ///   - limit: The most names to return.
    /// - Returns: Names in order, without `.` and `..`; empty when there is no such directory.
    public func names(in directory: String, limit: Int = 65_536) -> [String] {
        guard let full = absolute(directory), let handle = opendir(full) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while names.count < limit, let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Whether a file or directory exists.
    ///
    /// - Parameter file: A path below the root.
    /// - Returns: `false` also where a directory above it may not be entered.
    public func exists(_ file: String) -> Bool {
        guard let full = absolute(file) else { return false }
        return access(full, F_OK) == 0
    }

    /// Opens a file that is read again and again, such as `/proc/stat`.
    ///
    /// - Parameter file: A path below the root.
    /// - Returns: The open file, or `nil` when there is no such file.
    /// - Throws: ``HostReadError`` when the file is there but cannot be opened.
    public func open(_ file: String) throws(HostReadError) -> HostFile? {
        guard let full = absolute(file) else { throw HostReadError(path: file, code: EINVAL) }
        // O_NONBLOCK: a pipe planted in a captured tree must not stop the program.
        let descriptor = Glibc.open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR || errno == ENODEV { return nil }
            throw HostReadError(path: full, code: errno)
        }
        let opened = HostFile(path: full, descriptor: descriptor)
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw HostReadError(path: full, code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw HostReadError(path: full, code: EINVAL) }
        return opened
    }
}

extension HostRoot {
    /// The text of a file, for facts that are welcome but not needed.
    ///
    /// - Parameters:
    ///   - file: A path below the root.
    ///   - limit: The most bytes to take, in as many reads as the kernel wants.
    /// - Returns: The text, or `nil` when the file is absent or cannot be read.
    public func text(_ file: String, limit: Int = 1 << 20) -> String? {
        guard let bytes = try? readPieces(file, limit: limit) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The first line of a small file as printable text.
    ///
    /// - Parameter file: A path below the root.
    /// - Returns: The line, or `nil` when the file is absent, unreadable or empty.
    public func line(_ file: String) -> String? {
        guard let bytes = try? read(file) else { return nil }
        let line = OutsideText.printable(String(decoding: bytes.prefix { $0 != 10 && $0 != 0 }, as: UTF8.self))
        return line.isEmpty ? nil : line
    }

    /// The number a small file holds.
    ///
    /// - Parameter file: A path below the root.
    /// - Returns: The number, or `nil` when the file is absent, unreadable or holds no whole number.
    public func integer(_ file: String) -> Int? { line(file).flatMap { Int($0) } }
}
