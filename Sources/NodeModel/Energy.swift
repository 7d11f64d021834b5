/// How far an energy figure can be trusted, best first; figures of different grades are never compared silently.
public enum EnergyGrade: String, Codable, Sendable, CaseIterable, Comparable {
    /// A meter at the plug, or the BMC's energy counter.
    case wall
    /// A hardware counter or sensor: RAPL, NVML, hwmon.
    case counter
    /// Computed from a power model.
    case modelled
    /// Not known.
    case none

    /// How good the grade is; smaller is better.
    private var rank: Int { Self.allCases.firstIndex(of: self) ?? Self.allCases.count }

    /// Whether `left` is the worse grade.
    public static func < (left: Self, right: Self) -> Bool { left.rank > right.rank }
}

/// What part of the node a meter sees.
public enum EnergyDomainKind: String, Codable, Sendable {
    /// Everything in the node.
    case node
    /// The node without its accelerators.
    case host
    case platform, package, core, uncore, dram, gpu, other
}

/// A part of the node whose energy is metered.
public struct EnergyDomain: Hashable, Codable, Sendable {
    /// The name, unique on the node, for example `package-0` or `package-0/dram`.
    public var name: String
    /// What part of the node it is.
    public var kind: EnergyDomainKind
    /// The physical package it belongs to, where it belongs to one.
    public var package: Int?

    /// Creates a domain.
    public init(name: String, kind: EnergyDomainKind, package: Int? = nil) {
        self.name = name
        self.kind = kind
        self.package = package
    }
}

/// What a meter is and what it can resolve.
public struct MeterDescription: Hashable, Codable, Sendable {
    /// The meter's name, unique on the node, for example `rapl:intel-rapl:0`.
    public var id: String
    /// The interface it is read through, for example `libpowercap`.
    public var source: String
    /// The part of the node it sees.
    public var domain: EnergyDomain
    /// How far it can be trusted.
    public var grade: EnergyGrade
    /// The smallest step of the counter in joules.
    public var resolutionJoules: Joules
    /// The time between two updates of the counter.
    public var updatePeriodSeconds: Seconds
    /// The counter's modulus, where it wraps: the largest value plus one unit.
    @ExplicitNull public var wrapRangeJoules: Joules?
    /// Half the width of the 95 % interval as a fraction of the energy, from the meter's own error.
    public var relativeUncertainty: Double
    /// What the meter does not see.
    public var boundary: String
    /// `true` for a meter that shows power, which is integrated; absent for one that counts energy.
    public var samplesPower: Bool?

    /// Creates a description.
    public init(
        id: String, source: String, domain: EnergyDomain, grade: EnergyGrade, resolutionJoules: Joules,
        updatePeriodSeconds: Seconds, wrapRangeJoules: Joules?, relativeUncertainty: Double, boundary: String,
        samplesPower: Bool? = nil
    ) {
        self.id = id
        self.source = source
        self.domain = domain
        self.grade = grade
        self.resolutionJoules = resolutionJoules
        self.updatePeriodSeconds = updatePeriodSeconds
        self._wrapRangeJoules = ExplicitNull(wrappedValue: wrapRangeJoules)
        self.relativeUncertainty = relativeUncertainty
        self.boundary = boundary
        self.samplesPower = samplesPower
    }
}

/// What a meter says at one instant: either a running total or a power, never both.
public enum MeterReading: Hashable, Sendable {
    /// A cumulative counter that may wrap at the description's range.
    case counter(Joules)
    /// A momentary or averaged power.
    case power(Watts)
}

/// A reading with the instant it was taken.
public struct TimedReading: Hashable, Sendable {
    /// When the value was read.
    public var instant: MonotonicInstant
    /// The value.
    public var reading: MeterReading

    /// Creates a reading.
    public init(instant: MonotonicInstant, reading: MeterReading) {
        self.instant = instant
        self.reading = reading
    }
}

