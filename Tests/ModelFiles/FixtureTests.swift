import Foundation
import ModelFiles
import NodeModel
import Testing

/// A file written by gguf-py, which shares nothing with this project; `Fixtures/write_fixture.py` says what is in it.
@Suite struct FixtureTests {
    private static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures/qwen3moe.gguf").path

    @Test func theModelIsTheOneThatWasWritten() throws {
        let model = try GGUFModel(path: Self.path)
        let figures = model.hyperparameters
        #expect(
            figures
                == ModelHyperparameters(
                    architecture: .qwen3moe, name: "Made by gguf-py", blockCount: 1, contextLength: 64,
                    embeddingLength: 32, feedForwardLength: 64, headCount: 2, keyValueHeadCount: 1, headLength: 32,
                    vocabularySize: 5, normEpsilon: Double(Float(1e-6)),
                    rotary: RotaryParameters(
                        pairing: .halves, base: 1_000_000, positionDivisor: 1, hasFrequencyFactors: false,
                        originalContextLength: nil),
                    isOutputTied: false, hasAttentionBiases: false, hasHeadNorms: true,
                    experts: ExpertParameters(count: 2, usedCount: 1)))
    }

    @Test("rows are decoded to the very numbers of gguf-py") func rows() throws {
        let model = try GGUFModel(path: Self.path)
        let metadata = model.file.metadata
        var types: Set<String> = []
        let roles = [TensorRole.tokenEmbedding, .output] + LayerTensor.allCases.map { TensorRole.layer(0, $0) }
        for tensor in roles.compactMap(model.tensor) {
            guard let digits = try metadata.string("decoded." + tensor.name) else { continue }
            let found = try [tensor.rows - 2, tensor.rows - 1].filter { $0 >= 0 }
                .flatMap { try tensor.values(ofRow: $0, expert: tensor.experts - 1) }
            let hex = found.flatMap { littleEndian($0.bitPattern) }.map { byte in
                String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
            }
            #expect(hex.joined() == digits, "\(tensor.name)")
            types.insert(tensor.type.name)
        }
        #expect(types == ["F32", "F16", "BF16", "Q8_0", "Q4_0"])
    }

    @Test func valuesOfEveryType() throws {
        let metadata = try GGUFFile(path: Self.path).metadata
        let expected: [(String, GGUFValue)] = [
            ("uint8", .unsigned(200)), ("int8", .signed(-100)), ("uint16", .unsigned(60_000)),
            ("int16", .signed(-30_000)), ("uint32", .unsigned(4_000_000_000)), ("int32", .signed(-2_000_000_000)),
            ("float32", .real(Double(Float(0.1)))), ("bool", .bool(true)), ("string", .string("grüße")),
            ("uint64", .unsigned(1 << 63 + 1)), ("int64", .signed(-(1 << 62))), ("float64", .real(0.1)),
            ("array", .array([.signed(1), .signed(-2), .signed(3)])),
        ]
        for (name, value) in expected { #expect(try metadata.value(of: "test." + name) == value, "\(name)") }
        #expect(metadata.elementCount(of: "tokenizer.ggml.tokens") == 5)
    }
}
