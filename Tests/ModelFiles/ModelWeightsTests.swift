import Glibc
import ModelFiles
import NodeModel
import Testing

/// Models in small files as backends see them: everything is held against the bytes that were written.
@Suite struct ModelWeightsTests {
    private func weights(_ tiny: TinyModel, _ change: (inout GGUFWriter) -> Void = { _ in }) throws -> GGUFModelWeights
    {
        var writer = tiny.writer
        change(&writer)
        return try GGUFModelWeights(GGUFModel(.reading(writer.bytes)))
    }

    /// Which tensors a matrix is made of, and whose share of them.
    private func matrices(of tiny: TinyModel) -> [(matrix: ModelMatrix, names: [String], expert: Int)] {
        var all: [(matrix: ModelMatrix, names: [String], expert: Int)] = [
            (.embedding, ["token_embd"], 0), (.outputHead, [tiny.isTied ? "token_embd" : "output"], 0),
        ]
        for layer in 0..<tiny.layers {
            let block = "blk.\(layer)."
            all.append((.queryKeyValue(layer: layer), ["attn_q", "attn_k", "attn_v"].map { block + $0 }, 0))
            all.append((.attentionOutput(layer: layer), [block + "attn_output"], 0))
            guard tiny.experts > 0 else {
                all.append((.gateUp(layer: layer), [block + "ffn_gate", block + "ffn_up"], 0))
                all.append((.down(layer: layer), [block + "ffn_down"], 0))
                continue
            }
            all.append((.router(layer: layer), [block + "ffn_gate_inp"], 0))
            for expert in 0..<tiny.experts {
                let stacked = [block + "ffn_gate_exps", block + "ffn_up_exps"]
                all.append((.expertGateUp(layer: layer, expert: expert), stacked, expert))
                all.append((.expertDown(layer: layer, expert: expert), [block + "ffn_down_exps"], expert))
            }
        }
        return all
    }

