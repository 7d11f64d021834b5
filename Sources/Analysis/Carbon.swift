public import NodeModel

/// Emissions and money from energy, each a formula of its standard.
public enum Carbon {
    /// Operational emissions of some IT energy: E · PUE · I (SCI's O, the PUE in E; ISO/IEC 21031, ISO/IEC 30134-2).
    ///
    /// - Parameters:
    ///   - energy: Gross energy of the IT equipment.
    ///   - pue: Power usage effectiveness, at least 1.
    ///   - intensity: Location-based grid factor.
    /// - Returns: Grams.
    public static func grams(energy: Joules, pue: Double, intensity: GramsPerKilowattHour) -> Double {
        energy.rawValue / Joules.perKilowattHour * pue * intensity.rawValue
    }

    /// The market-based factor: contracted green power at 0 g/kWh, the rest at the residual mix, never at the average,
    /// which would count the green power twice (GHG Protocol Scope 2 Guidance).
    ///
    /// - Parameters:
    ///   - greenShare: Contracted green power, 0 to 1.
    ///   - residual: Factor of the residual mix.
    /// - Returns: The factor to use in place of the location-based one.
    public static func marketIntensity(greenShare: Double, residual: GramsPerKilowattHour) -> GramsPerKilowattHour {
        residual * (1 - greenShare)
    }

    /// The cost of some IT energy.
    ///
    /// - Parameters:
    ///   - energy: Gross energy of the IT equipment.
    ///   - pue: Power usage effectiveness.
    ///   - pricePerKilowattHour: Price in any currency.
    /// - Returns: The cost in that currency.
    public static func cost(energy: Joules, pue: Double, pricePerKilowattHour: Double) -> Double {
        energy.rawValue / Joules.perKilowattHour * pue * pricePerKilowattHour
    }

    /// What a million tokens emit and cost at a site.
    public struct PerMillionTokens: Hashable, Codable, Sendable {
        /// Location-based grams with PUE, without embodied carbon.
        public var grams: Double
        /// Market-based grams; `nil` unless the site names a green share and a residual factor.
        public var gramsMarket: Double?
        /// Electricity cost; `nil` unless the site names a price.
        public var cost: Double?
    }

    /// Emissions and cost of a million tokens.
    ///
    /// - Parameters:
    ///   - energyPerToken: Gross energy of one token.
    ///   - site: The site's facts.
    /// - Returns: What can be said with these facts.
    public static func perMillionTokens(energyPerToken: Joules, site: SiteFacts) -> PerMillionTokens {
        let energy = energyPerToken * 1_000_000
        let pue = site.pue.value
        var market: Double?
        if let share = site.greenShare?.value, let residual = site.residualFactor?.value {
            let intensity = marketIntensity(greenShare: share, residual: residual.gramsPerKwh)
            market = grams(energy: energy, pue: pue, intensity: intensity)
        }
        return PerMillionTokens(
            grams: grams(energy: energy, pue: pue, intensity: site.factor.value.gramsPerKwh), gramsMarket: market,
            cost: site.electricityPrice.map { cost(energy: energy, pue: pue, pricePerKilowattHour: $0.value) })
    }
}
