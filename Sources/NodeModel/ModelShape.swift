/// The shape of a dense LLaMA-like decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU.
public struct ModelShape: Hashable, Codable, Sendable {
    /// The model's name, as its publisher writes it.
    public var name: String
    /// Where the figures come from.
    public var source: String
    /// Decoder layers.
    public var layers: Int
    /// Width of the residual stream.
    public var hidden: Int
    /// Width of the feed-forward layer.
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

    /// Creates a shape.
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

    /// Parameters of the matrices one layer reads for a token.
    public var matrixParametersPerLayer: Int {
        hidden * (queryWidth + 2 * keyValueWidth) + queryWidth * hidden + 3 * hidden * feedForward
    }

    /// Parameters of all matrices that a decode step reads: every layer's and the output head's.
    public var matrixParametersPerToken: Int { layers * matrixParametersPerLayer + vocabulary * hidden }

    /// Checks that the figures fit together.
    ///
    /// - Throws: ``InputError`` naming the key that is wrong.
    public func validate(source: String) throws {
        let counts: [(String, Int, ClosedRange<Int>)] = [
            ("layers", layers, 1...1_000), ("hidden", hidden, 32...65_536), ("feed_forward", feedForward, 32...262_144),
            ("heads", heads, 1...1_024), ("key_value_heads", keyValueHeads, 1...1_024),
            ("head_dimension", headDimension, 16...1_024), ("vocabulary", vocabulary, 32...1_048_576),
        ]
        for (key, value, range) in counts where !range.contains(value) {
            throw InputError(source: source, place: key, problem: "\(value) is not in \(range)")
        }
        for (key, value) in [("hidden", hidden), ("feed_forward", feedForward), ("head_dimension", headDimension)]
        where !value.isMultiple(of: 16) {
            throw InputError(source: source, place: key, problem: "\(value) is not a multiple of 16")
        }
        guard heads.isMultiple(of: keyValueHeads) else {
            throw InputError(
                source: source, place: "key_value_heads", problem: "\(keyValueHeads) does not divide heads = \(heads)")
        }
        guard ropeTheta > 1, ropeTheta.isFinite, normEpsilon > 0, normEpsilon < 1 else {
            throw InputError(
                source: source, place: "rope_theta, norm_epsilon",
                problem: "expected rope_theta > 1 and 0 < epsilon < 1")
        }
    }
}
