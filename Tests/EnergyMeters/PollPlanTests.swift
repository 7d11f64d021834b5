import EnergyMeters
import NodeModel
import Testing

@Suite struct PollPlanTests {
    func plan(_ descriptions: [MeterDescription], watts: Double = 2000, isLive: Bool = false) -> PollPlan {
        PollPlan(
            descriptions.map { HandMeter($0, clock: .monotonic, plausibleWatts: watts) }, isLive: isLive)
    }

    func sampled(_ update: Double) -> MeterDescription {
        var description = meter("node", .node, range: nil, update: update)
        description.samplesPower = true
        return description
    }

    @Test("a sampled power is read when it is renewed, and never more than ten times a second") func sampledPower() {
        let plan = plan([sampled(0.25), sampled(0.001), sampled(300)])
        #expect(plan.intervals == [Seconds(0.25), Seconds(0.1), Seconds(60)])
        #expect(plan.interval == Seconds(0.1))
    }

    @Test(
        "a counter is read four times while it could wrap",
        arguments: [(65_536.0, 2000.0, 8.192), (65_536, 560, 29.25714285714286), (262_144, 500, 60), (100, 2000, 0.25)])
    func wraps(_ range: Double, _ watts: Double, _ expected: Double) throws {
        let interval = try #require(plan([meter("package-0", range: range)], watts: watts).interval)
        #expect(abs(interval.rawValue - expected) < 1e-9)
    }

    @Test("a power model is read at the edges alone, unless somebody watches") func model() {
        let model = meter("node", .node, grade: .modelled, range: nil)
        #expect(plan([model]).interval == nil)
        #expect(plan([model], isLive: true).interval == Seconds(1))
        #expect(plan([model, meter("package-0", range: nil)]).intervals == [nil, Seconds(60)])
    }

    @Test("a slow meter is not read with every round of a fast one") func rounds() {
        let plan = plan([sampled(0.1), meter("package-0", range: nil)])
        #expect(plan.isDue(0, after: Seconds(0.1)))
        #expect(!plan.isDue(1, after: Seconds(59.8)))
        // The next round would be too late.
        #expect(plan.isDue(1, after: Seconds(59.95)))
    }
}
