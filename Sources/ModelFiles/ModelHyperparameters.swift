/// The figures that say how a model computes, as its file tells them.
public struct ModelHyperparameters: Hashable, Sendable {
    /// Which computation it is.
    public var architecture: ModelArchitecture
    /// The model's name for people, one printable line; possibly empty.
    public var name: String
    /// Decoder layers.
    public var blockCount: Int
    /// Tokens the model was trained to look back over.
    public var contextLength: Int
    /// Width of the residual stream, in elements.
    public var embeddingLength: Int
    /// Width of the feed-forward layer, in elements; of one expert's where there are experts.
    public var feedForwardLength: Int
    /// Query heads.
    public var headCount: Int
    /// Key heads, as many as value heads; a divisor of ``headCount``.
    public var keyValueHeadCount: Int
    /// Elements of a query, key or value of one head, even.
    public var headLength: Int
    /// Tokens in the vocabulary: rows of the embedding.
    public var vocabularySize: Int
    /// Epsilon of the RMS norms, single precision widened.
    public var normEpsilon: Double
    /// How positions are told.
    public var rotary: RotaryParameters
    /// Whether the output head is the embedding's matrix.
    public var isOutputTied: Bool
    /// Whether queries, keys and values have biases.
    public var hasAttentionBiases: Bool
    /// Whether each head's query and key pass an RMS norm before they are turned.
    public var hasHeadNorms: Bool
    /// The mixture of experts; `nil` where every layer has one feed-forward network.
    public var experts: ExpertParameters?

    /// Creates the figures of a model.
    public init(
        architecture: ModelArchitecture, name: String, blockCount: Int, contextLength: Int, embeddingLength: Int,
        feedForwardLength: Int, headCount: Int, keyValueHeadCount: Int, headLength: Int, vocabularySize: Int,
        normEpsilon: Double, rotary: RotaryParameters, isOutputTied: Bool, hasAttentionBiases: Bool,
        hasHeadNorms: Bool, experts: ExpertParameters?
    ) {
        self.architecture = architecture
        self.name = name
        self.blockCount = blockCount
        self.contextLength = contextLength
        self.embeddingLength = embeddingLength
        self.feedForwardLength = feedForwardLength
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headLength = headLength
        self.vocabularySize = vocabularySize
        self.normEpsilon = normEpsilon
        self.rotary = rotary
        self.isOutputTied = isOutputTied
        self.hasAttentionBiases = hasAttentionBiases
        self.hasHeadNorms = hasHeadNorms
        self.experts = experts
    }

    /// Elements of all queries of a token.
    public var queryLength: Int { headCount * headLength }

    /// Elements of all keys of a token, the same as of all values.
    public var keyValueLength: Int { keyValueHeadCount * headLength }
}

/// A rotary position embedding of whole heads.
///
/// Pair i of n/2 turns by position / ``positionDivisor`` · ``base``^(−2i/n) / factor i.
public struct RotaryParameters: Hashable, Sendable {
    /// Which elements turn together.
    public var pairing: RotaryPairing
    /// Base of the frequencies (rope.freq_base).
    public var base: Double
    /// What positions are divided by (rope.scaling of type linear); 1 where they are not.
    public var positionDivisor: Double
    /// Whether ``TensorRole/rotaryFactors`` has a divisor of each pair's frequency, as in Llama 3.1.
    public var hasFrequencyFactors: Bool
    /// Tokens of context before it was stretched; `nil` where the file does not tell.
    ///
    /// Changes no result.
    public var originalContextLength: Int?

    /// Creates an embedding.
    public init(
        pairing: RotaryPairing, base: Double, positionDivisor: Double = 1, hasFrequencyFactors: Bool = false,
        originalContextLength: Int? = nil
    ) {
        self.pairing = pairing
        self.base = base
        self.positionDivisor = positionDivisor
        self.hasFrequencyFactors = hasFrequencyFactors
        self.originalContextLength = originalContextLength
    }
}

/// A mixture of experts: a router takes the softmax over all, keeps the best, and scales their weights to a sum of 1.
public struct ExpertParameters: Hashable, Sendable {
    /// Experts of a layer.
    public var count: Int
    /// Experts that a token goes through.
    public var usedCount: Int

    /// Creates a mixture.
    public init(count: Int, usedCount: Int) {
        self.count = count
        self.usedCount = usedCount
    }
}