/// One energy or power meter of the node.
///
/// Read from one thread at a time.
public protocol EnergyMeter: AnyObject, Sendable {
    /// What the meter is.
    var description: MeterDescription { get }

    /// Reads the meter now.
    ///
    /// - Returns: The value and the instant of the read itself.
    /// - Throws: ``SystemFailure`` when the read fails; a failed read is a gap, never zero.
    func read() throws -> TimedReading
}

/// What a search for meters found.
public struct MeterInventory: Sendable {
    /// The meters that work.
    public var meters: [any EnergyMeter]
    /// What could not be read, and what to do about it.
    public var unavailable: [Unavailable]

    /// Creates an inventory.
    public init(meters: [any EnergyMeter] = [], unavailable: [Unavailable] = []) {
        self.meters = meters
        self.unavailable = unavailable
    }
}

/// The energy one domain used in a window.
public struct DomainEnergy: Hashable, Codable, Sendable {
    /// The domain's name.
    public var name: String
    /// What part of the node it is.
    public var kind: EnergyDomainKind
    /// The interface it was read through.
    public var source: String
    /// How far the figure can be trusted.
    public var grade: EnergyGrade
    /// The energy; `nil` where the meter gave none, with the reason in `problem`.
    @ExplicitNull public var energyJoules: Joules?
    /// Whether the domain is part of the node's total (psys, core and uncore are not).
    public var inTotal: Bool
    /// What went wrong, if anything did.
    public var problem: String?

    /// Creates the energy of one domain.
    public init(
        name: String, kind: EnergyDomainKind, source: String, grade: EnergyGrade, energyJoules: Joules?, inTotal: Bool,
        problem: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.source = source
        self.grade = grade
        self._energyJoules = ExplicitNull(wrappedValue: energyJoules)
        self.inTotal = inTotal
        self.problem = problem
    }
}

/// The energy of a window over all meters.
public struct WindowEnergy: Hashable, Codable, Sendable {
    /// How long the window was.
    public var durationSeconds: Seconds
    /// The energy of a cover of the node's domains, no joule counted twice; `nil` when nothing was metered.
    public var total: Estimate<Joules>?
    /// The grade of the total: the worst of its parts.
    public var grade: EnergyGrade
    /// Every domain, whether or not it is part of the total.
    public var domains: [DomainEnergy]

    /// Creates the energy of a window.
    public init(durationSeconds: Seconds, total: Estimate<Joules>?, grade: EnergyGrade, domains: [DomainEnergy]) {
        self.durationSeconds = durationSeconds
        self.total = total
        self.grade = grade
        self.domains = domains
    }

    /// The interfaces the total was read through, each once.
    public var sources: [String] {
        Set(domains.filter { $0.inTotal && $0.energyJoules != nil }.map(\.source)).sorted()
    }

    /// Whether the total holds what a device of some kind uses; packages and the power model see no GPU.
    public func sees(_ device: DeviceKind) -> Bool {
        guard device != .cpu else { return true }
        return domains.contains { domain in
            guard domain.inTotal, domain.energyJoules != nil else { return false }
            return [.gpu, .platform, .node].contains(domain.kind)
        }
    }

    /// Mean power over the window.
    public var power: Estimate<Watts>? {
        total.map {
            Estimate($0.value / durationSeconds, low: $0.low / durationSeconds, high: $0.high / durationSeconds)
        }
    }
}

/// Meters energy over windows of time.
public protocol EnergyMetering: AnyObject {
    /// What is metered, for records.
    var descriptions: [MeterDescription] { get }

    /// The shortest window in which the meters resolve about 1 %.
    var minimumWindow: Seconds { get }

    /// The latest power, for live display; `nil` when nothing is metered.
    var currentPower: Watts? { get }

    /// Opens a window. Windows do not nest.
    func beginWindow()

    /// Closes the window.
    ///
    /// - Returns: The energy since ``beginWindow()``.
    func endWindow() -> WindowEnergy
}
