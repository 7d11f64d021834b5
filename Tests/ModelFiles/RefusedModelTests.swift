import ModelFiles
import NodeModel
import Testing

/// A model in a sound file that is not computed, or that its metadata contradicts, and what the message has to name.
struct RefusedModel: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let bytes: [UInt8]
    let place: String
    let problem: String

    init(
        _ place: String, _ problem: String, _ tiny: TinyModel = TinyModel(architecture: .llama),
        _ change: (inout GGUFWriter) -> Void
    ) {
        var writer = tiny.writer
        change(&writer)
        testDescription = "\(place): \(problem)"
        bytes = writer.bytes
        self.place = place
        self.problem = problem
    }
}

@Suite struct RefusedModelTests {
    @Test("what is not computed is refused by name", arguments: keys + features + tensors)
    func refused(_ model: RefusedModel) throws {
        let file = try GGUFFile.reading(model.bytes)
        let error = try #require(throws: InputError.self) { try GGUFModel(file) }
        #expect(error.source == "model.gguf")
        #expect(error.place == model.place, "\(error)")
        #expect(error.problem.contains(model.problem), "\(error)")
        #expect(error.recovery?.isEmpty == false)
        #expect(!error.description.utf8.contains { $0 < 0x20 || $0 == 0x7f }, "\(error)")
    }

    private static let mixtral = TinyModel(architecture: .llama, experts: 4)
    private static let qwen2 = TinyModel(architecture: .qwen2, hasBiases: true)
    private static let qwen3 = TinyModel(architecture: .qwen3)
    private static let qwen3moe = TinyModel(architecture: .qwen3moe, experts: 4)

    static let keys: [RefusedModel] =
        [
            RefusedModel(
                "key 'general.architecture'", "'gemma3' is not supported, supported are llama, qwen2, qwen3, qwen3moe"
            ) {
                $0.set("general.architecture", "gemma3")
            },
            RefusedModel("key 'general.architecture'", "'[31mx' is not supported") {
                $0.set("general.architecture", "\u{1b}[31mx\n")
            },
            RefusedModel("key 'general.architecture'", "is missing") { $0.remove("general.architecture") },
            RefusedModel("key 'general.architecture'", "is a whole number") { $0.set("general.architecture", 1) },
            RefusedModel("key 'general.type'", "'adapter', expected 'model'") { $0.set("general.type", "adapter") },
            RefusedModel("key 'llama.attention.layer_norm_rms_epsilon'", "is missing") {
                $0.remove("llama.attention.layer_norm_rms_epsilon")
            },
            RefusedModel("key 'llama.attention.layer_norm_rms_epsilon'", "nan, expected a number from 0 to 1") {
                $0.set("llama.attention.layer_norm_rms_epsilon", Float.nan)
            },
            RefusedModel("key 'llama.rope.freq_base'", "inf, expected") {
                $0.set("llama.rope.freq_base", Float.infinity)
            },
            RefusedModel("key 'llama.rope.scaling.factor'", "-2.0, expected") {
                $0.set("llama.rope.scaling.factor", Float(-2))
            },
            RefusedModel("key 'llama.attention.head_count_kv'", "3 does not divide attention.head_count, 4") {
                $0.set("llama.attention.head_count_kv", 3)
            },
            RefusedModel("key 'llama.attention.head_count_kv'", "differs between layers") {
                $0.set("llama.attention.head_count_kv", [2, 4])
            },
            RefusedModel("key 'llama.attention.head_count_kv'", "expected a whole number or an array of them") {
                $0.set("llama.attention.head_count_kv", [String]())
            },
            RefusedModel("key 'llama.attention.head_count'", "5 does not divide embedding_length, 64") {
                $0.set("llama.attention.head_count", 5)
                $0.set("llama.attention.head_count_kv", 5)
            },
            RefusedModel("key 'llama.attention.key_length'", "4 heads of 15 elements, expected an even") {
                $0.set("llama.attention.key_length", 15)
                $0.set("llama.attention.value_length", 15)
            },
            RefusedModel("key 'llama.embedding_length'", "is a text") { $0.set("llama.embedding_length", "64") },
            RefusedModel("key 'llama.embedding_length'", "1073741824, expected 1 to 268435456") {
                $0.set("llama.embedding_length", 1 << 30)
            },
            RefusedModel("key 'llama.block_count'", "4294967295, expected 1 to 4096") {
                $0.set("llama.block_count", UInt32.max)
            },
            RefusedModel("key 'llama.block_count'", "0, expected 1") { $0.set("llama.block_count", 0) },
            RefusedModel("key 'llama.expert_used_count'", "is missing", mixtral) {
                $0.remove("llama.expert_used_count")
            },
            RefusedModel("key 'llama.expert_used_count'", "5 of 4 experts", mixtral) {
                $0.set("llama.expert_used_count", 5)
            },
            RefusedModel("key 'qwen3moe.expert_count'", "is missing", qwen3moe) { $0.remove("qwen3moe.expert_count") },
            RefusedModel("key 'qwen2.expert_count'", "architecture qwen2 has no experts", qwen2) {
                $0.set("qwen2.expert_count", 4)
            },
        ]
        + ["context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count"].map {
            key in
            RefusedModel("key 'llama.\(key)'", "is missing, architecture llama needs it") { $0.remove("llama." + key) }
        }

