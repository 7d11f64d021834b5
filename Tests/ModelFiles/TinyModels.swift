import ModelFiles
import NodeModel

/// A model of few and small tensors, as a converter would write it.
struct TinyModel {
    var architecture: ModelArchitecture
    var type = GGMLType.q4
    var layers = 2
    var width = 64
    var hidden = 96
    var heads = 4
    var keyHeads = 2
    var head = 16
    var vocabulary = 40
    var experts = 0
    var usedExperts = 2
    var isTied = false
    var hasBiases = false
    var hasFactors = false

    /// One model of each kind there is.
    static let all: [(name: String, model: TinyModel)] = [
        ("llama", TinyModel(architecture: .llama)),
        ("llama-3", TinyModel(architecture: .llama, type: .bf16, isTied: true, hasFactors: true)),
        ("llama-biases", TinyModel(architecture: .llama, type: .f32, hasBiases: true)),
        ("mixtral", TinyModel(architecture: .llama, type: .q8, experts: 4)),
        ("qwen2", TinyModel(architecture: .qwen2, type: .f16, isTied: true, hasBiases: true)),
        ("qwen3", TinyModel(architecture: .qwen3, width: 32)),
        ("qwen3moe", TinyModel(architecture: .qwen3moe, head: 32, experts: 3)),
    ]

    var queries: Int { heads * head }
    var keys: Int { keyHeads * head }
    private var hasHeadNorms: Bool { architecture == .qwen3 || architecture == .qwen3moe }
    private var prefix: String { architecture.rawValue + "." }

    /// The file to be written.
    var writer: GGUFWriter {
        var writer = GGUFWriter()
        addMetadata(&writer)
        addTensors(&writer)
        return writer
    }

    private func addMetadata(_ writer: inout GGUFWriter) {
        writer.set("general.architecture", architecture.rawValue)
        writer.set("general.name", "Tiny \(architecture)")
        writer.set(prefix + "block_count", UInt32(layers))
        writer.set(prefix + "context_length", 128)
        writer.set(prefix + "embedding_length", UInt32(width))
        writer.set(prefix + "attention.head_count", UInt32(heads))
        writer.set(prefix + "attention.head_count_kv", UInt32(keyHeads))
        writer.set(prefix + "attention.layer_norm_rms_epsilon", Float(1e-5))
        writer.set(prefix + "rope.freq_base", Float(500_000))
        if architecture == .qwen3moe {
            writer.set(prefix + "expert_feed_forward_length", UInt32(hidden))
            writer.set(prefix + "feed_forward_length", 4_096)
        } else {
            writer.set(prefix + "feed_forward_length", UInt32(hidden))
        }
        if head * heads != width {
            writer.set(prefix + "attention.key_length", UInt32(head))
            writer.set(prefix + "attention.value_length", UInt32(head))
        }
        if experts > 0 {
            writer.set(prefix + "expert_count", UInt32(experts))
            writer.set(prefix + "expert_used_count", UInt32(usedExperts))
        }
        writer.set("tokenizer.ggml.tokens", (0..<vocabulary).map { "token \($0)" })
    }

    private func addTensors(_ writer: inout GGUFWriter) {
        matrix(&writer, "token_embd.weight", [width, vocabulary])
        vector(&writer, "output_norm.weight", width)
        if !isTied { matrix(&writer, "output.weight", [width, vocabulary]) }
        if hasFactors {
            vector(&writer, "rope_freqs.weight", head / 2)
            let factors = (0..<head / 2).map { Float($0 + 1) }
            writer.change("rope_freqs.weight") { $0.data = factors.flatMap { littleEndian($0.bitPattern) } }
        }
        for layer in 0..<layers { addLayer(&writer, "blk.\(layer).") }
    }

    private func addLayer(_ writer: inout GGUFWriter, _ block: String) {
        vector(&writer, block + "attn_norm.weight", width)
        for (name, rows) in [("attn_q", queries), ("attn_k", keys), ("attn_v", keys)] {
            matrix(&writer, block + name + ".weight", [width, rows])
            if hasBiases { vector(&writer, block + name + ".bias", rows) }
        }
        if hasHeadNorms {
            for name in ["attn_q_norm", "attn_k_norm"] { vector(&writer, block + name + ".weight", head) }
        }
        matrix(&writer, block + "attn_output.weight", [queries, width])
        vector(&writer, block + "ffn_norm.weight", width)
        let suffix = experts > 0 ? "_exps.weight" : ".weight"
        let count = experts > 0 ? [experts] : []
        if experts > 0 { matrix(&writer, block + "ffn_gate_inp.weight", [width, experts], .f32) }
        matrix(&writer, block + "ffn_gate" + suffix, [width, hidden] + count)
        matrix(&writer, block + "ffn_up" + suffix, [width, hidden] + count)
        matrix(&writer, block + "ffn_down" + suffix, [hidden, width] + count)
    }

    private func vector(_ writer: inout GGUFWriter, _ name: String, _ count: Int) {
        matrix(&writer, name, [count], .f32)
    }

    private func matrix(_ writer: inout GGUFWriter, _ name: String, _ sizes: [Int], _ other: GGMLType? = nil) {
        let type = other ?? type
        let bytes = sizes[0] / type.blockLength * type.blockBytes * sizes.dropFirst().reduce(1, *)
        // Bytes that differ from tensor to tensor and from row to row; small enough to be finite as any type.
        let seed = writer.tensors.count
        let data = (0..<bytes).map { (place: Int) -> UInt8 in
            let mixed = place * 7 + place / 61 + seed * 13
            return UInt8(mixed & 0x3f)
        }
        writer.tensors.append(
            GGUFWriter.Tensor(name: name, type: type.number, dimensions: sizes.map { UInt64($0) }, data: data))
    }
}
