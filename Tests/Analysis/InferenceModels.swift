import NodeModel

/// Tiny models with the parts of those that people run.
enum InferenceModel: String, CaseIterable {
    case llama, llama3, qwen2, qwen3, mixtral, looseExperts

    /// The shape.
    var shape: ModelShape {
        var shape = ModelShape(
            name: rawValue, source: "test", layers: 2, hidden: 64, feedForward: 96, heads: 4, keyValueHeads: 2,
            headDimension: 16, vocabulary: 96, tiedEmbedding: self == .llama3 || self == .qwen2)
        switch self {
        case .llama: break
        case .llama3:
            shape.rotaryScaling = RotaryScaling(
                factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 64)
        case .qwen2:
            shape.queryKeyValueBias = true
            shape.rotaryPairs = .halves
        case .qwen3:
            shape.queryKeyNorm = true
            shape.rotaryPairs = .halves
        case .mixtral:
            shape.experts = ExpertShape(count: 4, perToken: 2, feedForward: 32, normalisesWeights: true)
        case .looseExperts:
            shape.queryKeyNorm = true
            shape.experts = ExpertShape(count: 6, perToken: 3, feedForward: 64, normalisesWeights: false)
        }
        return shape
    }

    /// A step of three sequences.
    func step(_ phase: InferencePhase, weights: WeightFormat, context: Int = 4) -> InferenceStep {
        InferenceStep(
            model: shape, weights: weights, phase: phase, batch: 3, tokens: phase == .decode ? 3 : 5,
            contextTokens: context)
    }
}
