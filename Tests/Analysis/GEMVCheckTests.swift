import Analysis
import NodeModel
import Testing

@Suite struct GEMVCheckTests {
    private static let shape = GEMVShape(rows: 9, columns: 128)

    private func oracle(_ format: WeightFormat, _ data: GEMVOracle.Data) -> GEMVOracle {
        GEMVOracle(shape: Self.shape, format: format, data: data, keys: (weights: 3, scales: 4))
    }

    private func product(_ oracle: GEMVOracle, _ x: [Float]) -> [Float] {
        (0..<Self.shape.rows).map { Float(oracle.product(row: $0, oracle.multiplicand(x)).sum) }
    }

    @Test(arguments: WeightFormat.allCases) func integerProductsAreExact(format: WeightFormat) {
        let oracle = oracle(format, .integers)
        let x = GEMVOracle.integerVector(columns: 128, format: format, key: 5)
        // Integers quantise to themselves, so that nothing rounds anywhere.
        #expect(oracle.multiplicand(x) == x.map(Double.init))
        #expect((0..<9).flatMap(oracle.row).allSatisfy { $0 == $0.rounded() })
        var y = product(oracle, x)
        #expect(GEMVCheck.integers(oracle, x: x, y: y).passed)
        y[8] += 1
        #expect(!GEMVCheck.integers(oracle, x: x, y: y).passed)
        y[8] = .nan
        #expect(!GEMVCheck.integers(oracle, x: x, y: y).passed)
        #expect(!GEMVCheck.integers(oracle, x: x, y: []).passed)
    }

    @Test(arguments: WeightFormat.allCases) func sampledRowsMustAgree(format: WeightFormat) {
        let oracle = oracle(format, .random)
        let x = (0..<128).map { SeededData.uniform(key: 6, index: $0) }
        var y = product(oracle, x)
        #expect(GEMVCheck.sampled(oracle, rows: [0, 8], seed: 1, x: x, y: y).passed)
        y[0] += abs(y[0]) * 1e-3 + 1e-3
        #expect(!GEMVCheck.sampled(oracle, rows: [0, 8], seed: 1, x: x, y: y).passed)
    }

    @Test func quantisingFollowsTheRule() {
        var x = [Float](repeating: 0, count: 64)
        x[1] = -254
        x[2] = 3
        x[3] = 1
        x[33] = 0x1p-101
        // The scale is 2: 1.5 rounds to 2, 0.5 to 0, both to even; a block of next to nothing is zero.
        let oracle = GEMVOracle(
            shape: GEMVShape(rows: 1, columns: 64), format: .q4, data: .random, keys: (weights: 1, scales: 2))
        let values = oracle.multiplicand(x)
        #expect(values[1] == -254 && values[2] == 4 && values[3] == 0 && values[33] == 0)
    }
}
