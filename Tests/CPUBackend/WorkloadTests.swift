import Analysis
import CPUBackend
import NodeModel
import Testing

@Suite struct PeakTests {
    @Test func everyInstructionSetIsBitExact() throws {
        for name in Here.instructionSets {
            let workload = try Here.prepare(.peak(.f32), isa: name)
            let outcome = try workload.verify()
            #expect(outcome.passed, "\(name): \(outcome.detail ?? "")")
            #expect(workload.notes["isa"] == name)
            #expect((workload.work.flops?.rawValue ?? 0) > 0)
        }
    }

    @Test func oneWrongBitIsCaught() throws {
        let workload = try #require(try Here.prepare(.peak(.f32), isa: Here.instructionSets[0]) as? PeakWorkload)
        _ = try workload.run(repetitions: 2)
        var results = workload.results
        #expect(workload.verification(of: results).passed)
        results[results.count - 1] = results[results.count - 1].nextUp
        #expect(!workload.verification(of: results).passed)
    }
}

@Suite struct ProductTests {
    private static let shapes = [
        GEMMShape(m: 1, n: 1, k: 1), GEMMShape(m: 7, n: 13, k: 5), GEMMShape(m: 33, n: 129, k: 65),
        GEMMShape(m: 200, n: 70, k: 1030), GEMMShape(m: 28, n: 64, k: 512),
    ]

    @Test func everyInstructionSetMultipliesOddShapes() throws {
        for name in Here.instructionSets {
            for shape in Self.shapes {
                let workload = try Here.prepare(.gemm(shape, .f32), isa: name)
                _ = try workload.run(repetitions: 2)
                let outcome = try workload.verify()
                #expect(outcome.passed, "\(name) \(shape): \(outcome.detail ?? "")")
                #expect(outcome.method.contains("Freivalds") && outcome.method.contains("to the bit"))
            }
        }
    }

    @Test func oneWrongElementIsCaught() throws {
        let shape = GEMMShape(m: 16, n: 16, k: 40)
        let workload = try #require(
            try Here.prepare(.gemm(shape, .f32), isa: Here.instructionSets[0]) as? ProductWorkload)
        _ = try workload.run(repetitions: 1)
        var result = workload.result
        #expect(workload.verification(of: result).passed)
        result[255] += 0.01
        #expect(!workload.verification(of: result).passed)
        result = workload.result
        result[100] = .nan
        #expect(!workload.verification(of: result).passed)
    }
}

@Suite struct DecodeTests {
    private static let model = ModelShape(
        name: "tiny", source: "test", layers: 2, hidden: 64, feedForward: 160, heads: 4, keyValueHeads: 2,
        headDimension: 16, vocabulary: 96)

    private func prepare(_ weights: Precision, isa: String, context: Int = 37) throws -> DecodeWorkload {
        let step = DecodeStep(model: Self.model, weights: weights, contextTokens: context)
        return try #require(try Here.prepare(.decode(step), isa: isa) as? DecodeWorkload)
    }

    @Test(arguments: [Precision.bf16, .f16])
    func everyInstructionSetAgreesWithTheOracle(weights: Precision) throws {
        for name in Here.instructionSets {
            for context in [0, 1, 15, 64, 131] {
                let workload = try prepare(weights, isa: name, context: context)
                _ = try workload.run(repetitions: 3)
                let outcome = try workload.verify()
                #expect(outcome.passed, "\(name), \(context) tokens: \(outcome.detail ?? "")")
                #expect(outcome.method.contains("to the bit"))
            }
        }
    }

    @Test func wrongWeightIsCaught() throws {
        for matrix in [WeightMatrix.queryKeyValue(layer: 0), .down(layer: 1), .outputHead] {
            let workload = try prepare(.bf16, isa: Here.instructionSets[0])
            workload.corrupt(matrix, row: 0, column: 3, bits: SixteenBit.bf16Bits(0.5))
            #expect(try !workload.verify().passed, "\(matrix)")
        }
    }

    @Test func disturbedTimedRunIsCaught() throws {
        let workload = try prepare(.f16, isa: Here.instructionSets[0])
        let good = SeededData.weight(
            key: SeededData.key(seed: 42, stream: workload.program.stream(of: .gateUp(layer: 0))), index: 5)
        workload.corrupt(.gateUp(layer: 0), row: 0, column: 5, bits: Float16(1).bitPattern)
        _ = try workload.run(repetitions: 1)
        workload.corrupt(.gateUp(layer: 0), row: 0, column: 5, bits: Float16(good).bitPattern)
        let outcome = try workload.verify()
        #expect(!outcome.passed && outcome.detail?.contains("differs between two runs") == true)
    }

    @Test func shapesThatDoNotFitAreRefused() {
        var model = Self.model
        model.hidden = 60
        let step = DecodeStep(model: model, weights: .bf16, contextTokens: 1)
        #expect(throws: TrialFailure.self) { try Here.prepare(.decode(step), isa: "scalar") }
        let f32 = DecodeStep(model: Self.model, weights: .f32, contextTokens: 1)
        #expect(throws: TrialFailure.self) { try Here.prepare(.decode(f32), isa: "scalar") }
    }
}
