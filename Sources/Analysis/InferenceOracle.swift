package import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

/// A number as it should be, and how far a right f32 computation may be from it.
package struct BoundedValue: Hashable, Sendable {
    /// The exact number, to float64.
    package var value: Double
    /// The largest error of a right computation, above 0.
    package var allowed: Double

    /// Creates a number that may be off by so much and the smallest normal f32.
    package init(_ value: Double, allowed: Double) {
        self.value = value
        self.allowed = allowed + Double(Float.leastNormalMagnitude)
    }
}

/// Every operation of a pass in float64, straight from its definition.
///
/// Takes the numbers an operation really read, so that each error is one operation's own, and the model's numbers as
/// they are stored. What is allowed follows from f32 arithmetic with unit roundoff u = 2⁻²⁴: sums of n terms are off by
/// 8·√n·u times their magnitude, see ``Tolerance``, functions such as exp, sine and square root by some u.
package struct InferenceOracle {
    /// What is computed.
    package let program: InferenceProgram
    /// The model's numbers.
    package let weights: any ModelWeights
    /// The seed of tokens and caches.
    package let seed: UInt32

    static let unit = Tolerance.f32Unit
    var model: ModelShape { program.step.model }

    /// Takes a program and its data.
    package init(program: InferenceProgram, weights: any ModelWeights, seed: UInt32) {
        self.program = program
        self.weights = weights
        self.seed = seed
    }

    /// The embedding of a token; exact.
    package func embedding(of token: Int) throws -> [Float] { try weights.row(token, of: .embedding) }

    /// A normalised row.
    ///
    /// The sum of n squares is off by 8·√n·u of itself, its root by half as much; the rest is some u.
    ///
    /// - Parameters:
    ///   - row: The residual stream.
    ///   - norm: Whose gain is meant.
    /// - Returns: As many numbers.
    /// - Throws: `InputError` when the model's file was changed.
    package func normalise(_ row: [Float], by norm: ModelNorm) throws -> [BoundedValue] {
        let gain = try weights.values(of: .gain(norm)) ?? [Float](repeating: 1, count: row.count)
        let relative = Self.normError(row.count)
        return BlockOracle.normalise(row, gain: gain, epsilon: model.normEpsilon).map {
            BoundedValue($0, allowed: abs($0) * relative)
        }
    }

    static func normError(_ count: Int) -> Double { (4 * Double(count).squareRoot() + 16) * unit }

    /// The gated activation of a row of gates followed by as many ups.
    ///
    /// exp(−g) is off by some u, and by u for each unit of its argument. Where it leaves the range of f32 the result may
    /// be 0 or the last one in range.
    package func gate(_ gateUp: [Float]) -> [BoundedValue] {
        let half = gateUp.count / 2
        return (0..<half).map { index in
            let (gate, up) = (Double(gateUp[index]), Double(gateUp[half + index]))
            let value = gate / (1 + exp(-gate)) * up
            return BoundedValue(
                value, allowed: abs(value) * (64 + 4 * abs(gate)) * Self.unit + 1e-34 * (1 + abs(gate * up)))
        }
    }

    /// A row of the residual stream after its visits came back.
    ///
    /// - Parameters:
    ///   - residual: The row before.
    ///   - visits: What the row's experts returned, and their weights.
    /// - Returns: As many numbers.
    package func combine(_ residual: [Float], visits: [(weight: Float, output: [Float])]) -> [BoundedValue] {
        residual.indices.map { column in
            let terms = visits.map { Double($0.weight) * Double($0.output[column]) }
            let base = Double(residual[column])
            let magnitude = terms.reduce(abs(base)) { $0 + abs($1) }
            return BoundedValue(
                terms.reduce(base, +), allowed: Tolerance.dotProduct(length: visits.count + 1, magnitude: magnitude))
        }
    }

    /// The token with the largest logit, the first of equals.
    package static func largest(_ logits: some Collection<Float>) -> Int {
        var best = (token: 0, logit: -Float.infinity)
        for (token, logit) in logits.enumerated() where logit > best.logit { best = (token, logit) }
        return best.token
    }
}
