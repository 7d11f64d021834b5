import ModelFiles
import NodeModel
import Testing

@Suite struct GGUFModelTests {
    private func model(_ tiny: TinyModel) throws -> GGUFModel { try GGUFModel(.reading(tiny.writer.bytes)) }

    @Test("every architecture's tensors are found by role", arguments: TinyModel.all)
    func roles(_ name: String, _ tiny: TinyModel) throws {
        let model = try model(tiny)
        let figures = model.hyperparameters
        #expect(figures.architecture == tiny.architecture && figures.name == "Tiny \(tiny.architecture)")
        #expect(figures.blockCount == 2 && figures.contextLength == 128)
        #expect(figures.embeddingLength == tiny.width && figures.feedForwardLength == tiny.hidden)
        #expect(figures.headCount == 4 && figures.keyValueHeadCount == 2 && figures.headLength == tiny.head)
        #expect(figures.queryLength == 4 * tiny.head && figures.keyValueLength == 2 * tiny.head)
        #expect(figures.vocabularySize == 40 && figures.normEpsilon == Double(Float(1e-5)))
        #expect(figures.isOutputTied == tiny.isTied && figures.hasAttentionBiases == tiny.hasBiases)
        #expect(figures.experts?.count == (tiny.experts > 0 ? tiny.experts : nil))
        #expect(figures.experts?.usedCount == (tiny.experts > 0 ? 2 : nil))
        #expect(figures.rotary.base == 500_000 && figures.rotary.positionDivisor == 1)
        #expect(figures.rotary.hasFrequencyFactors == tiny.hasFactors)
        #expect(model.weightBytes == tiny.writer.tensors.reduce(0) { $0 + $1.data.count })

        let roles =
            [TensorRole.tokenEmbedding, .outputNorm, .output, .rotaryFactors]
            + (0..<2).flatMap { layer in LayerTensor.allCases.map { TensorRole.layer(layer, $0) } }
        let found = roles.compactMap(model.tensor)
        let written = tiny.writer.tensors
        #expect(Set(found.map(\.name)) == Set(written.map(\.name)))
        for tensor in found {
            let entry = try #require(written.first { $0.name == tensor.name })
            #expect(try tensor.withBytes { Array($0) } == entry.data, "\(tensor.name)")
            let sizes = entry.dimensions.map { Int($0) } + [1, 1]
            #expect([tensor.columns, tensor.rows, tensor.experts] == Array(sizes[..<3]))
        }
    }

    @Test("rotary pairs lie side by side in llama's files alone")
    func pairing() throws {
        for (name, tiny) in TinyModel.all {
            let pairing = try model(tiny).hyperparameters.rotary.pairing
            #expect(pairing == (tiny.architecture == .llama ? .adjacent : .halves), "\(name)")
        }
    }

    @Test("norms of heads are Qwen 3's") func headNorms() throws {
        for (name, tiny) in TinyModel.all {
            let model = try model(tiny)
            #expect(model.hyperparameters.hasHeadNorms == name.hasPrefix("qwen3"))
            #expect((model.tensor(.layer(1, .keyNorm)) != nil) == name.hasPrefix("qwen3"))
        }
    }

    @Test("the output head of a tied model is its embedding") func tied() throws {
        let tied = try model(TinyModel(architecture: .qwen2, isTied: true, hasBiases: true))
        #expect(tied.tensor(.output)?.name == "token_embd.weight")
        let free = try model(TinyModel(architecture: .qwen2, hasBiases: true))
        #expect(free.tensor(.output)?.name == "output.weight")
    }

    @Test("what changes no result is accepted", arguments: accepted)
    func isAccepted(_ name: String, _ tiny: TinyModel, _ change: @Sendable (inout GGUFWriter) -> Void) throws {
        var writer = tiny.writer
        change(&writer)
        #expect(throws: Never.self, "\(name)") { try GGUFModel(.reading(writer.bytes)) }
    }

