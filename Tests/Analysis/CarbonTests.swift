import Analysis
import NodeModel
import Testing

@Suite struct CarbonTests {
    static let china = GridFactor(
        zone: "CN", name: "China", gramsPerKwh: GramsPerKilowattHour(530.6), gas: "CO2", scope: "generation",
        year: 2023, source: "MEE", url: "")
    static let residual = GridFactor(
        zone: "CN-RESIDUAL", name: "residual", gramsPerKwh: GramsPerKilowattHour(609.6), gas: "CO2",
        scope: "generation", year: 2023, source: "MEE", url: "")

    /// 0.335 J/token at PUE 1.3 and 530.6 g/kWh is 64 µg/token: the worked example of the research notes.
    @Test func workedExample() {
        let site = SiteFacts(factor: Sourced(Self.china, source: "test"), pue: Sourced(1.3, source: "test"))
        let figures = Carbon.perMillionTokens(energyPerToken: Joules(0.335), site: site)
        #expect(abs(figures.grams - 64.19) < 0.01)
        #expect(figures.gramsMarket == nil)
        #expect(figures.cost == nil)
    }

    @Test func marketUsesTheResidualMixForTheRest() {
        let site = SiteFacts(
            factor: Sourced(Self.china, source: "test"), pue: Sourced(1, source: "test"),
            greenShare: Sourced(0.25, source: "test"), residualFactor: Sourced(Self.residual, source: "test"),
            electricityPrice: Sourced(0.36, source: "test"))
        let figures = Carbon.perMillionTokens(energyPerToken: Joules(3.6), site: site)
        #expect(abs((figures.gramsMarket ?? 0) - 457.2) < 1e-9)
        #expect(abs(figures.grams - 530.6) < 1e-9)
        #expect(abs((figures.cost ?? 0) - 0.36) < 1e-12)
    }
}
