import Isolation
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

/// The messages as lines.
let workerLines = LineProtocol(version: protocolVersion)
