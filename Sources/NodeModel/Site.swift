/// A value with the place it came from, for example `--pue`, `NODEWATT_PUE`, a site file or `default`.
public struct Sourced<Value: Hashable & Codable & Sendable>: Hashable, Codable, Sendable {
    /// The value.
    public var value: Value
    /// Where it came from.
    public var source: String

    /// Creates a value from a source.
    public init(_ value: Value, source: String) {
        self.value = value
        self.source = source
    }
}

/// How much greenhouse gas a kilowatt-hour of some grid emits.
public struct GridFactor: Hashable, Codable, Sendable {
    /// The zone's identifier, for example `CN-SC` or `DEU`.
    public var zone: String
    /// The zone's name.
    public var name: String
    /// Grams per kilowatt-hour.
    public var gramsPerKwh: GramsPerKilowattHour
    /// `CO2` or `CO2e`.
    public var gas: String
    /// `generation` or `life-cycle`; `as given` for a user's own.
    public var scope: String
    /// The year it holds for; unknown for a user's own.
    @ExplicitNull public var year: Int?
    /// Who published it, with its licence where it has one.
    public var source: String
    /// Where it was published.
    @ExplicitNull public var url: String?

    /// Creates a factor.
    public init(
        zone: String, name: String, gramsPerKwh: GramsPerKilowattHour, gas: String, scope: String, year: Int?,
        source: String, url: String?
    ) {
        self.zone = zone
        self.name = name
        self.gramsPerKwh = gramsPerKwh
        self.gas = gas
        self.scope = scope
        self._year = ExplicitNull(wrappedValue: year)
        self.source = source
        self._url = ExplicitNull(wrappedValue: url)
    }
}

/// Facts about where the node stands, which no node can measure.
public struct SiteFacts: Hashable, Codable, Sendable {
    /// The grid factor applied.
    public var factor: Sourced<GridFactor>
    /// Power usage effectiveness of the data centre (ISO/IEC 30134-2), at least 1.
    public var pue: Sourced<Double>
    /// The share of contracted green power, 0 to 1.
    @ExplicitNull public var greenShare: Sourced<Double>?
    /// The residual-mix factor for the rest, needed for market-based figures.
    @ExplicitNull public var residualFactor: Sourced<GridFactor>?
    /// The price of a kilowatt-hour in `currency`.
    @ExplicitNull public var electricityPrice: Sourced<Double>?
    /// The currency of prices, an ISO 4217 code.
    @ExplicitNull public var currency: Sourced<String>?

    /// Creates site facts.
    public init(
        factor: Sourced<GridFactor>, pue: Sourced<Double>, greenShare: Sourced<Double>? = nil,
        residualFactor: Sourced<GridFactor>? = nil, electricityPrice: Sourced<Double>? = nil,
        currency: Sourced<String>? = nil
    ) {
        self.factor = factor
        self.pue = pue
        self._greenShare = ExplicitNull(wrappedValue: greenShare)
        self._residualFactor = ExplicitNull(wrappedValue: residualFactor)
        self._electricityPrice = ExplicitNull(wrappedValue: electricityPrice)
        self._currency = ExplicitNull(wrappedValue: currency)
    }
}
