import Analysis
import CPUBackend
import NodeModel
import Testing

/// Small models with everything the kernels have to know.
private enum Models {
    static let dense = ModelShape(
        name: "dense", source: "test", layers: 2, hidden: 64, feedForward: 160, heads: 4, keyValueHeads: 2,
        headDimension: 16, vocabulary: 100)

    /// One head of keys for all queries, and heads as wide as their number is odd.
    static let wide = ModelShape(
        name: "wide", source: "test", layers: 1, hidden: 96, feedForward: 64, heads: 6, keyValueHeads: 1,
        headDimension: 48, vocabulary: 131, tiedEmbedding: true)

    static var qwen2: ModelShape {
        var model = dense
        (model.name, model.queryKeyValueBias, model.rotaryPairs) = ("qwen2", true, .halves)
        model.tiedEmbedding = true
        return model
    }

    static var qwen3: ModelShape {
        var model = dense
        (model.name, model.queryKeyNorm, model.rotaryPairs) = ("qwen3", true, .halves)
        return model
    }

    static var scaled: ModelShape {
        var model = dense
        model.name = "scaled"
        model.rotaryScaling = RotaryScaling(
            factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 64)
        return model
    }

    static var experts: ModelShape {
        var model = qwen3
        model.name = "experts"
        model.experts = ExpertShape(count: 8, perToken: 3, feedForward: 64, normalisesWeights: true)
        return model
    }

    static var freeExperts: ModelShape {
        var model = dense
        model.name = "free experts"
        model.experts = ExpertShape(count: 5, perToken: 2, feedForward: 96, normalisesWeights: false)
        return model
    }

    static let all = [dense, wide, qwen2, qwen3, scaled, experts, freeExperts]
}

