public import NodeModel

/// What the metered runner gathered about one trial; nothing here is computed yet.
public struct Measurement: Hashable, Sendable {
    /// The work of one repetition.
    public var work: Work
    /// Seconds of one repetition, one value per batch.
    public var samples: [Seconds]
    /// Of an LLM the times of its tokens, of all batches; see ``NodeModel/TimedBatch/latencies``.
    public var latencies: [Seconds] = []
    /// Seconds of one repetition of the fastest batch right after idling.
    public var burst: Seconds?
    /// Repetitions in a batch.
    public var repetitionsPerBatch: Int
    /// Repetitions inside the energy window.
    public var windowRepetitions: Int
    /// The energy of the window.
    public var energy: WindowEnergy
    /// How the machine was.
    public var conditions: MeasurementConditions
    /// How the result was checked, before and after the timed part.
    public var verification: Verification
    /// Why sampling ended.
    public var stop: StopReason
    /// Facts of the kernel.
    public var notes: [String: String]

    /// Creates a measurement.
    public init(
        work: Work, samples: [Seconds], repetitionsPerBatch: Int, windowRepetitions: Int, energy: WindowEnergy,
        conditions: MeasurementConditions, verification: Verification, stop: StopReason, notes: [String: String]
    ) {
        self.work = work
        self.samples = samples
        self.repetitionsPerBatch = repetitionsPerBatch
        self.windowRepetitions = windowRepetitions
        self.energy = energy
        self.conditions = conditions
        self.verification = verification
        self.stop = stop
        self.notes = notes
    }
}
