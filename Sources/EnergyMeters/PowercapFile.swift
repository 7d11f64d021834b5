import Glibc
import HostProbe

/// An open file of the powercap tree.
final class PowercapFile: Sendable {
    private let descriptor: Int32
    private let path: String

    /// Takes over a descriptor, or reports why it could not be opened.
    init(_ descriptor: Int32, path: String) throws(PowercapFailure) {
        guard descriptor >= 0 else { throw PowercapFailure(path: path, errorNumber: errno) }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Reads a number by a call of libpowercap.
    ///
    /// The library (0.6.0) reports success with 0 for a text that is no number, because `strtoull` leaves `errno`
    /// alone then; so a 0 is looked at again here.
    func number(_ call: (Int32, UnsafeMutablePointer<UInt64>) -> Int32) throws(PowercapFailure) -> UInt64 {
        var value: UInt64 = 0
        let status = call(descriptor, &value)
        guard status == 0 else { throw PowercapFailure(path: path, errorNumber: status < 0 ? -status : EIO) }
        if value == 0, try !startsWithZero() { throw PowercapFailure(path: path, errorNumber: EBADMSG) }
        return value
    }

    /// Reads a text by a call of libpowercap.
    func text(_ call: (Int32, UnsafeMutablePointer<CChar>, Int) -> Int) throws(PowercapFailure) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        let count = buffer.withUnsafeMutableBufferPointer { bytes in
            bytes.baseAddress.map { call(descriptor, $0, bytes.count) } ?? -Int(EFAULT)
        }
        guard count >= 0 else { throw PowercapFailure(path: path, errorNumber: Int32(clamping: -count)) }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return OutsideText.printable(String(decoding: bytes, as: UTF8.self), limit: 64)
    }

    private func startsWithZero() throws(PowercapFailure) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 24)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { throw PowercapFailure(path: path, errorNumber: errno) }
        // Not necessarily the value that was read before: the counter may have moved on.
        let first = bytes[..<count].first { $0 != UInt8(ascii: " ") }
        return first.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
    }
}
