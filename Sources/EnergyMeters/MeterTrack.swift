public import NodeModel

/// One meter's energy since it was first read, right across wraps, gaps and impossible values.
///
/// The rule for every reading: compare it with the last one believed. A counter that went back has wrapped, and the
/// energy is `(range - last) + now`, where the range is the modulus (largest value plus one unit). What would mean
/// more power than is possible is not believed; when the reading after it agrees with it rather than with the last
/// one believed, the counter was reset, and the energy in between is unknown.
public struct MeterTrack: Sendable {
    /// Where the track stands at the edge of a window.
    public struct Edge: Sendable {
        /// Energy since the first reading.
        public var joules: Double
        /// When the last believed reading was taken.
        public var instant: MonotonicInstant?
        /// Whether a reading was believed at this very edge.
        public var isFresh: Bool
        /// Whether that reading was taken just when the counter stepped.
        public var isAtStep = false
        /// Reads that failed so far.
        public var failures: Int
        /// Readings that were not believed so far.
        public var implausible: Int
        /// Times the energy became unknown so far.
        public var breaks: Int
        /// Time over which failed reads left only an interpolation, so far.
        public var interpolatedSeconds: Double
        /// Why the last failed read failed.
        public var failure: String?
    }

    /// What the meter is.
    public let description: MeterDescription
    /// A reading that means more power than this is not believed.
    public let plausibleWatts: Watts
    private var last: TimedReading?
    private var suspect: TimedReading?
    private var missedSinceLast = false
    private var state = Edge(
        joules: 0, instant: nil, isFresh: false, failures: 0, implausible: 0, breaks: 0, interpolatedSeconds: 0)

    // Counters step and kernels delay: energy of this time may arrive at once.
    private static let lateSeconds = 0.02

    /// Starts a track without a reading; the first one gives no energy.
    ///
    /// - Parameters:
    ///   - description: What the meter is.
    ///   - plausibleWatts: The power above which a reading is not believed.
    public init(_ description: MeterDescription, plausibleWatts: Watts = Watts(2000)) {
        self.description = description
        self.plausibleWatts = plausibleWatts
    }

    /// Where the track stands now.
    public var edge: Edge { state }

    /// Takes in the outcome of a read.
    ///
    /// - Parameter outcome: The reading, or why there is none.
    /// - Returns: Whether it was believed.
    @discardableResult
    public mutating func absorb(_ outcome: Result<TimedReading, any Error>) -> Bool {
        state.isFresh = false
        state.isAtStep = false
        switch outcome {
        case .failure(let error):
            state.failures += 1
            state.failure = String(describing: error)
            missedSinceLast = true
        case .success(let reading):
            guard let value = value(of: reading) else {
                state.implausible += 1
                missedSinceLast = true
                return false
            }
            state.isFresh = believe(reading, value)
        }
        return state.isFresh
    }

    /// Notes that the last reading was the first after a step of the counter.
    mutating func markStep() { state.isAtStep = true }

    private mutating func believe(_ reading: TimedReading, _ value: Double) -> Bool {
        guard let last else { return accept(reading) }
        if hidesWrap(from: last, to: reading) {
            state.breaks += 1
            return accept(reading)
        }
        if let energy = energy(from: last, to: reading, value) {
            state.joules += energy
            if missedSinceLast, case .power = reading.reading {
                state.interpolatedSeconds += reading.instant.since(last.instant).rawValue
            }
            return accept(reading)
        }
        state.implausible += 1
        missedSinceLast = true
        if let doubted = suspect, let energy = energy(from: doubted, to: reading, value) {
            state.breaks += 1
            state.joules += energy
            return accept(reading)
        }
        suspect = reading
        return false
    }

    private mutating func accept(_ reading: TimedReading) -> Bool {
        last = reading
        suspect = nil
        missedSinceLast = false
        state.instant = reading.instant
        return true
    }

    /// Whether so much time passed that the counter may have wrapped more than once unseen.
    private func hidesWrap(from earlier: TimedReading, to later: TimedReading) -> Bool {
        guard let range = description.wrapRangeJoules, case .counter = later.reading else { return false }
        return later.instant.since(earlier.instant).rawValue * plausibleWatts.rawValue >= range.rawValue
    }

    /// The energy between two readings; `nil` when it cannot be true.
    private func energy(from earlier: TimedReading, to later: TimedReading, _ value: Double) -> Double? {
        let seconds = later.instant.since(earlier.instant).rawValue
        guard seconds >= 0 else { return nil }
        let energy: Double
        switch (earlier.reading, later.reading) {
        case (.power(let before), .power): energy = (before.rawValue + value) / 2 * seconds
        case (.counter(let before), .counter):
            if value >= before.rawValue {
                energy = value - before.rawValue
            } else if let range = description.wrapRangeJoules?.rawValue {
                energy = (range - before.rawValue) + value
            } else {
                return nil
            }
        default: return nil
        }
        let late = max(Self.lateSeconds, 2 * description.updatePeriodSeconds.rawValue)
        let limit = plausibleWatts.rawValue * (seconds + late) + 2 * description.resolutionJoules.rawValue
        return energy <= limit ? energy : nil
    }

    /// The number in a reading; `nil` when no meter can show it.
    private func value(of reading: TimedReading) -> Double? {
        let (value, highest) =
            switch reading.reading {
            case .counter(let joules): (joules.rawValue, description.wrapRangeJoules?.rawValue ?? .infinity)
            case .power(let watts): (watts.rawValue, plausibleWatts.rawValue)
            }
        return value.isFinite && value >= 0 && value <= highest ? value : nil
    }
}
