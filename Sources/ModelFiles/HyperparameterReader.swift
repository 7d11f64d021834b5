import NodeModel

/// Reads a model's figures from the metadata of its file, and holds each against what is possible.
struct HyperparameterReader {
    /// The largest width, length or count of anything: products of two are far from overflow.
    private static let largest = 1 << 28
    /// The most layers of a model.
    private static let mostLayers = 4_096

    private let file: GGUFFile
    private let architecture: ModelArchitecture

    init(_ file: GGUFFile) throws {
        self.file = file
        architecture = try Self.architecture(file)
    }

    /// The figures.
    ///
    /// - Throws: `InputError` naming the key that is missing, impossible or unsupported.
    func read() throws -> ModelHyperparameters {
        let context = try required("context_length")
        try UnsupportedFeature.refuse(in: file, architecture, contextLength: context)
        let width = try required("embedding_length")
        let layers = try required("block_count", atMost: Self.mostLayers)
        let heads = try required("attention.head_count")
        let keyHeads = try optional("attention.head_count_kv") ?? heads
        guard heads.isMultiple(of: keyHeads) else {
            throw wrong("attention.head_count_kv", "\(keyHeads) does not divide attention.head_count, \(heads)")
        }
        let head = try headLength(width: width, heads: heads)
        let experts = try experts()
        return ModelHyperparameters(
            architecture: architecture, name: try name(), blockCount: layers, contextLength: context,
            embeddingLength: width, feedForwardLength: try feedForwardLength(experts), headCount: heads,
            keyValueHeadCount: keyHeads, headLength: head, vocabularySize: try vocabularySize(),
            normEpsilon: try normEpsilon(), rotary: try rotary(head: head),
            isOutputTied: file.tensor(TensorRole.output.name) == nil, hasAttentionBiases: hasBiases,
            hasHeadNorms: architecture.traits.headNorms, experts: experts)
    }

    private static func architecture(_ file: GGUFFile) throws -> ModelArchitecture {
        let key = "general.architecture"
        let supported = ModelArchitecture.allCases.map(\.rawValue).joined(separator: ", ")
        func unsupported(_ problem: String) -> InputError {
            InputError(
                source: file.path, place: "key '\(key)'", problem: "\(problem), supported are \(supported)",
                recovery: "Choose a model of one of these")
        }
        guard let name = try file.metadata.string(key) else { throw unsupported("is missing") }
        guard let architecture = ModelArchitecture(rawValue: name) else {
            throw unsupported("\(OutsideName.quoted(name)) is not supported")
        }
        if let type = try file.metadata.string("general.type"), type != "model" {
            throw InputError(
                source: file.path, place: "key 'general.type'",
                problem: "\(OutsideName.quoted(type)), expected 'model'", recovery: "Name the model's own file")
        }
        return architecture
    }

    private func name() throws -> String {
        guard file.metadata.type(of: "general.name") == .string else { return "" }
        return OutsideName.line(try file.metadata.string("general.name") ?? "")
    }

    private func headLength(width: Int, heads: Int) throws -> Int {
        let key = try optional("attention.key_length")
        let value = try optional("attention.value_length")
        guard key != nil || width.isMultiple(of: heads) else {
            throw wrong("attention.head_count", "\(heads) does not divide embedding_length, \(width)")
        }
        let length = key ?? width / heads
        guard value ?? width / heads == length else {
            throw wrong(
                "attention.value_length",
                "values of \(value ?? width / heads) elements and keys of \(length) are not supported",
                "Choose another model")
        }
        guard length.isMultiple(of: 2), heads <= Self.largest / length else {
            throw wrong(
                "attention.key_length", "\(heads) heads of \(length) elements, expected an even number of elements")
        }
        return length
    }

    private func experts() throws -> ExpertParameters? {
        let count = try optional("expert_count", from: 0) ?? 0
        switch architecture.traits.experts {
        case .never where count > 0:
            throw wrong("expert_count", "\(count), but architecture \(architecture) has no experts")
        case .always where count == 0: throw missing("expert_count")
        default: break
        }
        guard count > 0 else { return nil }
        let used = try required("expert_used_count")
        guard used <= count else { throw wrong("expert_used_count", "\(used) of \(count) experts") }
        return ExpertParameters(count: count, usedCount: used)
    }

