import NodeModel
import OpenCLBackend
import Testing

/// Prefill and decode of small models, every operation held against the float64 oracle, with the kernels for processors
/// and those for GPUs.
@Suite(
    .serialized,
    .enabled(if: OpenCLDevice.isThere, "there is no OpenCL device; `apt-get install pocl-opencl-icd` brings one"))
struct InferenceTests {
    static let styles: [DeviceKind] = [.cpu, .gpu]
    static let formats: [WeightFormat] = [.f32, .f16, .bf16, .q8, .q4]

    static func verify(_ step: InferenceStep, _ kernels: DeviceKind) throws {
        let prepared = try OpenCLSession(kernels: kernels).prepare(step, seed: 5)
        #expect(prepared.work == InferenceProgram(step).work)
        let batch = try prepared.run(repetitions: 2)
        let tokens = 2 * step.passes.count { $0.logits != .none }
        #expect(batch.repetitions == 2 && batch.latencies?.count == tokens)
        #expect(
            batch.latencies?.allSatisfy { $0 > .zero } == true && (batch.samples == nil) == (step.phase == .prefill))
        let outcome = try prepared.verify()
        #expect(outcome.passed && outcome.worst <= 1, "\(step) \(kernels): \(outcome.detail ?? "")")
    }

    /// One row at a time, from the start and after a context of several runs of positions.
    @Test(arguments: formats, styles)
    func decodeOfOneSequenceIsRight(_ format: WeightFormat, _ kernels: DeviceKind) throws {
        let context = format == .f32 ? 0 : 300
        try Self.verify(
            InferenceStep(model: .small, weights: format, phase: .decode, tokens: 3, contextTokens: context), kernels)
    }

    /// More sequences than are multiplied at a time.
    @Test(arguments: formats, styles)
    func decodeOfSeveralSequencesIsRight(_ format: WeightFormat, _ kernels: DeviceKind) throws {
        try Self.verify(
            InferenceStep(
                model: .small, weights: format, phase: .decode, batch: 11, tokens: 2, contextTokens: 37), kernels)
    }

    /// Prompts that are no whole tiles; the heads of several rows.
    @Test(arguments: formats, styles)
    func prefillIsRight(_ format: WeightFormat, _ kernels: DeviceKind) throws {
        try Self.verify(
            InferenceStep(model: .small, weights: format, phase: .prefill, batch: 3, tokens: 23), kernels)
    }

    @Test(arguments: styles) func promptsOfOneTokenAreRight(_ kernels: DeviceKind) throws {
        try Self.verify(
            InferenceStep(model: .small, weights: .bf16, phase: .prefill, tokens: 1, contextTokens: 70), kernels)
    }

    /// Two passes, the first without logits.
    @Test(arguments: styles) func longPromptsAreRight(_ kernels: DeviceKind) throws {
        let tokens = InferenceStep.largestPass + 30
        try Self.verify(InferenceStep(model: .small, weights: .f16, phase: .prefill, tokens: tokens), kernels)
    }

    /// Activations rounded to the weights' format: many rows on an emulated engine, the head's by other kernels.
    @Test(arguments: [WeightFormat.f16, .bf16], MatrixEngine.emulated.indices)
    func prefillOnMatrixEnginesIsRight(_ format: WeightFormat, _ index: Int) throws {
        let engine = MatrixEngine.emulated[index]
        guard engine.formats.contains(EngineFormat(format.precision, .f32)) else { return }
        var routed = ModelShape.small
        routed.experts = ExpertShape(count: 3, perToken: 2, feedForward: 64, normalisesWeights: true)
        for (model, batch, tokens) in [(ModelShape.small, 1, 70), (routed, 2, 20)] {
            let step = InferenceStep(model: model, weights: format, phase: .prefill, batch: batch, tokens: tokens)
            let prepared = try OpenCLSession(kernels: .gpu).prepare(step, seed: 5, emulated: engine)
            #expect(prepared.multiplicand(for: format) == (format == .bf16 ? .bf16 : .f16))
            let outcome = try prepared.verify()
            #expect(outcome.passed && outcome.worst <= 1, "\(engine.name) \(step): \(outcome.detail ?? "")")
        }
    }

    /// Models with what the plain one has not.
    enum Variant: String, CaseIterable {
        case biases, headNormsAndHalves, allAtOnce, stretchedAndTied, experts, manyExperts

        var model: ModelShape {
            var model = ModelShape.small
            switch self {
            case .biases: model.queryKeyValueBias = true
            case .headNormsAndHalves:
                model.queryKeyNorm = true
                model.rotaryPairs = .halves
            case .allAtOnce:
                model.queryKeyValueBias = true
                model.queryKeyNorm = true
                model.rotaryPairs = .halves
                model.headDimension = 80
            case .stretchedAndTied:
                model.rotaryScaling = RotaryScaling(
                    factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 64)
                model.tiedEmbedding = true
            case .experts:
                model.experts = ExpertShape(count: 5, perToken: 2, feedForward: 96, normalisesWeights: true)
            case .manyExperts:
                model.experts = ExpertShape(count: 70, perToken: 3, feedForward: 64, normalisesWeights: false)
            }
            return model
        }
    }

    @Test(arguments: Variant.allCases, styles)
    func variantsOfModelsAreRight(_ variant: Variant, _ kernels: DeviceKind) throws {
        let model = variant.model
        for (format, phase, batch) in [
            (WeightFormat.bf16, InferencePhase.decode, 1), (.q4, .prefill, 2),
        ] {
            try Self.verify(
                InferenceStep(
                    model: model, weights: format, phase: phase, batch: batch, tokens: phase == .prefill ? 20 : 2,
                    contextTokens: 5),
                kernels)
        }
    }

    @Test func whatCannotBeIsUnsupported() throws {
        var odd = ModelShape.small
        odd.hidden = 112
        let steps = [
            InferenceStep(model: odd, weights: .q4, phase: .decode, tokens: 1),
            InferenceStep(model: .small, weights: .f16, phase: .decode, tokens: 0),
            InferenceStep(model: .small, file: "model.gguf", weights: .f16, phase: .decode, tokens: 1),
        ]
        for step in steps {
            let failure = #expect(throws: TrialFailure.self) { try OpenCLSession().prepare(step, seed: 1) }
            #expect(failure?.status == .unsupported)
        }
    }

    /// A model's bytes are told before any of them is allocated.
    @Test func whatDoesNotFitIsSkipped() throws {
        var large = ModelShape.small
        (large.hidden, large.feedForward, large.layers) = (65_536, 262_144, 1_000)
        let step = InferenceStep(model: large, weights: .f16, phase: .decode, tokens: 1)
        let failure = #expect(throws: TrialFailure.self) { try OpenCLSession().prepare(step, seed: 1) }
        #expect(failure?.status == .skipped && failure?.reason.contains("needs") == true)
    }
}

extension ModelShape {
    /// Two layers with every kind of edge, in whole blocks of weights.
    static let small = ModelShape(
        name: "small", source: "made up for tests", layers: 2, hidden: 96, feedForward: 160, heads: 4, keyValueHeads: 2,
        headDimension: 32, vocabulary: 150)
}
