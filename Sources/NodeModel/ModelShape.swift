#if canImport(Glibc)
    import Glibc
#endif

/// Which values of a head are rotated together by its position.
public enum RotaryPairs: String, Hashable, Codable, Sendable {
    /// Neighbours: values 2i and 2i + 1, as GGUF files of LLaMA have them.
    case neighbours
    /// Halves: values i and i + d/2, as Qwen has them.
    case halves
}

/// How Llama 3.1 and later stretch the rotary frequencies to longer contexts.
///
/// A wavelength up to `originalContext / highFrequencyFactor` stays, one above `originalContext / lowFrequencyFactor` is
/// stretched by `factor`, and in between the two are blended (Hugging Face transformers, `rope_type` llama3).
public struct RotaryScaling: Hashable, Codable, Sendable {
    /// How much the longest wavelengths are stretched.
    public var factor: Double
    /// Bounds the wavelengths that are stretched in full.
    public var lowFrequencyFactor: Double
    /// Bounds the wavelengths that stay.
    public var highFrequencyFactor: Double
    /// The context the model was first trained for, in tokens.
    public var originalContext: Int

    /// The keys of a model's file, before they are written in snake_case.
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case factor, lowFrequencyFactor, highFrequencyFactor, originalContext
    }

    /// Creates a scaling.
    public init(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Int) {
        self.factor = factor
        self.lowFrequencyFactor = lowFrequencyFactor
        self.highFrequencyFactor = highFrequencyFactor
        self.originalContext = originalContext
    }

    /// The frequency a pair has in a longer context.
    func scaled(_ frequency: Double) -> Double {
        let turns = Double(originalContext) * frequency / (2 * Double.pi)
        if turns > highFrequencyFactor { return frequency }
        if turns < lowFrequencyFactor { return frequency / factor }
        let share = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
        return frequency * ((1 - share) / factor + share)
    }
}

/// A mixture of experts in the place of a layer's feed-forward part.
public struct ExpertShape: Hashable, Codable, Sendable {
    /// Experts of a layer.
    public var count: Int
    /// Experts that a token is sent to.
    public var perToken: Int
    /// Width of an expert's feed-forward layer.
    public var feedForward: Int
    /// Whether the weights of a token's experts are made to sum up to 1.
    public var normalisesWeights: Bool

    /// The keys of a model's file, before they are written in snake_case.
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case count, perToken, feedForward, normalisesWeights
    }

    /// Creates a shape.
    public init(count: Int, perToken: Int, feedForward: Int, normalisesWeights: Bool) {
        self.count = count
        self.perToken = perToken
        self.feedForward = feedForward
        self.normalisesWeights = normalisesWeights
    }
}

/// The shape of a LLaMA-like decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU, dense or with experts.
public struct ModelShape: Hashable, Codable, Sendable {
    /// The model's name, as its publisher writes it.
    public var name: String
    /// Where the figures come from.
    public var source: String
    /// Decoder layers.
    public var layers: Int
    /// Width of the residual stream.
    public var hidden: Int
    /// Width of the feed-forward layer; of a model with experts it plays no part.
    public var feedForward: Int
    /// Query heads.
    public var heads: Int
    /// Key and value heads; a divisor of `heads`.
    public var keyValueHeads: Int
    /// Values per head, even.
    public var headDimension: Int
    /// Tokens in the vocabulary.
    public var vocabulary: Int
    /// Base of the rotary frequencies.
    public var ropeTheta: Double
    /// Epsilon of the RMS norms.
    public var normEpsilon: Double
    /// Whether the output head shares the embedding's weights.
    public var tiedEmbedding: Bool
    /// The longest context in tokens; `nil` where it is not known.
    public var contextLength: Int?
    /// Whether query, key and value have biases (Qwen2); `nil` is no.
    public var queryKeyValueBias: Bool?
    /// Whether each head of query and key has an RMS norm of its own (Qwen3); `nil` is no.
    public var queryKeyNorm: Bool?
    /// Which values are rotated together; `nil` is ``RotaryPairs/neighbours``.
    public var rotaryPairs: RotaryPairs?
    /// How rotary frequencies are stretched; `nil` is not at all.
    public var rotaryScaling: RotaryScaling?
    /// The experts; `nil` for a dense model.
    public var experts: ExpertShape?
    /// Parts of the model that are not computed, in words; `nil` is none.
    ///
    /// ``unsupportedReason`` refuses a run with them.
    public var unsupported: [String]?
    /// All parameters as the publisher counts them, where the figures above do not add up to them.
    public var parameters: Int?
    /// Parameters that a token meets as the publisher counts them, where the figures above do not add up to them.
    public var activeParameters: Int?

