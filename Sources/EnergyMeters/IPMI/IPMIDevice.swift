import CMeters
import Glibc
package import NodeModel

/// Asks a BMC something.
package protocol IPMITransport: AnyObject, Sendable {
    /// Sends a command and waits for its response.
    ///
    /// - Parameters:
    ///   - function: The network function.
    ///   - command: The command.
    ///   - data: Its data.
    /// - Returns: The response, the completion code first.
    /// - Throws: `SystemFailure` when there is none in time.
    func ask(function: UInt8, command: UInt8, data: [UInt8]) throws(SystemFailure) -> [UInt8]
}

/// The kernel's device for the node's own BMC; used from one thread at a time.
package final class IPMIDevice: IPMITransport, @unchecked Sendable {
    private let path: String
    private let file: Int32
    private var number: Int64 = 0

    /// A BMC that is asked through its slow interface takes some 50 ms, one that is busy far more.
    private static let patienceMilliseconds: Int32 = 2_000
    private static let longestResponse = 64

    /// Opens a device.
    ///
    /// - Parameter path: For example `/dev/ipmi0`.
    /// - Throws: `SystemFailure` with what helps.
    package init(_ path: String) throws(SystemFailure) {
        self.path = path
        file = nwm_ipmi_open(path)
        guard file < 0 else { return }
        let code = -file
        throw SystemFailure(
            action: "opening \(path)", reason: String(cString: strerror(code)),
            recovery: code == EACCES || code == EPERM
                ? "Until the next boot: sudo chgrp \"$(id -gn)\" \(path) && sudo chmod g+rw \(path)" : nil)
    }

    deinit { if file >= 0 { close(file) } }

    package func ask(function: UInt8, command: UInt8, data: [UInt8]) throws(SystemFailure) -> [UInt8] {
        number += 1
        var response = [UInt8](repeating: 0, count: Self.longestResponse)
        var count: UInt16 = 0
        let status = nwm_ipmi_ask(
            file, function, command, data, UInt16(clamping: data.count), number, Self.patienceMilliseconds, &response,
            UInt16(clamping: response.count), &count)
        guard status == 0 else {
            let reason =
                -status == ETIMEDOUT
                ? "the BMC did not answer within \(Self.patienceMilliseconds / 1_000) s"
                : String(cString: strerror(-status))
            throw SystemFailure(action: "asking \(path)", reason: reason)
        }
        return Array(response.prefix(Int(count)))
    }
}
