#if canImport(Glibc)
    import Glibc
#endif

/// A curve of power over load, P = k0 + k1·exp(k2·x), as schedulers take it.
public struct ExponentialCurve: Hashable, Codable, Sendable {
    /// The constant, in watts.
    public var k0Watts: Double
    /// The factor of the exponential, in watts; negative where power flattens towards full load.
    public var k1Watts: Double
    /// The exponent for each per cent of load.
    public var k2PerPercent: Double

    /// Creates a curve.
    public init(k0Watts: Double, k1Watts: Double, k2PerPercent: Double) {
        self.k0Watts = k0Watts
        self.k1Watts = k1Watts
        self.k2PerPercent = k2PerPercent
    }

    /// The power at a load in per cent.
    public func watts(at percent: Double) -> Double { k0Watts + k1Watts * exp(k2PerPercent * percent) }
}

/// A fit of ``ExponentialCurve`` by least squares.
public struct ExponentialFit: Hashable, Codable, Sendable {
    /// The curve.
    public var curve: ExponentialCurve
    /// Measured less fitted power, point by point, in watts.
    public var residualsWatts: [Double]
    /// The part of the variance that the curve explains (R²), at most 1.
    public var rSquared: Double

    /// What a fit came to.
    public enum Outcome: Hashable, Sendable {
        /// The curve is determined.
        case fitted(ExponentialFit)
        /// Why it is not.
        case undetermined(String)
    }

    /// Fits the curve by variable projection: for a given k2 the best k0 and k1 are those of a linear regression, so
    /// that only k2 is searched, on both sides of 0.
    ///
    /// Golub, Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
    /// separate", SIAM Journal on Numerical Analysis 10 (1973). The regression is on (exp(k2·x) - 1)/k2, which becomes x
    /// as k2 becomes 0, so that a nearly straight line is no singularity of the search.
    ///
    /// - Parameter points: Loads in per cent and powers in watts.
    /// - Returns: The fit, or why the points do not determine three parameters.
    public static func fit(_ points: [(percent: Double, watts: Double)]) -> Outcome {
        guard points.allSatisfy({ $0.percent.isFinite && $0.watts.isFinite }) else {
            return .undetermined("a load or a power is not a number")
        }
        guard Set(points.map(\.percent)).count >= 4 else {
            return .undetermined("fewer than 4 different loads cannot tell a curve of three parameters from chance")
        }
        let search = Search(points)
        guard search.variance > 1e-18 * search.meanSquare else {
            return .undetermined("the power does not depend on the load")
        }
        let bend = search.minimum()
        guard abs(bend) < Search.steepest * 0.999 else {
            return .undetermined("the power is a step, not a curve: no exponent is too steep for it")
        }
        guard abs(bend) > Search.straight else {
            return .undetermined("the power is a straight line of the load, which any small k2 fits with a large k1")
        }
        // Without scatter any bend is significant; then the one found above is the curve's own.
        let line = search.line(0)
        let gain = line.squares - search.line(bend).squares
        let left = Double(points.count - 3)
        guard gain > Self.significance(points.count - 3) * search.line(bend).squares / left else {
            return .undetermined(
                "within the scatter of the levels the power is a straight line of the load, "
                    + "\(Self.rounded(line.a - line.b * search.offset)) W and \(Self.rounded(line.b * search.slope)) W for "
                    + "each per cent, which does not determine three parameters")
        }
        return .fitted(search.fit(bend))
    }

    private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

    /// The 95 % quantiles of the F distribution with 1 and so many degrees of freedom: how much better a curve has to
    /// fit than a straight line before its bend means anything.
    private static let quantiles = [161.4, 18.51, 10.13, 7.71, 6.61, 5.99, 5.59, 5.32, 5.12, 4.96]

    private static func significance(_ freedom: Int) -> Double { quantiles[min(max(freedom, 1), quantiles.count) - 1] }

    /// The search over u = k2·width, in which the loads are scaled to 0…1.
    private struct Search {
        /// At a bend of 50 the whole rise is in one point.
        static let steepest = 50.0
        /// Below this bend the curve leaves its chord by less than a thousandth of the rise.
        static let straight = 0.008

        private let loads: [Double]
        private let watts: [Double]
        private let low: Double
        private let width: Double

        init(_ points: [(percent: Double, watts: Double)]) {
            let percents = points.map(\.percent)
            let low = percents.min() ?? 0
            let width = (percents.max() ?? 1) - low
            self.low = low
            self.width = width
            loads = percents.map { ($0 - low) / width }
            watts = points.map(\.watts)
        }

        /// Per cent at which the scaled load is 0, in scaled loads.
        var offset: Double { low / width }

        /// Scaled loads of a per cent.
        var slope: Double { 1 / width }

        var meanSquare: Double { watts.reduce(0) { $0 + $1 * $1 } / Double(watts.count) }

        var variance: Double {
            let mean = watts.reduce(0, +) / Double(watts.count)
            return watts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(watts.count)
        }

        /// The regression a + b·g(x) for a bend, with g(x) = (exp(u·x) - 1)/u scaled to 1 at the largest load.
        func line(_ bend: Double) -> (a: Double, b: Double, squares: Double) {
            let steps = loads.map { rise($0, bend) }
            let count = Double(loads.count)
            let meanStep = steps.reduce(0, +) / count
            let meanWatts = watts.reduce(0, +) / count
            var (product, square) = (0.0, 0.0)
            for (x, y) in zip(steps, watts) {
                product += (x - meanStep) * (y - meanWatts)
                square += (x - meanStep) * (x - meanStep)
            }
            let slope = square > 0 ? product / square : 0
            let squares = zip(steps, watts).reduce(0.0) { sum, point in
                let rest = point.1 - meanWatts - slope * (point.0 - meanStep)
                return sum + rest * rest
            }
            return (meanWatts - slope * meanStep, slope, squares)
        }

        private func rise(_ x: Double, _ bend: Double) -> Double {
            abs(bend) < 1e-9 ? x : expm1(bend * x) / expm1(bend)
        }

        /// The bend of least squares: a coarse look at both signs, then golden section around the best.
        func minimum() -> Double {
            let grid = (-200...200).map { Double($0) / 200 }.map { $0 * abs($0) * Self.steepest }
            let squares = grid.map { line($0).squares }
            let best = squares.indices.min { squares[$0] < squares[$1] } ?? 200
            var low = grid[max(best - 1, 0)]
            var high = grid[min(best + 1, grid.count - 1)]
            let ratio = (5.0.squareRoot() - 1) / 2
            for _ in 0..<120 {
                let (left, right) = (high - ratio * (high - low), low + ratio * (high - low))
                if line(left).squares <= line(right).squares { high = right } else { low = left }
            }
            return (low + high) / 2
        }

        func fit(_ bend: Double) -> ExponentialFit {
            let (a, b, squares) = line(bend)
            // a + b·(exp(u·(x - low)/width) - 1)/(exp(u) - 1), written as k0 + k1·exp(k2·x).
            let factor = b / expm1(bend)
            let curve = ExponentialCurve(
                k0Watts: a - factor, k1Watts: factor * exp(-bend * low / width), k2PerPercent: bend / width)
            let residuals = zip(loads, watts).map { load, watts in watts - (a + b * rise(load, bend)) }
            return ExponentialFit(
                curve: curve, residualsWatts: residuals, rSquared: 1 - squares / (variance * Double(watts.count)))
        }
    }
}
