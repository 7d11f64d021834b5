import Analysis
import NodeModel
import Testing

extension InferenceFault {
    /// A step in which the fault shows.
    var step: InferenceStep {
        switch self {
        case .rotaryScaling: InferenceModel.llama3.step(.prefill, weights: .f16)
        case .maskBehind, .cacheOverwritten, .seededCache, .chosenToken, .staleLogits, .noTokens, .strangeToken:
            InferenceModel.llama.step(.decode, weights: .f16)
        case .bias: InferenceModel.qwen2.step(.prefill, weights: .bf16)
        case .headNorm: InferenceModel.qwen3.step(.decode, weights: .q8)
        case .expertOrder, .expertChoice, .visits, .combination, .router, .shortRoutes, .strangeExpert, .sameExpert:
            InferenceModel.mixtral.step(.prefill, weights: .q4)
        case .expertWeights: InferenceModel.looseExperts.step(.prefill, weights: .f16)
        default: InferenceModel.llama.step(.prefill, weights: .f32)
        }
    }
}

@Suite struct InferenceCheckTests {
    private func run(_ inference: PlainInference, sampled: Bool = false) throws -> Verification {
        var check = InferenceCheck(
            inference, sampling: sampled ? .sampled(inference.program) : .complete(inference.program))
        return try check.run()
    }

    @Test(arguments: InferenceModel.allCases, WeightFormat.allCases)
    func aRightPrefillPasses(model: InferenceModel, weights: WeightFormat) throws {
        for context in [0, 3] {
            let inference = PlainInference(model.step(.prefill, weights: weights, context: context))
            let verification = try InferenceCheck.verify(inference)
            #expect(verification.passed, "\(verification)")
            #expect(verification.worst > 0)
            #expect(verification.method == "float64 oracle on every element of every operation")
        }
    }

    @Test(arguments: InferenceModel.allCases, WeightFormat.allCases)
    func aRightDecodePasses(model: InferenceModel, weights: WeightFormat) throws {
        for context in [0, 7] {
            let inference = PlainInference(model.step(.decode, weights: weights, context: context))
            let verification = try InferenceCheck.verify(inference)
            #expect(verification.passed, "\(verification)")
            #expect(verification.worst > 0)
        }
    }

    @Test(arguments: [Multiplicand.bf16, .f16, .blocks]) func activationsAreRoundedAsTheBackendSays(
        multiplicand: Multiplicand
    ) throws {
        let step = InferenceModel.mixtral.step(.prefill, weights: .f16)
        #expect(try run(PlainInference(step, plain: multiplicand)).passed)
        let blocks = InferenceModel.mixtral.step(.prefill, weights: .q8)
        #expect(try run(PlainInference(blocks, blocked: multiplicand)).passed)
    }

    @Test(arguments: InferenceFault.allCases) func everyFaultShows(fault: InferenceFault) throws {
        let right = try run(PlainInference(fault.step))
        #expect(right.passed, "\(right)")
        let verification = try run(PlainInference(fault.step, fault: fault))
        #expect(!verification.passed)
        #expect(verification.detail?.contains("pass ") == true, "\(verification)")
    }

    /// A wrong number somewhere may hide from samples; whatever is wrong everywhere may not.
    @Test(arguments: InferenceFault.allCases.filter { $0 != .oneRow })
    func everyFaultShowsInSamples(fault: InferenceFault) throws {
        let right = try run(PlainInference(fault.step), sampled: true)
        #expect(right.passed, "\(right)")
        #expect(try !run(PlainInference(fault.step, fault: fault), sampled: true).passed)
    }

    @Test func whatIsWrongFirstIsToldWithItsPlace() throws {
        let attention = try run(PlainInference(InferenceFault.sequences.step, fault: .sequences))
        #expect(
            attention.detail?.hasPrefix(
                "pass 0, layer 0, attention, row 0 (sequence 0, position 4), head 0, element 0, is ") == true)
        let row = try run(PlainInference(InferenceFault.oneRow.step, fault: .oneRow))
        #expect(
            row.detail?.hasPrefix(
                "pass 0, layer 0, product with down, row 13 (sequence 2, position 7), element 3, is ") == true)
        let token = try run(PlainInference(InferenceFault.argmax.step, fault: .argmax))
        #expect(token.detail?.hasPrefix("pass 0, choice, row 4 (sequence 0, position 8): token ") == true)
    }

    @Test func expertsThatShouldSumUpToOneDo() throws {
        let step = InferenceModel.mixtral.step(.decode, weights: .f16)
        #expect(try !run(PlainInference(step, fault: .expertWeights)).passed)
    }

    @Test func samplesAreOfFirstMiddleAndLastLayersAndPasses() throws {
        var step = InferenceModel.llama.step(.decode, weights: .f16)
        step.model.layers = 5
        step.tokens = 7
        let sampling = InferenceSampling.sampled(InferenceProgram(step))
        #expect(sampling.layers == [0, 2, 4])
        #expect(sampling.passes == [0, 3, 6])
        for layer in 0..<5 {
            let inference = PlainInference(step, fault: .weight)
            inference.faultyLayer = layer
            #expect(try run(inference, sampled: true).passed == !sampling.layers.contains(layer))
            #expect(try !run(inference).passed)
        }
        let verification = try run(PlainInference(step), sampled: true)
        #expect(verification.method.contains("layers 0, 2, 4 and the head in passes 0, 3, 6"))
    }

    @Test func rowsOfAMatrixMayBeStoredDifferently() throws {
        let step = InferenceModel.llama.step(.prefill, weights: .q8)
        let weights = PartedWeights(step.model)
        #expect(try run(PlainInference(step, weights: weights)).passed)
        #expect(try run(PlainInference(step, weights: weights), sampled: true).passed)
        #expect(try !run(PlainInference(step, weights: weights, plain: .bf16, fault: .rounding)).passed)
    }

    @Test func promptsInPartsPass() throws {
        var step = InferenceModel.llama.step(.prefill, weights: .q8, context: 2)
        (step.model.layers, step.model.hidden, step.model.feedForward) = (1, 32, 32)
        (step.model.heads, step.model.keyValueHeads, step.batch, step.tokens) = (2, 1, 2, 530)
        #expect(step.passes.map(\.tokens) == [512, 18, 512, 18])
        let verification = try run(PlainInference(step))
        #expect(verification.passed, "\(verification)")
        for fault in [InferenceFault.sequences, .maskBehind, .position, .cacheOverwritten] {
            #expect(try !run(PlainInference(step, fault: fault), sampled: true).passed)
        }
    }

    @Test func promptsInSeveralPassesPass() throws {
        var step = InferenceModel.qwen3.step(.prefill, weights: .f16, context: 0)
        (step.model.layers, step.batch, step.tokens) = (1, 5, 200)
        #expect(step.passes.map(\.sequences) == [2, 2, 1])
        #expect(try run(PlainInference(step), sampled: true).passed)
        #expect(try !run(PlainInference(step, fault: .sequences), sampled: true).passed)
    }
}
