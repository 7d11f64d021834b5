public import NodeModel

/// How a worker is to find the shape of a kernel.
enum TuningOrder: Hashable, Codable, Sendable {
    /// The first of the shapes chosen by hand that works.
    case seeds
    /// The best found within a time.
    case search(seconds: Seconds)
    /// The one found before; the seeds where it does not work.
    case use(parameters: KernelParameters)
}

/// How much time is spent on finding the best shapes of kernels, and where they are kept.
public struct TuningPolicy: Sendable {
    /// The time for each device, all its workloads together; zero for the shapes chosen by hand.
    public var secondsPerDevice: Seconds
    /// Where winners are kept between runs; `nil` for nowhere.
    public var store: (any TuningStore)?

    /// Creates a policy.
    public init(secondsPerDevice: Seconds = .zero, store: (any TuningStore)? = nil) {
        (self.secondsPerDevice, self.store) = (secondsPerDevice, store)
    }
}

/// A place for small texts under names, such as a folder of the user's cache.
public protocol TuningStore: Sendable {
    /// The text under a name; `nil` where there is none.
    func load(_ name: String) throws -> String?
    /// Keeps a text under a name, whole or not at all.
    func save(_ name: String, _ text: String) throws
}
