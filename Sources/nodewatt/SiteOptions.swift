import ArgumentParser
import NodeModel

/// The options that say where the node stands.
struct SiteOptions: ParsableArguments {
    @Option(help: "Grid zone whose emission factor applies, e.g. CN-SC, DEU, EGRID:CAMX. Default: the world average.")
    var zone: String?

    @Option(help: "Grid emission factor in g CO2e/kWh, in place of a zone's.")
    var gridFactor: Double?

    @Option(help: "Power usage effectiveness of the data centre, at least 1. Default: 1.0, IT equipment alone.")
    var pue: Double?

    @Option(help: "Share of contracted green power, 0 to 1, for market-based figures.")
    var greenShare: Double?

    @Option(help: "Zone of the residual-mix factor for market-based figures, e.g. CN-RESIDUAL.")
    var residualZone: String?

    @Option(help: "Price of a kilowatt-hour.")
    var electricityPrice: Double?

    @Option(help: "Currency of prices, an ISO 4217 code such as CNY.")
    var currency: String?

    @Option(
        help: """
            JSON file with site facts: zone, grid_factor, pue, green_share, residual_zone, electricity_price, \
            currency.
            """)
    var site: String?
}