    /// The keys of a model's file, before they are written in snake_case.
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case name, source, layers, hidden, feedForward, heads, keyValueHeads, headDimension, vocabulary, ropeTheta
        case normEpsilon, tiedEmbedding, contextLength, queryKeyValueBias, queryKeyNorm, rotaryPairs, rotaryScaling
        case experts, unsupported, parameters, activeParameters
    }

    /// Creates a dense shape without any of the optional parts.
    public init(
        name: String, source: String, layers: Int, hidden: Int, feedForward: Int, heads: Int, keyValueHeads: Int,
        headDimension: Int, vocabulary: Int, ropeTheta: Double = 10_000, normEpsilon: Double = 1e-5,
        tiedEmbedding: Bool = false
    ) {
        self.name = name
        self.source = source
        self.layers = layers
        self.hidden = hidden
        self.feedForward = feedForward
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
        self.vocabulary = vocabulary
        self.ropeTheta = ropeTheta
        self.normEpsilon = normEpsilon
        self.tiedEmbedding = tiedEmbedding
    }

    /// Width of all query heads together.
    public var queryWidth: Int { heads * headDimension }

    /// Width of all key heads together, the same as of all value heads.
    public var keyValueWidth: Int { keyValueHeads * headDimension }

    /// Width of a feed-forward part: of one expert's where there are experts.
    public var feedForwardWidth: Int { experts?.feedForward ?? feedForward }

    /// Parameters of the matrices of one layer that a token meets.
    public var matrixParametersPerLayer: Int {
        attentionParameters + (experts.map { $0.perToken } ?? 1) * feedForwardParameters + routerParameters
    }

    private var attentionParameters: Int { 2 * hidden * (queryWidth + keyValueWidth) }
    private var feedForwardParameters: Int { 3 * hidden * feedForwardWidth }
    private var routerParameters: Int { (experts?.count ?? 0) * hidden }

    /// Parameters of the matrices of one layer.
    public var matrixParametersOfLayer: Int {
        attentionParameters + (experts?.count ?? 1) * feedForwardParameters + routerParameters
    }

    /// Parameters of the matrices of one layer that a pass of so many tokens is expected to meet, every choice of experts
    /// being equally likely.
    public func matrixParametersVisited(rows: Int) -> Double {
        guard let experts else { return Double(matrixParametersOfLayer) }
        let missed = (0..<rows).reduce(1.0) { product, _ in
            product * (1 - Double(experts.perToken) / Double(experts.count))
        }
        let visited = Double(experts.count) * (1 - missed)
        return Double(attentionParameters + routerParameters) + visited * Double(feedForwardParameters)
    }

    /// Parameters of all matrices that a decode step reads: every layer's and the output head's.
    public var matrixParametersPerToken: Int { layers * matrixParametersPerLayer + vocabulary * hidden }

    /// All parameters: the publisher's count where it is told, else those of all matrices.
    public var totalParameters: Int {
        parameters ?? layers * matrixParametersOfLayer + (tiedEmbedding ? 1 : 2) * vocabulary * hidden
    }

    /// Parameters that a token meets: the publisher's count where it is told, else ``matrixParametersPerToken``.
    public var parametersPerToken: Int { activeParameters ?? matrixParametersPerToken }

    /// Whether it is dense, without biases and head norms, and its neighbours are rotated together by plain frequencies.
    package var isPlain: Bool {
        experts == nil && !hasQueryKeyValueBias && !hasQueryKeyNorm && rotaryPairs != .halves && rotaryScaling == nil
    }

    /// Whether queries, keys and values have biases.
    public var hasQueryKeyValueBias: Bool { queryKeyValueBias ?? false }
    /// Whether each head's query and key pass a norm of their own.
    public var hasQueryKeyNorm: Bool { queryKeyNorm ?? false }

    /// Rows and columns of a matrix.
    public func size(of matrix: ModelMatrix) -> (rows: Int, columns: Int) {
        switch matrix {
        case .embedding, .outputHead: (vocabulary, hidden)
        case .queryKeyValue: (queryWidth + 2 * keyValueWidth, hidden)
        case .attentionOutput: (hidden, queryWidth)
        case .gateUp, .expertGateUp: (2 * feedForwardWidth, hidden)
        case .down, .expertDown: (hidden, feedForwardWidth)
        case .router: (experts?.count ?? 0, hidden)
        }
    }

    /// The frequency of each pair of rotated values, in radians for each position: `headDimension / 2` of them.
    public var rotaryFrequencies: [Double] {
        (0..<headDimension / 2).map { pair in
            let frequency = pow(ropeTheta, -2 * Double(pair) / Double(headDimension))
            return rotaryScaling?.scaled(frequency) ?? frequency
        }
    }
}