    @Test("Shapes are those of the files", arguments: TinyModel.all)
    func shapes(_ name: String, _ tiny: TinyModel) throws {
        let weights = try weights(tiny)
        let shape = weights.shape
        try shape.validate(source: "test")
        #expect(
            shape.name == "Tiny \(tiny.architecture)" && shape.source == "model.gguf" && weights.path == "model.gguf")
        #expect(shape.layers == 2 && shape.hidden == tiny.width && shape.feedForwardWidth == tiny.hidden)
        #expect(shape.queryWidth == 4 * tiny.head && shape.keyValueWidth == 2 * tiny.head)
        #expect(shape.vocabulary == 40 && shape.contextLength == 128 && shape.tiedEmbedding == tiny.isTied)
        #expect(shape.ropeTheta == 500_000 && shape.normEpsilon == Double(Float(1e-5)))
        #expect(shape.hasQueryKeyValueBias == tiny.hasBiases && shape.hasQueryKeyNorm == name.hasPrefix("qwen3"))
        #expect(shape.rotaryPairs == (tiny.architecture == .llama ? .neighbours : .halves))
        #expect(shape.experts?.count == (tiny.experts > 0 ? tiny.experts : nil))
        #expect(shape.experts?.perToken == (tiny.experts > 0 ? 2 : nil) && shape.experts?.normalisesWeights != false)
        #expect(shape.unsupportedReason == nil && weights.format == tiny.type.weightFormat)
    }

    @Test("Parts lie one below the other as the bytes that were written", arguments: TinyModel.all)
    func parts(_ name: String, _ tiny: TinyModel) throws {
        let weights = try weights(tiny)
        let written = tiny.writer.tensors
        for (matrix, names, expert) in matrices(of: tiny) {
            let size = weights.shape.size(of: matrix)
            let parts = weights.parts(of: matrix)
            #expect(parts.count == names.count && parts.reduce(0) { $0 + $1.rows } == size.rows, "\(matrix)")
            for (index, name) in names.enumerated() {
                let tensor = try #require(written.first { $0.name == name + ".weight" })
                let bytes = parts[index].rows * parts[index].format.bytes(of: size.columns)
                try weights.withContent(of: matrix, part: index) { content in
                    guard case .bytes(let found) = content else { return #expect(Bool(false)) as Void }
                    #expect(Array(found) == Array(tensor.data[(expert * bytes)...].prefix(bytes)), "\(matrix) \(index)")
                }
            }
        }
    }

    /// Tensors of f32 that count on from a number of their own, so that every element of the model is another.
    private func numbered(_ writer: inout GGUFWriter) {
        for index in writer.tensors.indices where writer.tensors[index].type == 0 {
            let count = writer.tensors[index].data.count / 4
            writer.tensors[index].data = (0..<count).flatMap { littleEndian(Float(index * 65_536 + $0).bitPattern) }
        }
    }

    @Test("Rows are the numbers that were written, the parts' one after the other", arguments: [0, 3])
    func rows(experts: Int) throws {
        var tiny = TinyModel(architecture: .llama, type: .f32, experts: experts)
        tiny.isTied = experts > 0
        let weights = try weights(tiny, numbered)
        let names = tiny.writer.tensors.map(\.name)
        for (matrix, tensors, expert) in matrices(of: tiny) {
            let size = weights.shape.size(of: matrix)
            var row = 0
            for (part, name) in zip(weights.parts(of: matrix), tensors) {
                let index = try #require(names.firstIndex(of: name + ".weight"))
                for inner in 0..<part.rows {
                    let start = index * 65_536 + (expert * part.rows + inner) * size.columns
                    let expected = (0..<size.columns).map { Float(start + $0) }
                    #expect(try weights.row(row, of: matrix) == expected, "\(matrix), row \(row)")
                    row += 1
                }
            }
            #expect(row == size.rows)
        }
    }

    @Test("Gains, biases and norms of heads are those of their layer; others are absent", arguments: TinyModel.all)
    func vectors(_ name: String, _ tiny: TinyModel) throws {
        let weights = try weights(tiny, numbered)
        let names = tiny.writer.tensors.map(\.name)
        func expected(_ tensors: [String], _ counts: [Int]) -> [Float]? {
            let places = tensors.map { names.firstIndex(of: $0) }
            guard !places.contains(nil) else { return nil }
            return zip(places, counts).flatMap { place, count in (0..<count).map { Float((place ?? 0) * 65_536 + $0) } }
        }
        #expect(try weights.values(of: .gain(.output)) == expected(["output_norm.weight"], [tiny.width]))
        for layer in 0..<2 {
            let block = "blk.\(layer)."
            #expect(
                try weights.values(of: .gain(.attention(layer: layer)))
                    == expected([block + "attn_norm.weight"], [tiny.width]))
            #expect(
                try weights.values(of: .gain(.feedForward(layer: layer)))
                    == expected([block + "ffn_norm.weight"], [tiny.width]))
            let biases = try weights.values(of: .bias(layer: layer))
            #expect(
                biases
                    == expected(
                        ["q", "k", "v"].map { block + "attn_\($0).bias" }, [tiny.queries, tiny.keys, tiny.keys]))
            #expect((biases == nil) == !tiny.hasBiases)
            let queryGain = try weights.values(of: .queryGain(layer: layer))
            #expect(queryGain == expected([block + "attn_q_norm.weight"], [tiny.head]))
            #expect((queryGain == nil) == !name.hasPrefix("qwen3"))
            let keyGain = try weights.values(of: .keyGain(layer: layer))
            #expect(keyGain == expected([block + "attn_k_norm.weight"], [tiny.head]))
        }
    }

    @Test("Frequencies are divided by linear scaling and by the factors of their pair")
    func frequencies() throws {
        let plain = try weights(TinyModel(architecture: .llama)).rotaryFrequencies
        #expect(plain.count == 8 && plain[0] == 1 && abs(plain[4] / 500_000.squareRoot() * 500_000 - 1) < 1e-12)
        let linear = try weights(TinyModel(architecture: .qwen2, hasBiases: true)) {
            $0.set("qwen2.rope.scaling.type", "linear")
            $0.set("qwen2.rope.scaling.factor", Float(4))
        }
        #expect(linear.rotaryFrequencies == plain.map { $0 / 4 })
        // The file's factors are 1, 2, 3 …
        let factors = try weights(TinyModel(architecture: .llama, hasFactors: true))
        #expect(factors.rotaryFrequencies == plain.enumerated().map { $1 / Double($0 + 1) })
        let both = try weights(TinyModel(architecture: .llama, hasFactors: true)) {
            $0.set("llama.rope.scaling.factor", Float(2))
        }
        #expect(both.rotaryFrequencies == plain.enumerated().map { $1 / 2 / Double($0 + 1) })
    }

    @Test("A matrix may have parts of several formats; the model's is that of most weights")
    func mixedFormats() throws {
        func change(_ name: String, _ type: GGMLType, in writer: inout GGUFWriter) {
            writer.change(name) { tensor in
                let count = tensor.dimensions.reduce(1) { $0 * Int($1) }
                tensor.type = type.number
                tensor.data = (0..<(count / type.blockLength * type.blockBytes)).map { UInt8($0 * 11 % 61) }
            }
        }
        let weights = try weights(TinyModel(architecture: .llama, type: .q4)) { writer in
            change("blk.1.attn_v.weight", .f16, in: &writer)
            change("blk.1.ffn_up.weight", .q8, in: &writer)
            change("output.weight", .bf16, in: &writer)
        }
        let formats = weights.parts(of: .queryKeyValue(layer: 1))
        #expect(formats.map(\.format) == [.q4, .q4, .f16] && formats.map(\.rows) == [64, 32, 32])
        #expect(weights.parts(of: .queryKeyValue(layer: 0)).map(\.format) == [.q4, .q4, .q4])
        #expect(weights.parts(of: .gateUp(layer: 1)).map(\.format) == [.q4, .q8])
        #expect(weights.parts(of: .outputHead).map(\.format) == [.bf16] && weights.format == .q4)
        let value = try #require(weights.model.tensor(.layer(1, .value)))
        #expect(try weights.row(96 + 5, of: .queryKeyValue(layer: 1)) == value.values(ofRow: 5))
        let up = try #require(weights.model.tensor(.layer(1, .up)))
        #expect(try weights.row(96, of: .gateUp(layer: 1)) == up.values(ofRow: 0))

        let experts = try self.weights(TinyModel(architecture: .qwen3moe, experts: 8)) { writer in
            for layer in 0..<2 { change("blk.\(layer).ffn_down_exps.weight", .q8, in: &writer) }
            for layer in 0..<2 { change("blk.\(layer).ffn_up_exps.weight", .q8, in: &writer) }
        }
        #expect(experts.parts(of: .expertGateUp(layer: 1, expert: 7)).map(\.format) == [.q4, .q8])
        #expect(experts.format == .q8 && experts.parts(of: .router(layer: 0)).map(\.format) == [.f32])
    }

    @Test(
        "Figures the kernels cannot do are named by their key in the file",
        arguments: [
            ("llama.embedding_length", TinyModel(architecture: .llama, type: .f16, width: 72, heads: 4, head: 16)),
            ("llama.feed_forward_length", TinyModel(architecture: .llama, type: .f16, hidden: 100)),
            (
                "qwen3moe.expert_feed_forward_length",
                TinyModel(architecture: .qwen3moe, type: .f16, hidden: 100, experts: 3)
            ),
            ("llama.feed_forward_length", TinyModel(architecture: .llama, type: .f16, hidden: 104, experts: 4)),
            ("llama.attention.head_count", TinyModel(architecture: .llama, type: .f16, width: 32, head: 8)),
            ("llama.attention.key_length", TinyModel(architecture: .llama, type: .f16, head: 24)),
            ("llama.attention.layer_norm_rms_epsilon", TinyModel(architecture: .llama)),
            ("tokenizer.ggml.tokens", TinyModel(architecture: .llama, vocabulary: 16)),
        ])
    func notComputed(key: String, tiny: TinyModel) throws {
        let model = { (change: (inout GGUFWriter) -> Void) in
            var writer = tiny.writer
            change(&writer)
            return try GGUFModel(.reading(writer.bytes))
        }
        let file = try model { writer in
            if key.hasSuffix("epsilon") { writer.set(key, Float(0)) }
        }
        let error = try #require(throws: InputError.self) { try GGUFModelWeights(file) }
        #expect(error.place == "key '\(key)'" && error.source == "model.gguf" && error.recovery != nil, "\(error)")
    }

    @Test("Rows of whole blocks are a matter of the file: a tensor that has none is named")
    func partsOfBlocks() throws {
        for type in [GGMLType.q4, .q8] {
            let tiny = TinyModel(architecture: .llama, type: type, hidden: 112)
            let error = try #require(throws: InputError.self) { try GGUFFile.reading(tiny.writer.bytes) }
            #expect(error.place.contains("ffn_down") && error.problem.contains("multiple of 32"), "\(error)")
        }
    }

    @Test("A model without a name is called by its file, one in a file that changes is refused")
    func files() throws {
        let folder = try TemporaryFolder()
        var writer = TinyModel(architecture: .llama).writer
        writer.remove("general.name")
        let path = try folder.write("My model.gguf", writer.bytes)
        let weights = try GGUFModelWeights(path: path)
        #expect(weights.shape.name == "My model" && weights.shape.source == path && weights.path == path)
        #expect(throws: Never.self) { try weights.row(0, of: .embedding) }
        #expect(truncate(path, 4_096) == 0)
        #expect(throws: InputError.self) { try weights.row(0, of: .embedding) }
        #expect(throws: InputError.self) { try weights.values(of: .gain(.output)) }
        #expect(throws: InputError.self) { try weights.withContent(of: .outputHead, part: 0) { _ in } }
    }
}
