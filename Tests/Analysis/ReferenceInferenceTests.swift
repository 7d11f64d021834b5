import Analysis
import NodeModel
import Testing

@Suite struct ReferenceInferenceTests {
    private func reference(_ step: InferenceStep, multiplicand: Multiplicand = .f32) -> ReferenceInference {
        ReferenceInference(
            InferenceProgram(step), weights: SeededModelWeights(step.model, format: step.weights, seed: 5), seed: 5
        ) { _ in multiplicand }
    }

    private func pass(_ first: Int, tokens: Int, context: Int, sequences: Int = 1) -> InferencePass {
        InferencePass(
            firstSequence: first, sequences: sequences, tokens: tokens, contextTokens: context, source: .prompt,
            logits: .all)
    }

    /// The same arithmetic in the same order, so the same numbers to the last bit.
    @Test(arguments: InferenceModel.allCases) func prefillAtOnceIsPrefillTokenByToken(model: InferenceModel) throws {
        let step = model.step(.prefill, weights: .f16, context: 2)
        let together = try reference(step).run(pass(0, tokens: 5, context: 2, sequences: 3))
        let alone = reference(step)
        for sequence in 0..<3 {
            for token in 0..<5 {
                let logits = try alone.run(pass(sequence, tokens: 1, context: 2 + token))
                #expect(logits == [together[sequence * 5 + token]])
            }
        }
    }

    /// A token that comes later changes nothing before it, and the one it follows changes it.
    @Test func attentionIsCausal() throws {
        let step = InferenceModel.llama.step(.prefill, weights: .f16, context: 0)
        let first = try reference(step).run(pass(0, tokens: 4, context: 0), tokens: [1, 2, 3, 4])
        let other = try reference(step).run(pass(0, tokens: 4, context: 0), tokens: [1, 2, 5, 4])
        #expect(first[0] == other[0])
        #expect(first[1] == other[1])
        #expect(first[2] != other[2])
        #expect(first[3] != other[3])
    }

    @Test(arguments: InferenceModel.allCases, WeightFormat.allCases)
    func anF32InferenceAgrees(model: InferenceModel, weights: WeightFormat) throws {
        for phase in InferencePhase.allCases {
            try compare(model.step(phase, weights: weights), multiplicand: .f32)
        }
    }

    @Test(arguments: [Multiplicand.bf16, .f16, .blocks]) func anInferenceThatRoundsAgrees(multiplicand: Multiplicand)
        throws
    {
        for model in InferenceModel.allCases {
            try compare(model.step(.decode, weights: .q8), multiplicand: multiplicand)
        }
    }

    private func compare(_ step: InferenceStep, multiplicand: Multiplicand) throws {
        let found = try PlainInference(step, plain: multiplicand, blocked: multiplicand).repetition()
        let expected = try reference(step, multiplicand: multiplicand).repetition()
        #expect(found.map(\.tokens) == expected.map(\.tokens))
        let worst = worst(found.flatMap(\.logits), expected.flatMap(\.logits), multiplicand)
        #expect(worst > 0)
        #expect(worst <= 1)
    }

    /// The largest error of a logit relative to what is allowed.
    private func worst(_ found: [[Float]], _ expected: [[Double]], _ multiplicand: Multiplicand) -> Double {
        zip(found, expected).reduce(0) { worst, rows in
            let allowed = ReferenceInference.allowedError(rows.1, multiplicand: multiplicand)
            let errors = zip(rows.0, rows.1).map { abs(Double($0) - $1) }
            return max(worst, errors.contains(where: \.isNaN) ? .infinity : (errors.max() ?? 0) / allowed)
        }
    }

    /// Faults of arithmetic show in the logits or tokens of a whole model as well; what is only told wrongly or hardly
    /// reaches them does not.
    @Test(arguments: InferenceFault.allCases) func faultsMoveTheLogits(fault: InferenceFault) throws {
        let silent: Set<InferenceFault> = [
            .expertOrder, .visits, .oneRow, .shortBuffer, .shortCache, .shortRoutes, .strangeExpert, .sameExpert,
            .noTokens, .strangeToken,
        ]
        var step = fault.step
        step.weights = .f32
        let found = try PlainInference(step, fault: fault).repetition()
        let expected = try reference(step).repetition()
        let worst = worst(found.flatMap(\.logits), expected.flatMap(\.logits), .f32)
        let agrees = worst <= 1 && found.map(\.tokens) == expected.map(\.tokens)
        #expect(agrees == silent.contains(fault), "\(worst)")
    }
}
