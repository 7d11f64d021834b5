/// Input data that is wrong: exit status 65.
public struct InputError: Error, Hashable, CustomStringConvertible {
    /// The file, option or variable the data came from.
    public var source: String
    /// The line, key or column at fault.
    public var place: String
    /// What is wrong and what was expected.
    public var problem: String
    /// What to do about it.
    public var recovery: String?

    /// Creates an error about one place of one source.
    public init(source: String, place: String, problem: String, recovery: String? = nil) {
        self.source = source
        self.place = place
        self.problem = problem
        self.recovery = recovery
    }

    /// One line naming the source, the place, the problem and the remedy.
    public var description: String {
        "\(source): \(place): \(problem)" + (recovery.map { ". \($0)" } ?? "")
    }
}

/// Something this machine or file system refused: exit status 2.
public struct SystemFailure: Error, Hashable, CustomStringConvertible {
    /// What was attempted, on which path or device.
    public var action: String
    /// The underlying reason.
    public var reason: String
    /// What to do about it.
    public var recovery: String?

    /// Creates a failure of one action.
    public init(action: String, reason: String, recovery: String? = nil) {
        self.action = action
        self.reason = reason
        self.recovery = recovery
    }

    /// One line naming the action, the reason and the remedy.
    public var description: String { "\(action): \(reason)" + (recovery.map { ". \($0)" } ?? "") }
}

/// A request that this machine cannot serve or that makes no sense: exit status 64.
public struct UsageError: Error, Hashable, CustomStringConvertible {
    /// What is wrong with the request, and what would be right.
    public var description: String

    /// Creates an error from its message.
    public init(_ description: String) { self.description = description }
}
