import FoundationEssentials
import NodeModel

/// What a step announced by a worker is, which decides how long it may take.
public enum StepKind: String, Codable, Sendable, CaseIterable {
    /// Opening the loader, a device or a context.
    case open
    /// Listing platforms and devices.
    case enumerate
    /// Compiling kernels.
    case build
    /// Allocating and filling buffers.
    case prepare
    /// The first run of a workload, in which some runtimes compile, and of which nobody knows how long it takes.
    case first
    /// A timed batch.
    case batch
    /// Checking results.
    case verify
}

/// The version both sides of the pipe must speak.
let protocolVersion = 3

/// What the parent asks for: one JSON object on one line.
enum WorkerRequest: Codable, Sendable {
    case enumerate
    case probe(capability: Capability, platform: Int, device: Int)
    case prepare(workload: Workload, platform: Int, device: Int, seed: UInt32, tuning: TuningOrder)
    case run(repetitions: Int)
    case verify
}

/// What the worker answers: any number of announcements, then one result.
enum WorkerReply: Codable, Sendable {
    case step(name: String, kind: StepKind)
    case scanned(result: ScanResult)
    case probed(missing: String?)
    case prepared(work: Work, notes: [String: String], tuned: TuningResult?)
    case ran(batch: TimedBatch)
    case verified(verification: Verification)
    case failed(status: TrialStatus, reason: String)
}

/// A message with the protocol's version.
struct Envelope<Message: Codable & Sendable>: Codable, Sendable {
    var version: Int
    var message: Message

    init(_ message: Message) {
        version = protocolVersion
        self.message = message
    }
}

/// Messages as lines of JSON.
enum WireFormat {
    private static let infinity = "inf"

    /// A message as one line, its newline included.
    static func encode<Message: Codable & Sendable>(_ message: Message) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: infinity, negativeInfinity: "-" + infinity, nan: "nan")
        return Array(try encoder.encode(Envelope(message))) + [UInt8(ascii: "\n")]
    }

    /// The message on a line.
    ///
    /// - Throws: When the line is no message, or one of another version.
    static func decode<Message: Codable & Sendable>(_ type: Message.Type, from line: [UInt8]) throws -> Message {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: infinity, negativeInfinity: "-" + infinity, nan: "nan")
        let data = Data(line)
        let version = try decoder.decode(VersionOnly.self, from: data).version
        guard version == protocolVersion else { throw WireError.version(version) }
        return try decoder.decode(Envelope<Message>.self, from: data).message
    }
}

/// What every version of the protocol has.
private struct VersionOnly: Decodable { var version: Int }

/// A line that cannot be understood.
enum WireError: Error {
    case version(Int)
}
