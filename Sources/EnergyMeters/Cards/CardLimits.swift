import HostProbe
package import NodeModel

/// The program that serves as worker for vendors' libraries.
public struct MeterWorkerProgram: Hashable, Sendable {
    /// The program, which calls ``CardWorker/main(library:)``.
    public var executable: String
    /// Its arguments; the library's name is added.
    public var arguments: [String]

    /// Names the program.
    public init(executable: String, arguments: [String]) {
        self.executable = executable
        self.arguments = arguments
    }
}

/// How long a vendor's library may take before its process is killed.
package struct CardLimits: Hashable, Sendable {
    /// Loading and starting it, each: without persistence mode the driver first has to start every card.
    package var start = Seconds(30)
    /// Asking for one card.
    package var card = Seconds(10)
    /// Starting it again after it failed in the middle of the work.
    package var restart = Seconds(5)
    /// One look at all cards.
    package var sample = Seconds(2)
    /// One question about a card's state, or one change of it.
    package var state = Seconds(5)
    /// How long its process may take to end by itself.
    package var grace = Seconds(1)
    /// How long after a failure it is started again, and how often in all.
    package var pause = Seconds(10)
    package var restarts = 3

    /// The memory of its own it may use.
    static let memoryBytes = 2 << 30
    /// Samples this young are handed out again, as counters step more slowly and reading one takes milliseconds.
    static let youngest = Seconds(0.01)

    /// Creates the default limits.
    package init() {}

    /// The variable that gives libraries more or less time to start, in seconds.
    package static let variable = "NODEWATT_GPU_LIBRARY_SECONDS"

    /// The limits a user wants.
    ///
    /// - Parameter environment: The process's environment.
    /// - Throws: `InputError` for a time that is none.
    package init(environment: [String: String]) throws {
        guard let text = environment[Self.variable], !text.isEmpty else { return }
        guard let seconds = Double(text), (1...600).contains(seconds) else {
            throw InputError(
                source: Self.variable, place: OutsideText.printable(text, limit: 40),
                problem: "is no time between 1 and 600 seconds", recovery: "Unset it, or give for example 60")
        }
        start = Seconds(seconds)
        card = min(card, start)
        restart = min(restart, start)
    }
}