    static let accepted: [(String, TinyModel, @Sendable (inout GGUFWriter) -> Void)] = [
        ("unknown keys", llama, { $0.set("llama.some_new_key", "anything") }),
        ("a file type", llama, { $0.set("general.file_type", 2) }),
        ("a window as long as the context", llama, { $0.set("llama.attention.sliding_window", 128) }),
        ("a window of 0", llama, { $0.set("llama.attention.sliding_window", 0) }),
        ("a scale of 1", llama, { $0.set("llama.logit_scale", Float(1)) }),
        ("no scaling", llama, { $0.set("llama.rope.scaling.type", "none") }),
        ("the head's length told", llama, { $0.set("llama.rope.dimension_count", 16) }),
        ("figures by layer that are equal", llama, { $0.set("llama.attention.head_count_kv", [2, 2]) }),
        ("causal attention", llama, { $0.set("llama.attention.causal", true) }),
        ("one file of one", llama, { $0.set("split.count", 1) }),
        ("a table no one reads", llama, { $0.tensors.append(vector("blk.0.attn_rot_embd", 8)) }),
        ("a softmax router", mixtral, { $0.set("llama.expert_gating_func", 1) }),
        ("sizes of 1 at the end", llama, { $0.change("blk.0.attn_q.weight") { $0.dimensions += [1, 1] } }),
        ("a name of another type", llama, { $0.set("general.name", 7) }),
        (
            "a list without tokens", llama,
            {
                $0.set("tokenizer.ggml.tokens", [String]())
                $0.set("llama.vocab_size", 40)
            }
        ),
        ("neither tokens nor their number", llama, { $0.remove("tokenizer.ggml.tokens") }),
        ("as many keys as queries", wide, { $0.remove("llama.attention.head_count_kv") }),
        ("a router of one row", one, { $0.set("llama.expert_used_count", 1) }),
    ]

    private static let llama = TinyModel(architecture: .llama)
    private static let mixtral = TinyModel(architecture: .llama, experts: 4)
    private static let wide = TinyModel(architecture: .llama, keyHeads: 4)
    private static let one = TinyModel(architecture: .llama, experts: 1, usedExperts: 1)

    private static func vector(_ name: String, _ count: Int) -> GGUFWriter.Tensor {
        GGUFWriter.Tensor(
            name: name, type: 0, dimensions: [UInt64(count)], data: [UInt8](repeating: 0, count: 4 * count))
    }

    @Test func figuresThatHaveDefaults() throws {
        var writer = TinyModel(architecture: .llama, keyHeads: 4).writer
        writer.remove("llama.attention.head_count_kv")
        writer.remove("llama.rope.freq_base")
        writer.set("general.name", "A\u{1b}[31m\u{202e}name\n")
        let figures = try GGUFModel(.reading(writer.bytes)).hyperparameters
        #expect(figures.keyValueHeadCount == 4 && figures.rotary.base == 10_000)
        #expect(figures.name == "A[31mname")
        #expect(figures.rotary.originalContextLength == nil)
    }

    @Test("linear scaling divides positions, by either name") func linearScaling() throws {
        for (type, key) in [
            ("linear", "rope.scaling.factor"), (nil, "rope.scaling.factor"), (nil, "rope.scale_linear"),
        ] {
            var writer = TinyModel(architecture: .llama).writer
            if let type { writer.set("llama.rope.scaling.type", type) }
            writer.set("llama." + key, Float(4))
            writer.set("llama.rope.scaling.original_context_length", 32)
            let rotary = try GGUFModel(.reading(writer.bytes)).hyperparameters.rotary
            #expect(rotary.positionDivisor == 4 && rotary.originalContextLength == 32)
        }
        var writer = TinyModel(architecture: .llama).writer
        writer.set("llama.rope.scaling.factor", Float(0))
        #expect(try GGUFModel(.reading(writer.bytes)).hyperparameters.rotary.positionDivisor == 1)
    }

    @Test("without its own key, an expert's width is its share") func expertWidth() throws {
        var writer = TinyModel(architecture: .qwen3moe, experts: 3).writer
        writer.remove("qwen3moe.expert_feed_forward_length")
        writer.set("qwen3moe.feed_forward_length", 192)
        #expect(try GGUFModel(.reading(writer.bytes)).hyperparameters.feedForwardLength == 96)
    }
}
