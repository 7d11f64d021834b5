/// What would enable something that is missing.
public struct Remedy: Hashable, Codable, Sendable {
    /// What the commands do and for whom, for example `for members of the group nodewatt, for good`.
    public var effect: String
    /// The commands of a shell, in their order.
    public var commands: [String]

    /// Creates a remedy.
    public init(_ effect: String, _ commands: [String]) {
        self.effect = effect
        self.commands = commands
    }
}

/// Something that is not there or cannot be used, with the reason: absence is a status, not an error.
public struct Unavailable: Hashable, Codable, Sendable {
    /// What is missing, for example `opencl` or `opencl platform 1 (Clover)`.
    public var subject: String
    /// Why.
    public var reason: String
    /// What would enable it, the best first; absent where nothing is known.
    public var remedies: [Remedy]?

    /// Creates a note about one absent thing.
    public init(subject: String, reason: String, remedies: [Remedy] = []) {
        self.subject = subject
        self.reason = reason
        self.remedies = remedies.isEmpty ? nil : remedies
    }
}
