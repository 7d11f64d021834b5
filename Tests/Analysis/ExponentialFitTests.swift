import Analysis
import NodeModel
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct ExponentialFitTests {
    private static let loads = (0...10).map { Double($0) * 10 }

    private func fitted(_ points: [(Double, Double)]) -> ExponentialFit? {
        guard case .fitted(let fit) = ExponentialFit.fit(points.map { (percent: $0.0, watts: $0.1) }) else {
            return nil
        }
        return fit
    }

    /// Any curve that bends visibly comes back from its own points, whatever its sign, offset and steepness.
    @Test func everyCurveIsFoundAgain() throws {
        var random = SeededNumbers(7)
        for _ in 0..<500 {
            let k2 = random.uniform(0.002, 0.15) * (random.uniform(0, 1) < 0.5 ? -1 : 1)
            let rise = random.uniform(5, 400) * (random.uniform(0, 1) < 0.1 ? -1 : 1)
            let curve = ExponentialCurve(
                k0Watts: random.uniform(0, 300), k1Watts: rise / (exp(k2 * 100) - 1), k2PerPercent: k2)
            let fit = try #require(fitted(Self.loads.map { ($0, curve.watts(at: $0)) }), "\(curve)")
            #expect(abs(fit.curve.k2PerPercent / k2 - 1) < 1e-4, "\(curve) \(fit.curve)")
            for x in stride(from: 0.0, through: 100, by: 7) {
                #expect(abs(fit.curve.watts(at: x) - curve.watts(at: x)) < 1e-4 * abs(rise), "\(curve) at \(x)")
            }
            #expect(fit.rSquared > 1 - 1e-8 && fit.residualsWatts.allSatisfy { abs($0) < 1e-4 * abs(rise) })
        }
    }

    /// No curve on a fine grid of exponents leaves smaller residuals than the one that was found.
    @Test func noOtherExponentFitsNoisyPointsBetter() throws {
        var random = SeededNumbers(11)
        var fits = 0
        for _ in 0..<100 {
            let points = Self.loads.map { x in (x, 60 + 2 * x - 0.008 * x * x + random.uniform(-3, 3)) }
            guard let fit = fitted(points) else { continue }
            fits += 1
            let found = fit.residualsWatts.reduce(0) { $0 + $1 * $1 }
            for step in -400...400 where step != 0 {
                #expect(found <= squares(points, Double(step) / 1000) * (1 + 1e-9))
            }
        }
        #expect(fits > 90)
    }

    /// Noise bends every line a little; a fit of that would have constants of any size.
    @Test func aNoisyStraightLineIsSeldomTakenForACurve() {
        var random = SeededNumbers(13)
        let fits = (0..<400).filter { _ in
            fitted(Self.loads.map { ($0, 50 + $0 + random.uniform(-2, 2)) }) != nil
        }
        // Five in a hundred by the test's own level.
        #expect(fits.count < 50)
    }

    /// The least squares for one exponent, by the normal equations: nothing of the fit's own code.
    private func squares(_ points: [(Double, Double)], _ k2: Double) -> Double {
        let g = points.map { exp(k2 * $0.0) / exp(max(k2, 0) * 100) }
        let n = Double(points.count)
        let (sg, sgg) = (g.reduce(0, +), g.reduce(0) { $0 + $1 * $1 })
        let sy = points.reduce(0) { $0 + $1.1 }
        let sgy = zip(g, points).reduce(0) { $0 + $1.0 * $1.1.1 }
        let slope = (n * sgy - sg * sy) / (n * sgg - sg * sg)
        let constant = (sy - slope * sg) / n
        return zip(g, points).reduce(0) { sum, one in
            let rest = one.1.1 - constant - slope * one.0
            return sum + rest * rest
        }
    }

    @Test(arguments: [
        ("straight line", loads.map { 50 + $0 }), ("does not depend", loads.map { _ in 80 }),
        ("step", loads.map { $0 < 100 ? 50 : 150 }), ("not a number", loads.map { $0 == 50 ? .nan : $0 }),
    ])
    func whatDeterminesNoCurveSaysWhy(reason: String, watts: [Double]) {
        let outcome = ExponentialFit.fit(zip(Self.loads, watts).map { (percent: $0, watts: $1) })
        guard case .undetermined(let why) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(why.contains(reason), "\(why)")
    }

    @Test func threeLoadsAreTooFew() {
        let outcome = ExponentialFit.fit([(0, 1), (50, 3), (50, 3.1), (100, 4)].map { (percent: $0.0, watts: $0.1) })
        guard case .undetermined = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }
}

/// Reproducible numbers (SplitMix64).
struct SeededNumbers {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func uniform(_ low: Double, _ high: Double) -> Double {
        low + (high - low) * Double(next() >> 11) * 0x1p-53
    }
}
