import FoundationEssentials
import Glibc

/// Messages between a child and its parent: one JSON object on one line, with the protocol's version.
package struct LineProtocol: Sendable {
    /// The version both sides must speak.
    package let version: Int

    private static let infinity = "inf"

    /// Creates a protocol.
    ///
    /// - Parameter version: The version both sides must speak.
    package init(version: Int) { self.version = version }

    /// A message as one line, its newline included.
    ///
    /// - Parameter message: What to say.
    /// - Returns: The line.
    /// - Throws: When the message cannot be encoded.
    package func encode<Message: Codable & Sendable>(_ message: Message) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: Self.infinity, negativeInfinity: "-" + Self.infinity, nan: "nan")
        return Array(try encoder.encode(Envelope(version: version, message: message))) + [UInt8(ascii: "\n")]
    }

    /// The message on a line.
    ///
    /// - Parameters:
    ///   - type: What the message is.
    ///   - line: The line, without its newline.
    /// - Returns: The message.
    /// - Throws: When the line is no message, or one of another version.
    package func decode<Message: Codable & Sendable>(_ type: Message.Type, from line: [UInt8]) throws -> Message {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: Self.infinity, negativeInfinity: "-" + Self.infinity, nan: "nan")
        decoder.userInfo = [.spokenVersion: version]
        return try decoder.decode(Envelope<Message>.self, from: Data(line)).message
    }

    /// Writes a message to a file, however often the system interrupts it.
    ///
    /// - Parameters:
    ///   - message: What to say.
    ///   - file: An open file.
    /// - Returns: Whether all of it could be written.
    package func send<Message: Codable & Sendable>(_ message: Message, to file: Int32) -> Bool {
        guard let line = try? encode(message) else { return false }
        var rest = line[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { return false }
            rest = rest.dropFirst(written)
        }
        return true
    }
}

/// A message with the protocol's version, which is looked at first: of another one the message may be anything.
private struct Envelope<Message: Codable & Sendable>: Codable, Sendable {
    var version: Int
    var message: Message

    init(version: Int, message: Message) {
        self.version = version
        self.message = message
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        version = try container.decode(Int.self, forKey: .version)
        guard version == decoder.userInfo[.spokenVersion] as? Int else { throw LineProtocolError.version(version) }
        message = try container.decode(Message.self, forKey: .message)
    }
}

extension CodingUserInfoKey {
    /// The version a line has to be of.
    fileprivate static let spokenVersion: CodingUserInfoKey = {
        guard let key = CodingUserInfoKey(rawValue: "nodewatt.version") else {
            preconditionFailure("a key is any text")
        }
        return key
    }()
}

/// A line that cannot be understood.
package enum LineProtocolError: Error {
    /// It is of another version.
    case version(Int)
}
