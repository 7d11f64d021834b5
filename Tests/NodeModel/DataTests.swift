import NodeModel
import Testing

@Suite struct SeededDataTests {
    @Test func mixIsThePublishedHash() {
        // lowbias32 of 1, worked out by hand from its five steps.
        var x: UInt32 = 1
        x = x &* 0x7feb_352d
        x ^= x >> 15
        x = x &* 0x846c_a68b
        x ^= x >> 16
        #expect(SeededData.mix(1) == x)
        #expect(SeededData.mix(0) == 0)
    }

    @Test func valuesStayInRangeAndFillIt() {
        let key = SeededData.key(seed: 7, stream: 3)
        let uniform = (0..<10_000).map { SeededData.uniform(key: key, index: $0) }
        #expect(uniform.allSatisfy { $0 >= -1 && $0 < 1 })
        #expect(abs(uniform.reduce(0, +) / 10_000) < 0.02)
        let small = Set((0..<10_000).map { SeededData.smallInteger(key: key, index: $0) })
        #expect(small == [-3, -2, -1, 0, 1, 2, 3])
    }

    @Test func weightsAreExactInEverySixteenBitFormat() {
        let key = SeededData.key(seed: 1, stream: 9)
        for index in 0..<10_000 as Range<UInt32> {
            let weight = SeededData.weight(key: key, index: index)
            #expect(SixteenBit.rounded(weight, to: .bf16) == weight)
            #expect(SixteenBit.rounded(weight, to: .f16) == weight)
        }
    }

    @Test func streamsDiffer() {
        let first = SeededData.key(seed: 1, stream: 1)
        let second = SeededData.key(seed: 1, stream: 2)
        let equal = (0..<1_000).filter {
            SeededData.word(key: first, index: $0) == SeededData.word(key: second, index: $0)
        }
        #expect(equal.count < 3)
    }
}

@Suite struct SixteenBitTests {
    @Test(
        arguments: [
            (1.0, 0x3f80), (-2.0, 0xc000), (1.00390625, 0x3f80), (1.01171875, 0x3f82), (0.0, 0), (3.3895314e38, 0x7f7f),
        ] as [(Float, UInt16)])
    func bf16RoundsToNearestEven(value: Float, bits: UInt16) {
        #expect(SixteenBit.bf16Bits(value) == bits)
    }

    @Test func notANumberStaysOne() { #expect(SixteenBit.float(bf16Bits: SixteenBit.bf16Bits(.nan)).isNaN) }
}

@Suite struct GEMMShapeTests {
    @Test func readsCubesAndBoxes() {
        #expect(GEMMShape("2048") == GEMMShape(m: 2048, n: 2048, k: 2048))
        #expect(GEMMShape("1x2X3") == GEMMShape(m: 1, n: 2, k: 3))
        #expect(GEMMShape(m: 1, n: 2, k: 3).flops == Flops(12))
    }

    @Test(arguments: ["", "0", "1x2", "1x2x3x4", "-1", "ax2x3", "1xx3", "1048577", "9999999999999999999999"])
    func refusesNonsense(text: String) { #expect(GEMMShape(text) == nil) }
}

@Suite struct ModelShapeTests {
    static let tinyLlama = ModelShape(
        name: "TinyLlama-1.1B", source: "config.json", layers: 22, hidden: 2048, feedForward: 5632, heads: 32,
        keyValueHeads: 4, headDimension: 64, vocabulary: 32_000)

    @Test func parametersOfTinyLlama() throws {
        // 1,100,048,384 in all, less the embedding (65,536,000) and the norms (45 · 2048).
        #expect(Self.tinyLlama.matrixParametersPerToken == 1_100_048_384 - 65_536_000 - 45 * 2048)
        try Self.tinyLlama.validate(source: "test")
    }

    @Test func productsOfTokensHaveTheLayersShapes() {
        let shapes = Projection.allCases.map { "\(Self.tinyLlama.product($0, tokens: 4))" }
        #expect(shapes == ["4x2560x2048", "4x2048x2048", "4x11264x2048", "4x2048x5632"])
        let parameters = Projection.allCases.map { projection in
            let product = Self.tinyLlama.product(projection, tokens: 1)
            return product.n * product.k
        }
        #expect(parameters.reduce(0, +) == Self.tinyLlama.matrixParametersPerLayer)
    }

    @Test func nonsenseIsNamedByItsKey() {
        var shape = Self.tinyLlama
        shape.keyValueHeads = 5
        let error = #expect(throws: InputError.self) { try shape.validate(source: "x.json") }
        #expect(error?.place == "key_value_heads")
    }

    @Test func programCountsEveryWeightOnce() {
        let program = DecodeProgram(DecodeStep(model: Self.tinyLlama, weights: .bf16, contextTokens: 127))
        var parameters = 0
        for case .multiply(let matrix, _, _, _) in program.operations {
            let size = program.size(of: matrix)
            parameters += size.rows * size.columns
        }
        #expect(parameters == Self.tinyLlama.matrixParametersPerToken)
        let cache = 2 * 2 * 22 * 256 * 128
        #expect(program.work.bytes == Double(2 * parameters + cache))
        #expect(program.work.tokens == 1)
    }
}
