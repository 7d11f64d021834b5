import Analysis
import ArgumentParser
import Exporters
import FoundationEssentials
import NodeModel

/// The carbon formula alone.
struct CarbonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "carbon",
        abstract: "Compute grams and money per million tokens from joules per token and a site's facts.",
        discussion: """
            grams = joules per token · 10⁶ / 3.6·10⁶ · PUE · grid factor (location-based, without embodied carbon).

            EXAMPLES:
              nodewatt carbon --joules-per-token 0.335 --zone CN-SC --pue 1.3
              nodewatt carbon --power 700 --tokens-per-second 9800 --zone DEU
            """)

    @Option(help: "Gross energy of one token in joules.")
    var joulesPerToken: Double?

    @Option(help: "Power in watts, with --tokens-per-second in place of --joules-per-token.")
    var power: Double?

    @Option(help: "Tokens per second, with --power in place of --joules-per-token.")
    var tokensPerSecond: Double?

    @OptionGroup(title: "Site") var site: SiteOptions
    @OptionGroup var output: OutputOptions

    private func energyPerToken() throws -> Joules {
        switch (joulesPerToken, power, tokensPerSecond) {
        case (let joules?, nil, nil) where joules > 0 && joules < 1e9: return Joules(joules)
        case (nil, let watts?, let rate?) where watts > 0 && rate > 0 && watts / rate < 1e9:
            return Joules(watts / rate)
        default:
            throw UsageError(
                "give either --joules-per-token or --power with --tokens-per-second, as positive numbers below "
                    + "1e9 J/token")
        }
    }

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        let profiles = try Installation.profiles(environment)
        let energy = try energyPerToken()
        let facts = try SiteResolver(
            options: site, environment: environment, factors: try profiles.gridFactors()
        ).resolve()
        let document = CarbonDocument(energyPerToken: energy, site: facts)
        if output.format == .json { try printDocument(document) } else { document.lines.forEach { Terminal.line($0) } }
    }
}

/// The document of `nodewatt carbon`.
struct CarbonDocument: Encodable {
    /// The factor with the unit in its key.
    struct Factor: Encodable {
        let zone: String
        let name: String
        @ExplicitNull var year: Int?
        let gas: String
        let scope: String
        let source: String
        let gramsPerKwh: GramsPerKilowattHour
    }

    let schema = "nodewatt.carbon/1"
    let joulesPerToken: Joules
    let pue: Double
    let gramsCo2ePerMillionTokens: Double
    @ExplicitNull var gramsCo2ePerMillionTokensMarket: Double?
    @ExplicitNull var costPerMillionTokens: Double?
    @ExplicitNull var currency: String?
    let factor: Factor
    let site: SiteFacts

    init(energyPerToken: Joules, site: SiteFacts) {
        let figures = Carbon.perMillionTokens(energyPerToken: energyPerToken, site: site)
        let used = site.factor.value
        joulesPerToken = energyPerToken
        pue = site.pue.value
        gramsCo2ePerMillionTokens = figures.grams
        factor = Factor(
            zone: used.zone, name: used.name, year: used.year, gas: used.gas, scope: used.scope, source: used.source,
            gramsPerKwh: used.gramsPerKwh)
        self.site = site
        gramsCo2ePerMillionTokensMarket = figures.gramsMarket
        costPerMillionTokens = figures.cost
        currency = figures.cost == nil ? nil : site.currency?.value
    }

    var lines: [String] {
        let year = factor.year.map { " \($0)" } ?? ""
        let intensity = UnitFormat.digits(factor.gramsPerKwh.rawValue)
        let place = "\(factor.zone) \(factor.name)\(year): \(intensity) g \(factor.gas)/kWh"
        let sources = "\(factor.scope), \(factor.source)), PUE \(UnitFormat.digits(pue)) (\(site.pue.source))"
        let cost = costPerMillionTokens.map { ["\(UnitFormat.digits($0)) \(currency ?? "") per million tokens"] } ?? []
        let market =
            gramsCo2ePerMillionTokensMarket.map { ["\(UnitFormat.digits($0)) g per million tokens, market-based"] }
            ?? []
        return ["\(UnitFormat.digits(gramsCo2ePerMillionTokens)) g \(factor.gas) per million tokens"] + market + cost
            + [Terminal.printable("\(place) (\(sources)")]
    }
}
