import Glibc

/// An open file of `/proc` or `/sys`, whose contents the kernel makes anew for each read from its start.
public final class HostFile: Sendable {
    private let path: String
    private let descriptor: Int32

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Reads the file from its start with exactly one `read(2)`, which gives one consistent value.
    ///
    /// - Parameter limit: The most bytes to take; a longer file is cut there.
    /// - Returns: The bytes.
    /// - Throws: ``HostReadError`` when the file cannot be read.
    public func read(limit: Int = 4096) throws(HostReadError) -> [UInt8] {
        try piece(at: 0, limit: max(limit, 1))
    }

    /// Reads the file from its start in as many reads as the kernel wants.
    ///
    /// - Parameter limit: The most bytes to take; a longer file is cut there.
    /// - Returns: The bytes.
    /// - Throws: ``HostReadError`` when the file cannot be read.
    public func readPieces(limit: Int) throws(HostReadError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let next = try piece(at: bytes.count, limit: min(limit - bytes.count, 65_536))
            guard !next.isEmpty else { break }
            bytes += next
        }
        return bytes
    }

    private func piece(at offset: Int, limit: Int) throws(HostReadError) -> [UInt8] {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialised in
            var count = -1
            repeat {
                count = pread(descriptor, buffer.baseAddress, limit, off_t(offset))
            } while count < 0 && errno == EINTR
            if count < 0 { code = errno }
            initialised = max(count, 0)
        }
        guard code == 0 else { throw HostReadError(path: path, code: code) }
        return bytes
    }
}
