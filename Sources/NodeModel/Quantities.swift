/// A physical quantity: a `Double` in one fixed base unit, so that units live in types and never in comments.
///
/// Coded as a plain number; the JSON key carries the unit.
public protocol Quantity: RawRepresentable<Double>, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// The symbol of the base unit, for example `J`.
    static var unitSymbol: String { get }

    /// Creates the quantity from a number of base units.
    init(rawValue: Double)
}

extension Quantity {
    /// Creates the quantity from a number of base units.
    public init(_ value: Double) { self.init(rawValue: value) }

    /// Whether `left` is the smaller quantity.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// The sum of two quantities.
    public static func + (left: Self, right: Self) -> Self { Self(left.rawValue + right.rawValue) }

    /// The difference of two quantities.
    public static func - (left: Self, right: Self) -> Self { Self(left.rawValue - right.rawValue) }

    /// A multiple of a quantity.
    public static func * (left: Self, factor: Double) -> Self { Self(left.rawValue * factor) }

    /// A part of a quantity.
    public static func / (left: Self, divisor: Double) -> Self { Self(left.rawValue / divisor) }

    /// How often `right` fits into `left`.
    public static func / (left: Self, right: Self) -> Double { left.rawValue / right.rawValue }

    /// Adds a quantity.
    public static func += (left: inout Self, right: Self) { left = left + right }

    /// The quantity of nothing.
    public static var zero: Self { Self(0) }

    /// The value followed by its unit.
    public var description: String { "\(rawValue) \(Self.unitSymbol)" }
}

/// A duration in seconds.
public struct Seconds: Quantity {
    /// The number of base units.
    public var rawValue: Double

    /// Creates the quantity from a number of base units.
    public init(rawValue: Double) { self.rawValue = rawValue }

    /// The symbol of the base unit.
    public static var unitSymbol: String { "s" }
}

/// An energy in joules.
public struct Joules: Quantity {
    /// The number of base units.
    public var rawValue: Double

    /// Creates the quantity from a number of base units.
    public init(rawValue: Double) { self.rawValue = rawValue }

    /// The symbol of the base unit.
    public static var unitSymbol: String { "J" }
}

/// A power in watts.
public struct Watts: Quantity {
    /// The number of base units.
    public var rawValue: Double

    /// Creates the quantity from a number of base units.
    public init(rawValue: Double) { self.rawValue = rawValue }

    /// The symbol of the base unit.
    public static var unitSymbol: String { "W" }
}

/// A frequency in hertz.
public struct Hertz: Quantity {
    /// The number of base units.
    public var rawValue: Double

    /// Creates the quantity from a number of base units.
    public init(rawValue: Double) { self.rawValue = rawValue }

    /// The symbol of the base unit.
    public static var unitSymbol: String { "Hz" }
}

/// An amount of floating-point operations; a fused multiply-add counts as two.
public struct Flops: Quantity {
    /// The number of base units.
    public var rawValue: Double

    /// Creates the quantity from a number of base units.
    public init(rawValue: Double) { self.rawValue = rawValue }

    /// The symbol of the base unit.
    public static var unitSymbol: String { "FLOP" }
}

/// Floating-point operations per second.
public struct FlopsPerSecond: Quantity {
    /// The number of base units.
    public var rawValue: Double

    /// Creates the quantity from a number of base units.
    public init(rawValue: Double) { self.rawValue = rawValue }

    /// The symbol of the base unit.
    public static var unitSymbol: String { "FLOP/s" }
}

/// Bytes per second; only explicit traffic is counted, never write-allocate reads.
public struct BytesPerSecond: Quantity {
    /// The number of base units.
    public var rawValue: Double

    /// Creates the quantity from a number of base units.
    public init(rawValue: Double) { self.rawValue = rawValue }

    /// The symbol of the base unit.
    public static var unitSymbol: String { "B/s" }
}

/// Grams of a greenhouse gas emitted per kilowatt-hour of electricity.
public struct GramsPerKilowattHour: Quantity {
    /// The number of base units.
    public var rawValue: Double

    /// Creates the quantity from a number of base units.
    public init(rawValue: Double) { self.rawValue = rawValue }

    /// The symbol of the base unit.
    public static var unitSymbol: String { "g/kWh" }
}

extension Joules {
    /// Joules in one kilowatt-hour.
    public static let perKilowattHour: Double = 3_600_000

    /// The mean power of some energy over a time.
    public static func / (energy: Joules, time: Seconds) -> Watts { Watts(energy.rawValue / time.rawValue) }
}

extension Watts {
    /// The energy of some power over a time.
    public static func * (power: Watts, time: Seconds) -> Joules { Joules(power.rawValue * time.rawValue) }
}

extension Flops {
    /// The mean rate of some work over a time.
    public static func / (work: Flops, time: Seconds) -> FlopsPerSecond {
        FlopsPerSecond(work.rawValue / time.rawValue)
    }
}

/// A value with the limits of its 95 % confidence interval.
public struct Estimate<Value: Quantity>: Hashable, Codable, Sendable {
    /// The central value.
    public var value: Value
    /// The lower limit of the 95 % interval.
    public var low: Value
    /// The upper limit of the 95 % interval.
    public var high: Value

    /// Creates an estimate; the limits default to the value itself.
    public init(_ value: Value, low: Value? = nil, high: Value? = nil) {
        self.value = value
        self.low = low ?? value
        self.high = high ?? value
    }
}

/// A point on `CLOCK_MONOTONIC`, the one clock all layers and child processes share.
public struct MonotonicInstant: Hashable, Comparable, Codable, Sendable {
    /// Nanoseconds since an arbitrary start, the same for all processes of this machine.
    public var nanoseconds: UInt64

    /// Creates an instant from its nanoseconds.
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Whether `left` is the earlier instant.
    public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The time from `earlier` to this instant; negative when `earlier` is later.
    public func since(_ earlier: MonotonicInstant) -> Seconds {
        Seconds(Double(Int64(bitPattern: nanoseconds &- earlier.nanoseconds)) * 1e-9)
    }

    /// This instant moved by `duration`.
    public func advanced(by duration: Seconds) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: nanoseconds &+ UInt64(bitPattern: Int64(duration.rawValue * 1e9)))
    }
}
