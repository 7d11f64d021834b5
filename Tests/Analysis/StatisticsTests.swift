import Analysis
import NodeModel
import Testing

@Suite struct StatisticsTests {
    @Test func medians() {
        #expect(Statistics.median([]) == nil)
        #expect(Statistics.median([3, 1, 2]) == 2)
        #expect(Statistics.median([4, 1, 2, 3]) == 2.5)
    }

    /// Ranks from the binomial table: n = 6 → 1st and 6th, n = 10 → 2nd and 9th, n = 20 → 6th and 15th.
    @Test(arguments: [(6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (20, 6), (30, 10), (50, 18)])
    func intervalsComeFromBinomialRanks(count: Int, rank: Int) {
        let values = (1...count).map(Double.init).shuffled()
        let interval = Statistics.medianInterval(values)
        #expect(interval == Double(rank)...Double(count + 1 - rank))
    }

    @Test func fewValuesGiveTheWholeRange() { #expect(Statistics.medianInterval([5, 1, 3]) == 1...5) }

    @Test func hugeSamplesDoNotUnderflow() throws {
        let interval = try #require(Statistics.medianInterval((1...5_000).map(Double.init)))
        #expect(interval.lowerBound > 2_400 && interval.upperBound < 2_600)
    }

    @Test func precisionAndSpread() {
        #expect(Statistics.relativePrecision([]) == .infinity)
        #expect(Statistics.relativePrecision([2, 2, 2, 2, 2, 2, 2]) == 0)
        #expect(Statistics.relativeSpread([1, 1]) == 0)
        #expect(Statistics.relativeSpread([1, 2, 3, 4]) > 0.5)
    }
}

@Suite struct PrecisionRuleTests {
    private func rule(_ values: [Double], step: Double = 0.1, budget: Double = 100) -> StopReason? {
        var rule = PrecisionRule(minimumTime: Seconds(0.5), budget: Seconds(budget))
        for (index, value) in values.enumerated() {
            rule.add(Seconds(value), elapsed: Seconds(step * Double(index + 1)))
        }
        return rule.verdict
    }

    @Test func neverStopsOnTooFewSamples() { #expect(rule([1, 1, 1, 1, 1, 1]) == nil) }
    @Test func stopsWhenPrecise() { #expect(rule(Array(repeating: 1, count: 7)) == .precise) }
    @Test func neverStopsBeforeTheMinimumTime() { #expect(rule(Array(repeating: 1, count: 20), step: 0.01) == nil) }
    @Test func stopsWhenTimeIsUp() { #expect(rule([1, 2, 3], step: 40) == .outOfTime) }
    @Test func goesOnWhileNoisy() { #expect(rule((0..<20).map { $0.isMultiple(of: 2) ? 1 : 1.2 }) == nil) }

    @Test func stopsWhenNoisyButStable() {
        let pattern = [1.0, 1.02, 0.98, 1.05, 0.95]
        #expect(rule((0..<60).map { pattern[$0 % 5] }) != nil)
    }
}
