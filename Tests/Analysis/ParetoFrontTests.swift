import Analysis
import NodeModel
import Testing

@Suite struct ParetoFrontTests {
    private static func points(_ random: inout SeededNumbers) -> [RatedPoint] {
        (0..<Int(random.uniform(1, 25))).map { number in
            let (speed, efficiency) = (random.uniform(1, 100).rounded(), random.uniform(1, 100).rounded())
            let (a, b) = (random.uniform(0, 8), random.uniform(0, 8))
            return RatedPoint(
                number: number, speed: speed, speedLimits: Limits(low: speed - a, high: speed + a),
                efficiency: efficiency,
                efficiencyLimits: Limits(low: efficiency - b, high: efficiency + b))
        }
    }

    @Test func aFrontHoldsExactlyWhatNothingIsBetterThan() {
        var random = SeededNumbers(3)
        for _ in 0..<2_000 {
            let points = Self.points(&random)
            let front = ParetoFront.of(points)
            let numbers = Set(front.map(\.number))
            #expect(!front.isEmpty)
            for point in points {
                let better = points.filter { other in
                    let noWorse =
                        other.speedValue >= point.speedValue && other.efficiencyValue >= point.efficiencyValue
                    let apart = other.speed.low > point.speed.high || other.efficiency.low > point.efficiency.high
                    return noWorse && apart
                }
                #expect(numbers.contains(point.number) == better.isEmpty)
            }
            #expect(front.map(\.speedValue) == front.map(\.speedValue).sorted())
        }
    }

    @Test func theBestByValueIsAlwaysOnTheFront() {
        var random = SeededNumbers(5)
        for _ in 0..<2_000 {
            let points = Self.points(&random)
            let front = ParetoFront.of(points)
            #expect(front.map(\.efficiencyValue).max() == points.map(\.efficiencyValue).max())
            #expect(front.map(\.speedValue).max() == points.map(\.speedValue).max())
        }
    }

    @Test func overlappingPointsAreNotCalledBetter() throws {
        let wide = Limits(low: 8, high: 13)
        let points = [
            RatedPoint(number: 1, speed: 10, speedLimits: wide, efficiency: 10, efficiencyLimits: wide),
            RatedPoint(number: 2, speed: 11, speedLimits: wide, efficiency: 11, efficiencyLimits: wide),
            RatedPoint(number: 3, speed: 9, speedLimits: wide, efficiency: 2),
        ]
        #expect(ParetoFront.of(points).map(\.number) == [1, 2])
        let best = try #require(ParetoFront.mostEfficient(points))
        #expect(best.best.number == 2 && best.notToldApart.map(\.number) == [1])
    }

    @Test func theKneeIsWhereTheCurveBends() {
        let curve = [(1.0, 10.0), (2, 9.8), (3, 9.5), (4, 5), (5, 1)]
        let front = curve.enumerated().map {
            RatedPoint(number: $0.offset, speed: $0.element.0, efficiency: $0.element.1)
        }
        #expect(ParetoFront.knee(front) == .at(front[2]))
        let straight = (0...4).map { RatedPoint(number: $0, speed: Double($0), efficiency: 4 - Double($0)) }
        guard case .none = ParetoFront.knee(straight) else {
            Issue.record("a straight front has a knee")
            return
        }
        guard case .none = ParetoFront.knee(Array(front.prefix(2))) else {
            Issue.record("two points have a knee")
            return
        }
    }

    @Test func aKneeWithinItsIntervalIsNone() {
        var front = [(1.0, 10.0), (3, 6.5), (5, 2)].enumerated().map {
            RatedPoint(number: $0.offset, speed: $0.element.0, efficiency: $0.element.1)
        }
        #expect(ParetoFront.knee(front) == .at(front[1]))
        front[1].efficiency = Limits(low: 5.5, high: 7.5)
        guard case .none(let reason) = ParetoFront.knee(front) else {
            Issue.record("a knee that may be none")
            return
        }
        #expect(reason.contains("interval"))
    }
}
