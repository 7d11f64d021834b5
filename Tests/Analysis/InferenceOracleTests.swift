import Analysis
import NodeModel
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct InferenceOracleTests {
    private func oracle(_ model: InferenceModel = .mixtral) -> InferenceOracle {
        let step = model.step(.prefill, weights: .f16)
        return InferenceOracle(
            program: InferenceProgram(step), weights: SeededModelWeights(step.model, format: .f16, seed: 5), seed: 5)
    }

    @Test func promptsAreOfManyTokens() {
        let step = InferenceModel.llama.step(.prefill, weights: .f16)
        let tokens = (0..<3).flatMap { sequence in
            (0..<9).map { InferenceProgram(step).promptToken(sequence: sequence, position: $0, seed: 5) }
        }
        #expect(tokens.allSatisfy((0..<step.model.vocabulary).contains))
        #expect(Set(tokens).count > 15)
    }

    @Test func roundingIsToTheNearestAndTiesToEven() {
        #expect(InferenceOracle.rounded([1 + 0x1p-8, 1 + 0x1.8p-7], to: .bf16) == [1, 1 + 0x1p-6])
        #expect(InferenceOracle.rounded([1 + 0x1p-11, 1 + 0x1.8p-10], to: .f16) == [1, 1 + 0x1p-9])
        #expect(InferenceOracle.rounded([1 + 0x1p-20], to: .f32) == [1 + 0x1p-20])
        let block = (0..<32).map { Float($0) * 4 }
        let scale = Double(Float(124) / 127)
        #expect(InferenceOracle.rounded(block, to: .blocks).prefix(2) == [0, 4 * scale])
    }

    @Test func partsTellTheFormatOfARow() {
        let parts = [MatrixPart(rows: 3, format: .q4), MatrixPart(rows: 2, format: .f16)]
        #expect((0..<5).map { InferenceOracle.format(ofRow: $0, parts: parts) } == [.q4, .q4, .q4, .f16, .f16])
    }

    @Test func aCacheHoldsTheNearestF16() {
        let exact = BoundedValue(0.1, allowed: 1e-7)
        let nearest = Float16(0.1)
        #expect(InferenceOracle.cacheDeviation(Float(nearest), from: exact) == 0)
        #expect(InferenceOracle.cacheDeviation(Float(nearest.nextUp), from: exact) > 1)
        #expect(InferenceOracle.cacheDeviation(Float(nearest.nextDown), from: exact) > 1)
        #expect(InferenceOracle.cacheDeviation(0.1, from: exact) > 1)
        #expect(InferenceOracle.cacheDeviation(.nan, from: exact) > 1)
        // Halfway between two, an error within the allowed may take either.
        let half = BoundedValue((Double(nearest) + Double(nearest.nextUp)) / 2, allowed: 1e-7)
        #expect(InferenceOracle.cacheDeviation(Float(nearest), from: half) == 0)
        #expect(InferenceOracle.cacheDeviation(Float(nearest.nextUp), from: half) == 0)
    }

    /// Scores of some hundreds, in f32 and with the largest found on the way.
    @Test(arguments: [Float(1), 10, 40]) func onlineSoftmaxInF32IsAllowed(size: Float) {
        let (count, width) = (300, 16)
        func row(_ key: UInt32, _ index: Int, _ size: Float) -> [Float] {
            (0..<width).map { size * SeededData.uniform(key: key, index: UInt32(index * width + $0)) }
        }
        let query = row(1, 0, size)
        let keys = (0..<count).map { row(2, $0, size) }
        let values = (0..<count).map { row(3, $0, 1) }
        let expected = InferenceOracle.attend(query, keys: keys, values: values)
        let found = onlineAttention(query, keys, values)
        for (found, expected) in zip(found, expected) {
            #expect(abs(Double(found) - expected.value) <= expected.allowed)
        }
        // What is allowed stays far below what it makes to forget the position that matters most.
        let scores = keys.map { key in zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } }
        let top = scores.indices.max { scores[$0] < scores[$1] } ?? 0
        func others(_ rows: [[Float]]) -> [[Float]] { Array(rows[..<top] + rows[(top + 1)...]) }
        let without = InferenceOracle.attend(query, keys: others(keys), values: others(values))
        #expect(zip(without, expected).contains { abs($0.value - $1.value) > 20 * $1.allowed })
        #expect(expected.allSatisfy { $0.allowed < 2e-3 })
    }

    private func onlineAttention(_ query: [Float], _ keys: [[Float]], _ values: [[Float]]) -> [Float] {
        var (top, total) = (-Float.infinity, Float(0))
        var output = query.map { _ in Float(0) }
        for (key, value) in zip(keys, values) {
            let score = zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } / Float(query.count).squareRoot()
            let next = max(top, score)
            let (old, new) = (expf(top - next), expf(score - next))
            output = zip(output, value).map { $0 * old + $1 * new }
            (total, top) = (total * old + new, next)
        }
        return output.map { $0 / total }
    }

    @Test func equalScoresGoInTheirOrderAndNearOnesInAny() {
        let oracle = oracle()
        let e = exp(1.0)
        func worst(_ first: Int, _ second: Int, _ scores: [Float]) -> Double {
            let weights = [first, second].map { Double(scores[$0] > 0.5 ? e : 1) }
            let total = weights[0] + weights[1]
            let chosen = [(first, Float(weights[0] / total)), (second, Float(weights[1] / total))]
            return oracle.deviation(ofRoutes: chosen, scores: scores).worst
        }
        #expect(worst(2, 0, [0, -9, 1, -9]) <= 1)
        #expect(worst(0, 2, [0, -9, 1, -9]) == .infinity)
        #expect(worst(2, 1, [0, 0, 1, -9]) == .infinity)
        #expect(worst(2, 0, [0, 0, 1, -9]) <= 1)
        // A unit in the last place is within what the softmax rounds.
        #expect(worst(2, 1, [Float(1).nextUp - 1, 0, 1, -9]) <= 1)
        #expect(worst(1, 2, [0, 1, Float(1).nextUp, -9]) <= 1)
        #expect(worst(1, 2, [0, 1, 1.001, -9]) == .infinity)
        #expect(worst(0, 0, [1, 0, 0, 0]) == .infinity)
        #expect(worst(3, 2, [1, 0, 0, 0]) == .infinity)
    }

    @Test func theLargestLogitIsTheFirstOfEquals() {
        #expect(InferenceOracle.largest([1, 3, 2, 3]) == 1)
        #expect(InferenceOracle.largest([-3, -1, -1]) == 1)
    }

    /// Of a model of a billion parameters: fewer than 10⁹ multiply-adds and numbers, each about a
    /// nanosecond.
    @Test(arguments: InferencePhase.allCases) func largeModelsAreCheckedInLittleTime(phase: InferencePhase) throws {
        let shape = ModelShape(
            name: "TinyLlama-1.1B", source: "test", layers: 22, hidden: 2_048, feedForward: 5_632, heads: 32,
            keyValueHeads: 4, headDimension: 64, vocabulary: 32_000)
        let step = InferenceStep(
            model: shape, weights: .q4, phase: phase, batch: phase == .prefill ? 2 : 8,
            tokens: phase == .prefill ? 1_024 : 8, contextTokens: phase == .prefill ? 0 : 4_096)
        var check = InferenceCheck(SilentInference(step))
        #expect(try !check.run().passed)
        #expect(check.effort < 1_000_000_000)
    }
}
