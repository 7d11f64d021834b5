public import NodeModel

/// Powers from samples as they come, for traces and peaks.
///
/// A counter that steps every millisecond and is read every millisecond would show 0, 1 or 2 steps. So the power of a
/// counter is the mean since the sample at least ``periodsSpanned`` update periods before, and the peak that of the
/// total over at least ``peakSpan``.
public struct PowerSeries: Sendable {
    /// The powers at one sample; `nil` where a meter gave none.
    public struct Row: Hashable, Sendable {
        /// Time since the first sample.
        public var elapsed: Seconds
        /// The power of the node's cover, by the rules of ``DomainCover``.
        public var total: Watts?
        /// One power for each meter.
        public var meters: [Watts?]

        /// Creates a row.
        public init(elapsed: Seconds, total: Watts?, meters: [Watts?]) {
            self.elapsed = elapsed
            self.total = total
            self.meters = meters
        }
    }

    /// Over so many update periods of a counter its power is known to a fifth.
    public static let periodsSpanned = 5.0
    /// The shortest time whose mean power is called a peak.
    public static let peakSpan = Seconds(0.1)

    // Samples that are meant to be a span apart come a little early at times.
    private static let jitter = 0.9

    /// The highest power of the total over ``peakSpan`` so far.
    public private(set) var peak: Watts?
    private let meters: [MeterDescription]
    private let cover: [Int]
    private let spans: [Seconds]
    private let longestSpan: Seconds
    private var start: MonotonicInstant?
    private var recent: [EnergySample] = []
    private var first = 0

    /// Starts without a sample.
    ///
    /// - Parameters:
    ///   - meters: What is sampled.
    ///   - expectedPackages: How many packages the node has, where that is known.
    public init(_ meters: [MeterDescription], expectedPackages: Int?) {
        self.meters = meters
        cover = DomainCover.inTotal(meters.map(\.domain), expectedPackages: expectedPackages)
        spans = meters.map {
            $0.samplesPower == true ? .zero : $0.updatePeriodSeconds * Self.periodsSpanned
        }
        longestSpan = max(spans.max() ?? .zero, Self.peakSpan)
    }

    /// The names of the domains in the total.
    public var domains: Set<String> { Set(cover.map { meters[$0].domain.name }) }

    /// Takes in a sample.
    ///
    /// - Parameter sample: Where the meters stand.
    /// - Returns: The powers up to this sample; `nil` for the first one.
    public mutating func add(_ sample: EnergySample) -> Row? {
        defer { keep(sample) }
        guard let start else {
            start = sample.instant
            return nil
        }
        let powers = meters.indices.map { power(of: $0, at: sample, over: spans[$0]) }
        if let high = total(meters.indices.map { power(of: $0, at: sample, over: max(spans[$0], Self.peakSpan)) }) {
            peak = max(peak ?? high, high)
        }
        return Row(elapsed: sample.instant.since(start), total: total(powers), meters: powers)
    }

    /// The sum over the cover; `nil` when a part is missing that the rest means nothing without.
    private func total(_ powers: [Watts?]) -> Watts? {
        let isWhole = cover.allSatisfy { powers[$0] != nil || !DomainCover.isEssential(meters[$0].domain.kind) }
        guard isWhole, !cover.isEmpty else { return nil }
        return cover.compactMap { powers[$0] }.reduce(.zero, +)
    }

    /// A meter's mean power since the latest sample that is long enough ago.
    private func power(of index: Int, at sample: EnergySample, over span: Seconds) -> Watts? {
        let now = sample.edges[index]
        guard now.isFresh, let instant = now.instant else { return nil }
        for earlier in recent[first...].reversed() {
            let then = earlier.edges[index]
            guard then.breaks == now.breaks else { return nil }
            guard let before = then.instant, instant > before, instant.since(before) >= span * Self.jitter else {
                continue
            }
            // A part of a node that uses nothing is a counter that stands still.
            let energy = Joules(now.joules - then.joules)
            return energy > .zero ? energy / instant.since(before) : nil
        }
        return nil
    }

    private mutating func keep(_ sample: EnergySample) {
        recent.append(sample)
        // One sample beyond the longest span stays, to reach back as far.
        while first + 1 < recent.count, sample.instant.since(recent[first + 1].instant) >= longestSpan * 1.5 {
            first += 1
        }
        if first > 1024 {
            recent.removeFirst(first)
            first = 0
        }
    }
}
