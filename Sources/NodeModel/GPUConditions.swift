/// How a GPU was while something was measured on it, as its driver tells.
public struct GPUConditions: Hashable, Codable, Sendable {
    /// The median clock of the multiprocessors under load.
    @ExplicitNull public var clockHertz: Hertz?
    /// The median clock of the memory under load.
    @ExplicitNull public var memoryClockHertz: Hertz?
    /// The highest temperature of the chip in degrees Celsius.
    @ExplicitNull public var temperatureCelsius: Double?
    /// The power limit that held.
    @ExplicitNull public var powerLimitWatts: Watts?
    /// What held the clocks back at some time, for example `power_cap`; empty when nothing did.
    public var throttleReasons: [String]

    /// Creates conditions.
    public init(
        clockHertz: Hertz? = nil, memoryClockHertz: Hertz? = nil, temperatureCelsius: Double? = nil,
        powerLimitWatts: Watts? = nil, throttleReasons: [String] = []
    ) {
        self._clockHertz = ExplicitNull(wrappedValue: clockHertz)
        self._memoryClockHertz = ExplicitNull(wrappedValue: memoryClockHertz)
        self._temperatureCelsius = ExplicitNull(wrappedValue: temperatureCelsius)
        self._powerLimitWatts = ExplicitNull(wrappedValue: powerLimitWatts)
        self.throttleReasons = throttleReasons
    }
}
