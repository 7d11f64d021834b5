/// One measurement the planner asks for.
public struct TrialPlan: Hashable, Codable, Sendable {
    /// What to compute.
    public var workload: Workload
    /// On which device.
    public var device: DeviceID
    /// The hardware threads a CPU trial runs on; empty for other devices.
    public var threads: [Int]
    /// The longest time the measured part may take.
    public var budget: Seconds
    /// The shortest energy window the meters can resolve.
    public var minimumWindow: Seconds
    /// What is to be said of the figure whatever comes out, such as ``noCeiling``.
    public var caveat: String?
    /// The instruction set of a CPU trial; `nil` for the backend's own choice.
    public var instructionSet: String?
    /// What sets the row apart from the device's usual one, such as `avx2` or `1 thread`; `nil` for the usual one.
    ///
    /// A variation is held against the ceilings of the same variation, and enters no profile.
    public var variation: String?
    /// Whose matrix a product is with, such as `Llama-3.1-8B down`; `nil` for products of no model.
    public var projection: String?
    /// Why there is nothing to be measured, such as a cache the topology lacks; the row is then `unsupported`.
    public var refusal: String?

    /// The caveat of a stream that caches may have served: it is no ceiling for anything.
    public static let noCeiling =
        "an array is less than four times the last-level caches: this may be a cache's figure"

    /// Creates a plan for one trial.
    public init(
        workload: Workload, device: DeviceID, threads: [Int], budget: Seconds, minimumWindow: Seconds,
        caveat: String? = nil, refusal: String? = nil, instructionSet: String? = nil, variation: String? = nil,
        projection: String? = nil
    ) {
        self.projection = projection
        self.instructionSet = instructionSet
        self.variation = variation
        self.caveat = caveat
        self.refusal = refusal
        self.workload = workload
        self.device = device
        self.threads = threads
        self.budget = budget
        self.minimumWindow = minimumWindow
    }
}

/// What became of a trial.
public enum TrialStatus: String, Codable, Sendable {
    /// Measured and verified.
    case measured
    /// The device cannot do this.
    case unsupported
    /// It was not tried.
    case skipped
    /// It was tried and went wrong.
    case failed
}

/// A trial that could not be measured, thrown by backends: the row is kept with this status and reason.
public struct TrialFailure: Error, Hashable, CustomStringConvertible {
    /// Unsupported, skipped or failed.
    public var status: TrialStatus
    /// Why, and what to do about it.
    public var reason: String
    /// Whether a device had too little memory, so that less of the same may work.
    public var isShortOfMemory: Bool

    /// Creates a failure.
    public init(_ status: TrialStatus, _ reason: String, isShortOfMemory: Bool = false) {
        self.status = status
        self.reason = reason
        self.isShortOfMemory = isShortOfMemory
    }

    /// The status and the reason.
    public var description: String { "\(status.rawValue): \(reason)" }
}

/// One timed batch of repetitions.
public struct TimedBatch: Hashable, Codable, Sendable {
    /// When the first repetition of the slowest participant began.
    public var start: MonotonicInstant
    /// When the last repetition ended everywhere.
    public var end: MonotonicInstant
    /// How many repetitions ran.
    public var repetitions: Int
    /// Seconds a repetition would take if all of it were like one of its equal parts, for each part of each repetition;
    /// `nil` for what has none.
    public var samples: [Seconds]?
    /// Of an LLM how long each token took: in decode from one to the next, in prefill to the first of each prompt.
    public var latencies: [Seconds]?

    /// Creates a batch.
    public init(start: MonotonicInstant, end: MonotonicInstant, repetitions: Int) {
        self.start = start
        self.end = end
        self.repetitions = repetitions
    }

    /// Mean seconds of one repetition.
    public var secondsPerRepetition: Seconds { end.since(start) / Double(max(repetitions, 1)) }
}

/// How a result was checked.
public struct Verification: Hashable, Codable, Sendable {
    /// Whether every check passed.
    public var passed: Bool
    /// The checks done, in words, for example `Freivalds, exact in Int64`.
    public var method: String
    /// The largest deviation seen, as a fraction of what its check allows; above 1 fails.
    public var worst: Double
    /// What failed first, and where.
    public var detail: String?

    /// Creates the outcome of some checks.
    public init(passed: Bool, method: String, worst: Double, detail: String? = nil) {
        self.passed = passed
        self.method = method
        self.worst = worst
        self.detail = detail
    }

    /// Both outcomes as one: passed when both passed.
    public func and(_ other: Verification) -> Verification {
        Verification(
            passed: passed && other.passed, method: "\(method); \(other.method)", worst: max(worst, other.worst),
            detail: detail ?? other.detail)
    }
}

/// Buffers, compiled kernels and threads ready to run one workload on one device.
///
/// Not thread-safe: one caller at a time.
public protocol PreparedWorkload: AnyObject {
    /// The countable work of one repetition.
    var work: Work { get }

    /// Facts worth recording, such as the blocking, the instruction set or the configuration chosen by tuning.
    var notes: [String: String] { get }

    /// Runs the workload and waits for it.
    ///
    /// - Parameter repetitions: How often, at least 1.
    /// - Returns: The interval from the first start to the last end.
    /// - Throws: ``TrialFailure`` when the device fails.
    func run(repetitions: Int) throws -> TimedBatch

    /// Checks results of the very kernel that is timed, independently of its implementation.
    ///
    /// Called before and after the timed runs; may use other data of the same shape as well as the last timed output.
    ///
    /// - Returns: What was checked and how far off it was.
    /// - Throws: ``TrialFailure`` when the device fails.
    func verify() throws -> Verification

    /// Measures the clocks of the processors it runs on, within about a millisecond.
    ///
    /// - Returns: The clocks; `nil` where they cannot be measured, as on other devices.
    func measuredClock() -> ClockSpread?
}

extension PreparedWorkload {
    /// `nil`: the device's clock cannot be measured from here.
    public func measuredClock() -> ClockSpread? { nil }
}

/// A way to compute: nodewatt's own CPU kernels, or OpenCL.
public protocol ComputeBackend {
    /// The value of ``Device/backend`` of its devices.
    var name: String { get }

    /// Finds the devices that can be used here.
    ///
    /// - Parameter topology: The running machine.
    /// - Returns: Devices, and what could not be used and why.
    func devices(in topology: Topology) -> DeviceInventory

    /// Makes a workload ready: allocates, fills with seeded random data, compiles.
    ///
    /// - Parameters:
    ///   - plan: What to run and where.
    ///   - device: The device the plan names.
    ///   - topology: The running machine.
    ///   - seed: The seed of all random data.
    /// - Returns: The prepared workload; releasing it frees everything.
    /// - Throws: ``TrialFailure`` with the status the row gets.
    func prepare(_ plan: TrialPlan, on device: Device, in topology: Topology, seed: UInt32) throws
        -> any PreparedWorkload
}