    private func feedForwardLength(_ experts: ExpertParameters?) throws -> Int {
        // As llama.cpp does it: of llama's experts the common key tells, of qwen3moe's one of their own.
        guard let experts, architecture == .qwen3moe else { return try required("feed_forward_length") }
        return try optional("expert_feed_forward_length") ?? required("feed_forward_length") / experts.usedCount
    }

    private func vocabularySize() throws -> Int {
        if let tokens = file.metadata.elementCount(of: "tokenizer.ggml.tokens"), tokens > 0 { return tokens }
        if let size = try optional("vocab_size") { return size }
        guard let embedding = file.tensor(TensorRole.tokenEmbedding.name) else {
            throw GGUFModel.missing(.tokenEmbedding, in: file)
        }
        return embedding.dimensions.count > 1 ? embedding.dimensions[1] : 1
    }

    private func normEpsilon() throws -> Double {
        let key = "attention.layer_norm_rms_epsilon"
        guard let epsilon = try file.metadata.real(full(key)) else { throw missing(key) }
        guard epsilon >= 0, epsilon < 1 else { throw wrong(key, "\(epsilon), expected a number from 0 to 1") }
        return epsilon
    }

    private var hasBiases: Bool {
        switch architecture.traits.biases {
        case .never: false
        case .always: true
        case .possible:
            // One is enough: then all have to be there.
            file.tensors.contains { $0.name.hasPrefix("blk.") && $0.name.hasSuffix("attn_q.bias") }
        }
    }

    private func rotary(head: Int) throws -> RotaryParameters {
        if let count = try optional("rope.dimension_count"), count != head {
            throw wrong(
                "rope.dimension_count", "\(count) of a head's \(head) elements; turning a part is not supported",
                "Choose another model")
        }
        let base = try file.metadata.real(full("rope.freq_base")) ?? 10_000
        guard base > 1, base.isFinite else {
            throw wrong("rope.freq_base", "\(base), expected a number above 1")
        }
        return RotaryParameters(
            pairing: architecture.traits.pairing, base: base, positionDivisor: try positionDivisor(),
            hasFrequencyFactors: architecture.traits.rotaryFactors
                && file.tensor(TensorRole.rotaryFactors.name) != nil,
            originalContextLength: try optional("rope.scaling.original_context_length"))
    }

    private func positionDivisor() throws -> Double {
        let typeKey = "rope.scaling.type"
        let type = try file.metadata.string(full(typeKey)) ?? "linear"
        guard type != "none" else { return 1 }
        guard type == "linear" else {
            throw wrong(
                typeKey, "\(OutsideName.quoted(type)) is not supported, expected 'none' or 'linear'",
                "Choose another model")
        }
        // The second is the first one's older name; 0 means none.
        for key in ["rope.scaling.factor", "rope.scale_linear"] {
            guard let factor = try file.metadata.real(full(key)) else { continue }
            guard factor >= 0, factor.isFinite else { throw wrong(key, "\(factor), expected a number above 0") }
            return factor == 0 ? 1 : factor
        }
        return 1
    }

    private func full(_ key: String) -> String { "\(architecture.rawValue).\(key)" }

    private func required(_ key: String, atMost most: Int = Self.largest) throws -> Int {
        guard let value = try optional(key, atMost: most) else { throw missing(key) }
        return value
    }

    private func optional(_ key: String, from least: Int = 1, atMost most: Int = Self.largest) throws -> Int? {
        guard let value = try file.metadata.uniformInteger(full(key), perEach: "layer") else { return nil }
        guard (least...most).contains(value) else { throw wrong(key, "\(value), expected \(least) to \(most)") }
        return value
    }

    private func missing(_ key: String) -> InputError {
        wrong(key, "is missing, architecture \(architecture) needs it")
    }

    private func wrong(
        _ key: String, _ problem: String, _ recovery: String = "Convert the model again with its converter"
    ) -> InputError {
        InputError(source: file.path, place: "key '\(full(key))'", problem: problem, recovery: recovery)
    }
}
