import NodeModel

/// Features of models that this program does not compute, by the key that turns them on.
///
/// A model that uses one is refused: computed without, its results would be wrong and nothing would show it. Keys that
/// are in neither this table nor ``HyperparameterReader`` change no results of the supported architectures.
struct UnsupportedFeature {
    /// The key; what starts with a dot follows the architecture's name.
    let key: String
    /// What the model would need, for messages.
    let feature: String
    /// The numbers that leave the feature off; truth values count as 0 and 1.
    let off: Set<Double>

    private init(_ key: String, _ feature: String, off: Set<Double> = [0]) {
        self.key = key
        self.feature = feature
        self.off = off
    }

    private static let table: [UnsupportedFeature] = [
        UnsupportedFeature(".attention.causal", "attention to later tokens", off: [1]),
        UnsupportedFeature(".attention.scale", "another scale of attention than 1/√head"),
        UnsupportedFeature(".attention.output_scale", "scaling of attention's output", off: [0, 1]),
        UnsupportedFeature(".attention.clamp_kqv", "clamping of queries, keys and values"),
        UnsupportedFeature(".attention.max_alibi_bias", "ALiBi positions"),
        UnsupportedFeature(".attention.temperature_length", "temperature of attention by position"),
        UnsupportedFeature(".attention.temperature_scale", "temperature of attention by position"),
        UnsupportedFeature(".attention.kv_lora_rank", "latent attention"),
        UnsupportedFeature(".attention.shared_kv_layers", "keys and values shared between layers"),
        UnsupportedFeature(".attn_logit_softcapping", "soft-capping of attention's logits"),
        UnsupportedFeature(".final_logit_softcapping", "soft-capping of logits"),
        UnsupportedFeature(".router_logit_softcapping", "soft-capping of the router's logits"),
        UnsupportedFeature(".logit_scale", "scaling of logits", off: [0, 1]),
        UnsupportedFeature(".residual_scale", "scaling of residuals", off: [0, 1]),
        UnsupportedFeature(".embedding_scale", "scaling of embeddings", off: [0, 1]),
        UnsupportedFeature(".use_parallel_residual", "attention and feed-forward network side by side"),
        UnsupportedFeature(".swin_norm", "norms after attention"),
        UnsupportedFeature(".nextn_predict_layers", "layers that predict further tokens"),
        UnsupportedFeature(".leading_dense_block_count", "layers with and without experts"),
        UnsupportedFeature(".interleave_moe_layer_step", "layers with and without experts", off: [0, 1]),
        UnsupportedFeature(".moe_every_n_layers", "layers with and without experts", off: [0, 1]),
        UnsupportedFeature(".expert_shared_count", "experts that every token goes through"),
        UnsupportedFeature(".expert_shared_feed_forward_length", "experts that every token goes through"),
        UnsupportedFeature(".expert_group_count", "groups of experts", off: [0, 1]),
        UnsupportedFeature(".expert_gating_func", "another router than softmax", off: [0, 1]),
        UnsupportedFeature(".expert_weights_scale", "scaling of experts' weights", off: [0, 1]),
        UnsupportedFeature(".expert_weights_norm", "experts' weights that are not scaled to a sum of 1", off: [1]),
        UnsupportedFeature(".rope.scaling.attn_factor", "scaling of attention with the context", off: [1]),
        UnsupportedFeature(".rope.scaling.alpha", "rotary frequencies scaled with the context", off: [0]),
        UnsupportedFeature(".rope.dimension_sections", "positions of several dimensions"),
        UnsupportedFeature(".classifier.output_labels", "classes instead of tokens", off: []),
        UnsupportedFeature("split.count", "further files", off: [0, 1]),
    ]

    /// Refuses a file that uses one of them.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - architecture: Its architecture.
    ///   - contextLength: Tokens of its context: a sliding window as long as that leaves nothing out.
    /// - Throws: `InputError` naming the key and the feature.
    static func refuse(in file: GGUFFile, _ architecture: ModelArchitecture, contextLength: Int) throws {
        for feature in table {
            let key = feature.key.hasPrefix(".") ? architecture.rawValue + feature.key : feature.key
            guard let value = try file.metadata.value(of: key), !feature.isOff(value) else { continue }
            let recovery =
                feature.key == "split.count"
                ? "Merge its files: llama-gguf-split --merge \(ShellWord.quoted(file.path)) merged.gguf"
                : "Choose another model"
            throw refused(file, key, "the model needs \(feature.feature), which is not supported", recovery)
        }
        let key = "\(architecture.rawValue).attention.sliding_window"
        if let window = try file.metadata.uniformInteger(key, perEach: "layer"), window != 0, window < contextLength {
            throw refused(
                file, key, "the model needs attention to the last \(window) tokens alone, which is not supported",
                "Choose another model")
        }
    }

    private func isOff(_ value: GGUFValue) -> Bool {
        switch value {
        case .unsigned(let number): off.contains(Double(number))
        case .signed(let number): off.contains(Double(number))
        case .real(let number): off.contains(number)
        case .bool(let truth): off.contains(truth ? 1 : 0)
        case .string: false
        case .array(let values): values.allSatisfy(isOff)
        }
    }

    private static func refused(_ file: GGUFFile, _ key: String, _ problem: String, _ recovery: String) -> InputError {
        InputError(source: file.path, place: "key '\(key)'", problem: problem, recovery: recovery)
    }
}