@Suite struct InferenceTests {
    private func prepare(_ step: InferenceStep, isa: String, threads: Int = 2) throws -> InferenceWorkload {
        let processors = (0..<threads).map { Here.processors[$0 % Here.processors.count] }
        return try #require(
            try Here.prepare(.inference(step), isa: isa, threads: Array(Set(processors)).sorted())
                as? InferenceWorkload)
    }

    private func verify(_ step: InferenceStep, isa: String) throws {
        let workload = try prepare(step, isa: isa)
        let batch = try workload.run(repetitions: 2)
        #expect(batch.latencies?.count == 2 * (step.phase == .decode ? step.tokens : step.passes.count))
        let outcome = try workload.verify()
        let place = "\(isa), \(step.model.name), \(step.weights.rawValue), \(step.phase.rawValue)"
        #expect(outcome.passed, "\(place), batch \(step.batch), context \(step.contextTokens): \(outcome.detail ?? "")")
        #expect(outcome.method.contains("to the bit"))
    }

    @Test(arguments: Here.instructionSets, WeightFormat.allCases)
    func everyInstructionSetAgreesWithTheOracle(isa: String, weights: WeightFormat) throws {
        for model in Models.all {
            try verify(InferenceStep(model: model, weights: weights, phase: .prefill, tokens: 13), isa: isa)
            try verify(
                InferenceStep(
                    model: model, weights: weights, phase: .prefill, batch: 3, tokens: 5, contextTokens: 7), isa: isa)
            try verify(
                InferenceStep(
                    model: model, weights: weights, phase: .decode, batch: 2, tokens: 3, contextTokens: 31), isa: isa)
        }
    }

    /// Attention takes 256 positions at a time, prompts 512 tokens.
    @Test(arguments: Here.instructionSets) func longContextsAreRight(isa: String) throws {
        for context in [0, 1, 15, 255, 256, 257, 700] {
            try verify(
                InferenceStep(
                    model: Models.dense, weights: .f16, phase: .decode, tokens: 2, contextTokens: context), isa: isa)
        }
        try verify(
            InferenceStep(model: Models.wide, weights: .f16, phase: .prefill, tokens: 40, contextTokens: 300), isa: isa)
    }

    @Test func longPromptsAreRead() throws {
        for model in [Models.dense, Models.experts] {
            let step = InferenceStep(model: model, weights: .bf16, phase: .prefill, tokens: 600)
            let workload = try prepare(step, isa: Here.instructionSets[0])
            #expect(try workload.run(repetitions: 1).latencies?.count == 1)
            let outcome = try workload.verify()
            #expect(outcome.passed, "\(model.name): \(outcome.detail ?? "")")
        }
    }

    /// From one row more than a tile to the next.
    @Test(arguments: 1...26) func everyNumberOfRowsIsRight(rows: Int) throws {
        for isa in Here.instructionSets {
            for weights in WeightFormat.allCases {
                let step = InferenceStep(model: Models.dense, weights: weights, phase: .prefill, tokens: rows)
                let outcome = try prepare(step, isa: isa).verify()
                #expect(outcome.passed, "\(isa), \(weights.rawValue), \(rows) rows: \(outcome.detail ?? "")")
            }
        }
    }

    @Test(arguments: Models.all) func wholeModelsAgreeWithTheReference(model: ModelShape) throws {
        for weights in WeightFormat.allCases {
            for isa in Here.instructionSets {
                try compareWithReference(model, weights, isa: isa)
            }
        }
    }

    private func compareWithReference(_ model: ModelShape, _ weights: WeightFormat, isa: String) throws {
        let tokens = [3, 1, 4, 1, 5, 92, 65, 35, 89, 79]
        let step = InferenceStep(model: model, weights: weights, phase: .prefill, tokens: tokens.count)
        let workload = try prepare(step, isa: isa)
        var pass = step.passes[0]
        pass.logits = .last
        try workload.begin(pass, tokens: tokens)
        for operation in workload.program.operations(of: pass) { try workload.run(operation) }
        let reference = ReferenceInference(
            workload.program, weights: workload.weights, seed: workload.seed,
            multiplicand: { workload.multiplicand(for: $0) })
        let expected = try #require(try reference.run(pass, tokens: tokens).last)
        let found = try workload.read(.logits)
        let scale = expected.map { abs($0) }.max() ?? 1
        let worst = zip(found, expected).map { abs(Double($0) - $1) }.max() ?? .infinity
        #expect(worst <= 0.01 * scale, "\(isa), \(model.name), \(weights.rawValue): \(worst) of \(scale)")
    }

    @Test func wrongWeightsAreCaught() throws {
        let step = InferenceStep(model: Models.dense, weights: .bf16, phase: .decode, tokens: 2, contextTokens: 9)
        for matrix in [ModelMatrix.queryKeyValue(layer: 0), .gateUp(layer: 0), .down(layer: 1), .outputHead] {
            let workload = try prepare(step, isa: Here.instructionSets[0])
            try workload.corrupt(matrix, row: 0) { $0[7] ^= 0x3f }
            #expect(try !workload.verify().passed, "\(matrix)")
        }
        let experts = InferenceStep(model: Models.experts, weights: .q8, phase: .prefill, tokens: 20)
        let workload = try prepare(experts, isa: Here.instructionSets[0])
        for expert in 0..<8 {
            try workload.corrupt(.expertDown(layer: 1, expert: expert), row: 5) { $0[1] ^= 0x0f }
        }
        #expect(try !workload.verify().passed)
    }

    @Test func disturbedTimedRunIsCaught() throws {
        let step = InferenceStep(model: Models.dense, weights: .f16, phase: .prefill, tokens: 4)
        let workload = try prepare(step, isa: Here.instructionSets[0])
        var kept: [UInt8] = []
        try workload.corrupt(.outputHead, row: 3) { row in
            kept = row
            row[9] ^= 0x7c
        }
        _ = try workload.run(repetitions: 1)
        try workload.corrupt(.outputHead, row: 3) { $0 = kept }
        let outcome = try workload.verify()
        #expect(!outcome.passed && outcome.detail?.contains("differs between two runs") == true)
    }

    @Test func whatDoesNotFitIsRefused() {
        func refused(_ step: InferenceStep) {
            let failure = #expect(throws: TrialFailure.self) { try Here.prepare(.inference(step), isa: "scalar") }
            #expect(failure?.status == .unsupported)
        }
        var model = Models.dense
        model.hidden = 60
        refused(InferenceStep(model: model, weights: .bf16, phase: .decode, tokens: 1))
        model.hidden = 48
        refused(InferenceStep(model: model, weights: .q4, phase: .decode, tokens: 1))
        refused(InferenceStep(model: Models.dense, weights: .bf16, phase: .prefill, tokens: 0))
        refused(InferenceStep(model: Models.dense, weights: .bf16, phase: .prefill, batch: 0, tokens: 1))
        refused(InferenceStep(model: Models.dense, weights: .bf16, phase: .decode, tokens: 1, contextTokens: -1))
    }
}