    static let features: [RefusedModel] = [
        RefusedModel("key 'llama.rope.scaling.type'", "'yarn' is not supported") {
            $0.set("llama.rope.scaling.type", "yarn")
        },
        RefusedModel("key 'llama.rope.scaling.type'", "'longrope' is not supported") {
            $0.set("llama.rope.scaling.type", "longrope")
        },
        RefusedModel("key 'llama.rope.dimension_count'", "8 of a head's 16 elements") {
            $0.set("llama.rope.dimension_count", 8)
        },
        RefusedModel("key 'llama.attention.value_length'", "values of 32 elements and keys of 16") {
            $0.set("llama.attention.key_length", 16)
            $0.set("llama.attention.value_length", 32)
        },
        RefusedModel("key 'llama.attention.value_length'", "values of 16 elements and keys of 32") {
            $0.set("llama.attention.key_length", 32)
        },
        RefusedModel("key 'llama.attention.sliding_window'", "the last 127 tokens alone") {
            $0.set("llama.attention.sliding_window", 127)
        },
        RefusedModel("key 'llama.logit_scale'", "scaling of logits") { $0.set("llama.logit_scale", Float(0.0625)) },
        RefusedModel("key 'llama.logit_scale'", "scaling of logits") { $0.set("llama.logit_scale", Float.nan) },
        RefusedModel("key 'llama.residual_scale'", "scaling of residuals") {
            $0.set("llama.residual_scale", Float(0.22))
        },
        RefusedModel("key 'llama.embedding_scale'", "scaling of embeddings") {
            $0.set("llama.embedding_scale", Float(12))
        },
        RefusedModel("key 'llama.attention.scale'", "another scale of attention") {
            $0.set("llama.attention.scale", Float(0.015625))
        },
        RefusedModel("key 'llama.attention.causal'", "attention to later tokens") {
            $0.set("llama.attention.causal", false)
        },
        RefusedModel("key 'llama.attention.clamp_kqv'", "clamping") { $0.set("llama.attention.clamp_kqv", Float(8)) },
        RefusedModel("key 'llama.attention.max_alibi_bias'", "ALiBi") {
            $0.set("llama.attention.max_alibi_bias", Float(8))
        },
        RefusedModel("key 'llama.final_logit_softcapping'", "soft-capping of logits") {
            $0.set("llama.final_logit_softcapping", Float(30))
        },
        RefusedModel("key 'qwen2.rope.dimension_sections'", "positions of several dimensions", qwen2) {
            $0.set("qwen2.rope.dimension_sections", [16, 24, 24, 0])
        },
        RefusedModel("key 'llama.rope.scaling.attn_factor'", "scaling of attention") {
            $0.set("llama.rope.scaling.attn_factor", Float(1.2))
        },
        RefusedModel("key 'llama.expert_shared_count'", "experts that every token goes through", mixtral) {
            $0.set("llama.expert_shared_count", 1)
        },
        RefusedModel("key 'qwen3moe.expert_gating_func'", "another router than softmax", qwen3moe) {
            $0.set("qwen3moe.expert_gating_func", 2)
        },
        RefusedModel("key 'qwen3moe.expert_weights_norm'", "not scaled to a sum of 1", qwen3moe) {
            $0.set("qwen3moe.expert_weights_norm", false)
        },
        RefusedModel("key 'qwen3.classifier.output_labels'", "classes instead of tokens", qwen3) {
            $0.set("qwen3.classifier.output_labels", ["yes", "no"])
        },
        RefusedModel("key 'split.count'", "further files") { $0.raw("split.count", type: 2, littleEndian(UInt16(3))) },
    ]

