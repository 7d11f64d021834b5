public import NodeModel

/// How long a worker may take over each kind of step before it is killed.
public struct WorkerLimits: Hashable, Sendable {
    /// Opening the loader or a device.
    public var open: Seconds = Seconds(15)
    /// Listing platforms or devices.
    public var enumerate: Seconds = Seconds(15)
    /// Compiling one program.
    public var build: Seconds = Seconds(60)
    /// Allocating and filling one buffer.
    public var prepare: Seconds = Seconds(60)
    /// The first run of a workload, in which some runtimes compile, and which is long for large products on slow devices.
    public var first: Seconds = Seconds(300)
    /// A timed batch, on top of four times what its repetitions took before.
    public var batch: Seconds = Seconds(30)
    /// One check of results, which runs on the host as well.
    public var verify: Seconds = Seconds(120)
    /// One request, however many steps it announces.
    public var request: Seconds = Seconds(600)
    /// The memory of its own a worker may use, in bytes; by default nine tenths of what was available when it started.
    public var memoryBytes: Int?
    /// How long a worker whose input was closed may take to end by itself.
    public var grace: Seconds = Seconds(2)

    /// Creates the default limits.
    public init() {}

    func limit(_ kind: StepKind) -> Seconds {
        switch kind {
        case .open: open
        case .enumerate: enumerate
        case .build: build
        case .prepare: prepare
        case .first: first
        case .batch: batch
        case .verify: verify
        }
    }
}
