/// The measured clocks of the processors of a trial.
public struct ClockSpread: Hashable, Codable, Sendable {
    /// The slowest processor's.
    public var lowHertz: Hertz
    /// The median of all.
    public var medianHertz: Hertz
    /// The fastest processor's.
    public var highHertz: Hertz

    /// Creates a spread.
    public init(lowHertz: Hertz, medianHertz: Hertz, highHertz: Hertz) {
        self.lowHertz = lowHertz
        self.medianHertz = medianHertz
        self.highHertz = highHertz
    }
}
