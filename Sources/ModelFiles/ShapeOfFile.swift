import NodeModel

extension ModelShape {
    /// The shape of a model in a file.
    ///
    /// - Parameter model: The model.
    /// - Throws: `InputError` naming the key of a figure the computation cannot do.
    init(_ model: GGUFModel) throws {
        let figures = model.hyperparameters
        let path = model.file.path
        self.init(
            name: figures.name.isEmpty ? Self.name(of: path) : figures.name,
            source: OutsideName.line(path, limit: 1_000),
            layers: figures.blockCount, hidden: figures.embeddingLength, feedForward: figures.feedForwardLength,
            heads: figures.headCount, keyValueHeads: figures.keyValueHeadCount, headDimension: figures.headLength,
            vocabulary: figures.vocabularySize, ropeTheta: figures.rotary.base, normEpsilon: figures.normEpsilon,
            tiedEmbedding: figures.isOutputTied)
        contextLength = figures.contextLength
        queryKeyValueBias = figures.hasAttentionBiases
        queryKeyNorm = figures.hasHeadNorms
        rotaryPairs = figures.rotary.pairing == .halves ? .halves : .neighbours
        experts = figures.experts.map { experts in
            ExpertShape(
                count: experts.count, perToken: experts.usedCount, feedForward: figures.feedForwardLength,
                normalisesWeights: true)
        }
        if let fault { throw Self.notComputed(fault, in: model) }
    }

    /// A file's name without its folder and its ending.
    private static func name(of path: String) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        let stem = file.hasSuffix(".gguf") ? String(file.dropLast(".gguf".count)) : file
        return stem.isEmpty ? "model" : OutsideName.line(stem)
    }

    /// What files call the figures, the architecture's name before a dot left out.
    ///
    /// Of several the first one tells that is there.
    private static let keys: [String: [String]] = [
        "layers": [".block_count"], "hidden": [".embedding_length"], "heads": [".attention.head_count"],
        "feed_forward": [".expert_feed_forward_length", ".feed_forward_length"],
        "experts.feed_forward": [".expert_feed_forward_length", ".feed_forward_length"],
        "key_value_heads": [".attention.head_count_kv"],
        "head_dimension": [".attention.key_length", ".attention.head_count"],
        "vocabulary": ["tokenizer.ggml.tokens", ".vocab_size"], "context_length": [".context_length"],
        "rope_theta": [".rope.freq_base"], "norm_epsilon": [".attention.layer_norm_rms_epsilon"],
        "experts.count": [".expert_count"], "experts.per_token": [".expert_used_count"],
    ]

    private static func notComputed(_ fault: ModelShapeFault, in model: GGUFModel) -> InputError {
        let architecture = model.hyperparameters.architecture.rawValue
        let candidates = (keys[fault.key] ?? [fault.key]).map { $0.hasPrefix(".") ? architecture + $0 : $0 }
        let key = candidates.first(where: model.file.metadata.contains) ?? candidates.last ?? fault.key
        return InputError(
            source: model.file.path, place: "key '\(key)'",
            problem: "\(fault.key): \(fault.problem); the computation does not support that",
            recovery: "Choose another model")
    }
}
