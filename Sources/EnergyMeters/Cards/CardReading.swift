package import NodeModel

/// Which numbers of a card can be believed; pure.
package enum CardReading {
    /// More than any card draws, for cards that do not tell their limits; modules of superchips come near it.
    package static let highestWatts = Watts(3_000)

    /// The power above which nothing of a card is believed: twice what its limit allows.
    ///
    /// - Parameter limit: The highest limit that can be set, in watts, as the library says it.
    /// - Returns: The bound; limits that cannot be are not taken.
    package static func plausibleWatts(limit: Double?) -> Watts {
        guard let limit, limit >= 1, limit <= highestWatts.rawValue else { return highestWatts }
        return Watts(2 * limit)
    }

    /// Why an energy counter's number is none.
    ///
    /// - Parameter count: The number.
    /// - Returns: The reason; `nil` for a number that can be.
    package static func problem(energy count: UInt64) -> String? {
        if count == .max || count == UInt64(UInt32.max) { return "\(hex(count)) is what stands for unknown" }
        if count >> 63 == 1 { return "\(Int64(bitPattern: count)) is negative" }
        return nil
    }

    /// Why a power sensor's number is none.
    ///
    /// - Parameters:
    ///   - count: The number.
    ///   - unit: Watts of one count.
    ///   - bound: What the card cannot draw.
    /// - Returns: The reason; `nil` for a number that can be.
    package static func problem(power count: UInt64, unit: Double, bound: Watts) -> String? {
        if count == 0 { return "0 W is what is shown when nothing is known" }
        if count == .max || count == UInt64(UInt32.max) { return "\(hex(count)) is what stands for unknown" }
        if count >> 63 == 1 { return "\(Int64(bitPattern: count)) is negative" }
        let watts = Double(count) * unit
        if watts <= bound.rawValue { return nil }
        if count >> 31 == 1 { return "\(Int32(truncatingIfNeeded: count)) is negative" }
        return
            "\((watts * 10).rounded() / 10) W is more than a card that is limited to half of \(bound.rawValue) W can draw"
    }

    /// A limit or clock that can be: not 0, not what stands for unknown.
    static func number(_ value: UInt64?, below bound: UInt64) -> UInt64? {
        value.flatMap { (1..<bound).contains($0) ? $0 : nil }
    }

    private static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16, uppercase: true) }
}

extension CardSample {
    /// The reading in a sample.
    ///
    /// - Parameter bound: What the card cannot draw.
    /// - Returns: The energy or the power, with the instant of the call.
    /// - Throws: `SystemFailure` for a sample that is none.
    func reading(bound: Watts) throws(SystemFailure) -> TimedReading {
        let why =
            problem
            ?? (quantity == .energy
                ? CardReading.problem(energy: count) : CardReading.problem(power: count, unit: unit, bound: bound))
        if let why { throw SystemFailure(action: "reading gpu-\(place)", reason: why) }
        let value = Double(count) * unit
        return TimedReading(
            instant: MonotonicInstant(nanoseconds: nanoseconds),
            reading: quantity == .energy ? .counter(Joules(value)) : .power(Watts(value)))
    }
}
