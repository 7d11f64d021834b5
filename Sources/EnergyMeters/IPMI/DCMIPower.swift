package import NodeModel

/// What the BMC says of the node's power: the answer to DCMI's Get Power Reading.
///
/// Source: Data Center Manageability Interface Specification 1.5, section 6.6.1.
package struct DCMIPower: Hashable, Sendable {
    /// The power now.
    package var watts: Watts
    /// The time over which the BMC keeps its statistics; on many it is the averaging period, on some the time since a
    /// reset.
    package var statisticsPeriod: Seconds

    /// Group extension.
    package static let function: UInt8 = 0x2c
    /// Get Power Reading.
    package static let command: UInt8 = 0x02
    /// The group's number, the mode "system power statistics", no attributes, reserved.
    package static let request: [UInt8] = [group, 0x01, 0x00, 0x00]

    private static let group: UInt8 = 0xdc
    private static let length = 19
    private static let activeBit: UInt8 = 1 << 6

    /// Reads a response.
    ///
    /// - Parameter bytes: The response, the completion code first.
    /// - Throws: `SystemFailure` for anything but a power that can be, with the reason in words.
    package init(_ bytes: [UInt8]) throws(SystemFailure) {
        guard let code = bytes.first else { throw Self.failure("the BMC's response is empty") }
        guard code == 0 else { throw Self.failure(Self.words(code)) }
        guard bytes.count >= Self.length else {
            throw Self.failure("the BMC's response has \(bytes.count) bytes instead of \(Self.length)")
        }
        guard bytes[1] == Self.group else {
            throw Self.failure("the response is of group 0x\(String(bytes[1], radix: 16)), not of DCMI's")
        }
        guard bytes[18] & Self.activeBit != 0 else {
            throw Self.failure("the BMC says that it does not measure power now: ipmitool dcmi power activate")
        }
        let watts = Int(bytes[2]) | Int(bytes[3]) << 8
        guard watts != 0, watts != 0xffff else {
            throw Self.failure("\(watts) W is what BMCs show when they do not know")
        }
        guard Watts(Double(watts)) <= PlausiblePower.watts(.node) else {
            throw Self.failure("\(watts) W is more than a node can draw")
        }
        let milliseconds = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[14 + $1]) << UInt32(8 * $1) }
        self.watts = Watts(Double(watts))
        statisticsPeriod = Seconds(Double(milliseconds) / 1_000)
    }

    /// How long the BMC averages: what it says where that can be an averaging period, else a second.
    ///
    /// Hours and days are the time since its statistics were reset, and tell nothing of the power now.
    package var averagingPeriod: Seconds {
        (1...60).contains(statisticsPeriod.rawValue) ? statisticsPeriod : Seconds(1)
    }

    private static func failure(_ reason: String) -> SystemFailure {
        SystemFailure(action: "asking the BMC for the node's power", reason: reason)
    }

    /// What a completion code means (IPMI 2.0, table 5-2; DCMI 1.5).
    private static func words(_ code: UInt8) -> String {
        let number = "completion code 0x" + String(code, radix: 16)
        return codes[code].map { "the BMC \($0) (\(number))" } ?? "the BMC answers \(number)"
    }

    private static let codes: [UInt8: String] = [
        0xc0: "is busy", 0xc1: "does not know DCMI's power reading", 0xc3: "did not answer in time",
        0xc6: "has no room for the request", 0xc7: "calls the request too long or short",
        0xcb: "has no such reading", 0xcc: "calls the request wrong", 0xd4: "does not allow it over this interface",
        0xd5: "cannot do it in its present state", 0xd6: "has it switched off", 0xff: "gives no reason",
    ]
}
