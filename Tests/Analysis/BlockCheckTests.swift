import Analysis
import NodeModel
import Testing

@Suite struct BlockCheckTests {
    private static let shape = RowsShape(rows: 5, columns: 24)

    private func row(_ index: Int) -> [Float] {
        (0..<24).map { 3 * SeededData.uniform(key: 9, index: UInt32(24 * index + $0)) }
    }

    private func softmax() -> [Float] { (0..<5).flatMap { BlockOracle.softmax(row($0)).map { Float($0) } } }

    private func check(_ output: [Float]) -> Verification {
        BlockCheck.rows(Self.shape, output: output, seed: 1) { BlockOracle.softmax(row($0)) }
            .and(BlockCheck.sums(Self.shape, output: output))
    }

    @Test func rightRowsPassAndWrongOnesDoNot() {
        #expect(check(softmax()).passed)
        var output = softmax()
        output[119] *= 1.0001
        #expect(!check(output).passed)
        output = softmax()
        output[30] = .nan
        #expect(!check(output).passed)
        #expect(!check(Array(softmax().dropLast())).passed)
        #expect(!BlockCheck.sums(Self.shape, output: softmax().map { $0 * 1.0001 }).passed)
    }

    @Test func oraclesKeepWhatMustHold() {
        let weights = BlockOracle.softmax(row(0))
        #expect(abs(weights.reduce(0, +) - 1) < 1e-14)
        let shifted = BlockOracle.softmax(row(0).map { $0 + 2 })
        #expect(zip(weights, shifted).allSatisfy { abs($0 - $1) < 1e-6 })
        let gain = [Float](repeating: 2, count: 24)
        let norm = BlockOracle.normalise(row(1), gain: gain, epsilon: 0)
        #expect(abs((norm.reduce(0) { $0 + $1 * $1 } / 24).squareRoot() - 2) < 1e-14)
        let values = (0..<3).map { [Float](repeating: Float($0), count: 24) }
        // Equal keys: the mean; a key far above the others: its value.
        let equal = BlockOracle.attention(query: row(0), keys: [row(1), row(1), row(1)], values: values)
        #expect(equal.allSatisfy { abs($0 - 1) < 1e-14 })
        let far = row(0).map { 1_000 * $0 }
        let one = BlockOracle.attention(query: row(0), keys: [row(1), row(2), far], values: values)
        #expect(one.allSatisfy { abs($0 - 2) < 1e-14 })
    }

    private static let attention = AttentionShape(heads: 4, keyValueHeads: 2, headDimension: 2, contextTokens: 3)

    @Test func meansAreExact() {
        let sums = [3, -5, 0, 7]
        let thirds: [Float] = [3, -5, 3, -5, 0, 7, 0, 7]
        let right = thirds.map { $0 / 3 }
        #expect(BlockCheck.means(Self.attention, output: right, sums: sums).passed)
        for index in right.indices {
            var wrong = right
            wrong[index] += 0x1p-20
            #expect(!BlockCheck.means(Self.attention, output: wrong, sums: sums).passed)
        }
        // One position missed, one counted twice.
        #expect(!BlockCheck.means(Self.attention, output: right, sums: [2, -5, 0, 7]).passed)
        #expect(!BlockCheck.means(Self.attention, output: [], sums: sums).passed)
    }

    @Test func headsAreHeldAgainstTheOracle() {
        let right = (0..<8).map { Float($0) / 8 }
        func expected(_ head: Int) -> [Double] { (0..<2).map { Double(2 * head + $0) / 8 } }
        func passes(_ output: [Float]) -> Bool {
            BlockCheck.attention(Self.attention, output: output, heads: [0, 3], expected: expected).passed
        }
        #expect(passes(right))
        for index in [0, 1, 6, 7] {
            var wrong = right
            wrong[index] += 1e-3
            #expect(!passes(wrong))
        }
        var unwritten = right
        unwritten[3] = .nan
        #expect(!passes(unwritten))
    }
}

@Suite struct DotWalkTests {
    private static let factors = (0..<5).map { SeededData.word(key: 4, index: UInt32($0)) }
    private static let starts = (0..<10).map { SeededData.word(key: 5, index: UInt32($0)) }

    /// The walk with 64-bit arithmetic of its own.
    private func walk(steps: Int) -> [UInt32] {
        func dot(_ a: UInt32, _ b: UInt32) -> Int64 {
            (0..<4).reduce(0) { sum, byte in
                let left = Int64(Int8(truncatingIfNeeded: a >> (8 * UInt32(byte))))
                return sum + left * Int64(Int8(truncatingIfNeeded: b >> (8 * UInt32(byte))))
            }
        }
        var result = Self.starts
        for pair in 0..<5 {
            for _ in 0..<steps {
                result[pair] = UInt32(
                    truncatingIfNeeded: Int64(result[pair]) + dot(result[5 + pair], Self.factors[pair]))
                result[5 + pair] = UInt32(
                    truncatingIfNeeded: Int64(result[5 + pair]) + dot(result[pair], Self.factors[pair]))
            }
        }
        return result
    }

    private func passes(_ results: [UInt32], steps: Int) -> Bool {
        DotPeakCheck.followWalks(steps: steps, starts: Self.starts, factors: Self.factors, results: results).passed
    }

    @Test func walksAreFollowedToTheBit() {
        let right = walk(steps: 1_000)
        #expect(passes(right, steps: 1_000))
        #expect(!passes(right, steps: 999) && !passes(right, steps: 1_001))
        for index in right.indices {
            var wrong = right
            wrong[index] ^= 1 << UInt32(index)
            #expect(!passes(wrong, steps: 1_000))
        }
        #expect(!passes(Array(right.dropLast()), steps: 1_000))
    }

    /// A sum that came to rest would make any number of steps look right.
    @Test func walksDoNotComeToRest() {
        #expect(zip(walk(steps: 20_000), walk(steps: 20_001)).allSatisfy { $0 != $1 })
    }
}
