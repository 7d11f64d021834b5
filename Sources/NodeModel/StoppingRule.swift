/// Decides when a trial has enough samples.
public protocol StoppingRule {
    /// The rule's name in its catalogue.
    static var name: String { get }

    /// Takes the next sample.
    ///
    /// - Parameters:
    ///   - seconds: The sample, seconds of one repetition.
    ///   - elapsed: Time since the first sample began.
    mutating func add(_ seconds: Seconds, elapsed: Seconds)

    /// Why sampling may end, or `nil` to go on.
    var verdict: StopReason? { get }
}

/// Why sampling ended.
public enum StopReason: String, Hashable, Codable, Sendable {
    /// The interval is as narrow as asked.
    case precise
    /// The interval is wide but no longer changes.
    case stable
    /// Time is up.
    case outOfTime
}