    static let tensors: [RefusedModel] = [
        RefusedModel("tensor 'token_embd.weight'", "is missing") { $0.tensors.removeFirst() },
        RefusedModel("tensor 'blk.1.ffn_down.weight'", "is missing") { $0.tensors.removeLast() },
        RefusedModel("tensor 'blk.2.attn_norm.weight'", "is missing") { $0.set("llama.block_count", 3) },
        RefusedModel("tensor 'blk.1.attn_norm.weight'", "is not part of the supported computation") {
            $0.set("llama.block_count", 1)
        },
        RefusedModel("tensor 'blk.0.attn_k.bias'", "is missing", qwen2) { writer in
            writer.tensors.removeAll { $0.name == "blk.0.attn_k.bias" }
        },
        RefusedModel(
            "tensor 'blk.1.attn_q.bias'", "is missing", TinyModel(architecture: .llama, hasBiases: true)
        ) { writer in writer.tensors.removeAll { $0.name == "blk.1.attn_q.bias" } },
        RefusedModel("tensor 'blk.0.attn_q_norm.weight'", "is missing", qwen3) { writer in
            writer.tensors.removeAll { $0.name == "blk.0.attn_q_norm.weight" }
        },
        RefusedModel("tensor 'blk.0.ffn_gate_exps.weight'", "is missing", mixtral) { writer in
            writer.tensors.removeAll { $0.name == "blk.0.ffn_gate_exps.weight" }
        },
        RefusedModel("tensor 'blk.0.ffn_gate.0.weight'", "experts in tensors of their own", mixtral) {
            $0.tensors.append(matrix("blk.0.ffn_gate.0.weight"))
        },
        RefusedModel("tensor 'blk.0.attn_qkv.weight'", "is not part of the supported computation") {
            $0.tensors.append(matrix("blk.0.attn_qkv.weight"))
        },
        RefusedModel("tensor 'output.bias'", "is not part of", qwen2) { $0.tensors.append(matrix("output.bias")) },
        RefusedModel("tensor 'blk.0.attn_q.bias'", "is not part of", qwen3) {
            $0.tensors.append(matrix("blk.0.attn_q.bias"))
        },
        RefusedModel("tensor 'rope_freqs.weight'", "is not part of", qwen2) {
            $0.tensors.append(matrix("rope_freqs.weight"))
        },
        RefusedModel(
            "tensor 'rope_freqs.weight'", "has 32 × 1 elements, expected 8"
        ) { $0.tensors.append(matrix("rope_freqs.weight", type: 0)) },
        RefusedModel("tensor 'token_embd.weight'", "has 64 × 40 elements, expected 64 × 41 by the metadata") {
            $0.set("tokenizer.ggml.tokens", [String](repeating: "", count: 41))
        },
        RefusedModel("tensor 'blk.0.ffn_gate.weight'", "has 64 × 96 elements, expected 64 × 128") {
            $0.set("llama.feed_forward_length", 128)
        },
        RefusedModel("tensor 'blk.0.attn_k.weight'", "has 64 × 32 elements, expected 64 × 64") {
            $0.remove("llama.attention.head_count_kv")
        },
        RefusedModel("tensor 'blk.0.ffn_down.weight'", "has 64 × 96 elements, expected 96 × 64") {
            $0.change("blk.0.ffn_down.weight") { $0.dimensions.swapAt(0, 1) }
        },
        RefusedModel("tensor 'blk.0.ffn_up.weight'", "has 64 × 24 × 2 × 2 elements, expected 64 × 96") {
            $0.change("blk.0.ffn_up.weight") { $0.dimensions = [64, 24, 2, 2] }
        },
        RefusedModel("tensor 'blk.0.ffn_gate_inp.weight'", "has 64 × 4 elements, expected 64 × 8", mixtral) {
            $0.set("llama.expert_count", 8)
        },
        RefusedModel(
            "tensor 'output_norm.weight'", "has type Q8_0, which is not supported, expected one of F32, F16, BF16"
        ) {
            $0.change("output_norm.weight") { $0.type = 8 }
        },
        RefusedModel(
            "tensor 'rope_freqs.weight'", "has type F16", TinyModel(architecture: .llama, hasFactors: true)
        ) { $0.change("rope_freqs.weight") { $0.type = 1 } },
        RefusedModel(
            "tensor 'rope_freqs.weight'", "element 3 is 0.0, expected a number above 0",
            TinyModel(architecture: .llama, hasFactors: true)
        ) { $0.change("rope_freqs.weight") { $0.data.replaceSubrange(12..<16, with: [0, 0, 0, 0]) } },
        RefusedModel(
            "tensor 'rope_freqs.weight'", "element 7 is nan", TinyModel(architecture: .llama, hasFactors: true)
        ) { $0.change("rope_freqs.weight") { $0.data.replaceSubrange(28..<32, with: [0, 0, 0xc0, 0x7f]) } },
    ]

    private static func matrix(_ name: String, type: UInt32 = 2) -> GGUFWriter.Tensor {
        GGUFWriter.Tensor(
            name: name, type: type, dimensions: [32, 1], data: [UInt8](repeating: 0, count: type == 0 ? 128 : 18))
    }

    @Test(
        "every other type of weights is named, with the command that converts",
        arguments: GGMLType.all.filter { !$0.isRemoved && $0.weightFormat == nil })
    func types(_ type: GGMLType) throws {
        // Rows of 256 elements are whole blocks of every type.
        var tiny = TinyModel(architecture: .llama, type: .f32, layers: 1, width: 256)
        (tiny.hidden, tiny.vocabulary, tiny.head) = (256, 1, 64)
        var writer = tiny.writer
        writer.change("blk.0.ffn_up.weight") {
            $0.type = type.number
            $0.data = [UInt8](repeating: 0, count: 256 * (type.bytes(of: 256) ?? 0))
        }
        let error = #expect(throws: InputError.self) { try GGUFModel(.reading(writer.bytes)) }
        #expect(error?.place == "tensor 'blk.0.ffn_up.weight'")
        #expect(
            error?.problem
                == "has type \(type.name), which is not supported, expected one of F32, F16, Q4_0, Q8_0, BF16")
        #expect(
            error?.recovery
                == "Convert the model: llama-quantize --allow-requantize --pure model.gguf converted.gguf q8_0")
    }
}
