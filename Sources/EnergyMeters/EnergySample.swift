public import NodeModel

/// Where meters stand at one moment.
public struct EnergySample: Sendable {
    /// When the last of them was read.
    public var instant: MonotonicInstant
    /// One edge for each meter.
    public var edges: [MeterTrack.Edge]

    /// Creates a sample.
    public init(instant: MonotonicInstant, edges: [MeterTrack.Edge]) {
        self.instant = instant
        self.edges = edges
    }
}
