import Analysis
import Foundation
import ModelFiles
import NodeModel
import Testing

/// What llama.cpp computed from a model file; `Fixtures/write_llama_fixtures.py` says from which.
private struct LlamaAnswer: Decodable {
    var tokens: [Int]
    var top: [Int]
    var generated: [Int]
}

/// A file's model computed in double precision from the weights that backends get, against llama.cpp.
///
/// It is the meaning of the tensors that is tested: a bias, a factor, a pairing or an order that were wrong would be off
/// by tens of percent, where llama.cpp's own rounding is off by one or less.
@Suite struct LlamaTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures/llama.cpp").path

    /// How llama.cpp rounds activations before products, and how far off it is then; of blocks it rounds scales too, so
    /// that the largest of logits that are close together may be another.
    private static let models: [(name: String, rounded: Multiplicand, tolerance: Double)] = [
        ("llama-f16", .f16, 0.003), ("llama-scaled-f16", .f16, 0.003), ("mixtral-f16", .f16, 0.003),
        ("qwen2-f16", .f16, 0.003), ("qwen3-f16", .f16, 0.003), ("qwen3moe-f16", .f16, 0.003),
        ("llama-bf16", .bf16, 0.02), ("llama-q8_0", .blocks, 0.05), ("llama-q4_0", .blocks, 0.05),
    ]

    @Test("Every model that llama.cpp computed is tested")
    func allModels() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".gguf") }
        #expect(Set(files) == Set(Self.models.map { $0.name + ".gguf" }))
    }

    @Test("Logits and greedy tokens are llama.cpp's", arguments: models)
    func logits(name: String, rounded: Multiplicand, tolerance: Double) throws {
        let path = "\(Self.folder)/\(name)"
        let answer = try JSONDecoder().decode(
            LlamaAnswer.self, from: Data(contentsOf: URL(fileURLWithPath: path + ".json")))
        let weights = try GGUFModelWeights(path: path + ".gguf")
        #expect(weights.shape.name == name && name.hasSuffix(weights.format.rawValue))
        let step = InferenceStep(
            model: weights.shape, weights: weights.format, phase: .prefill,
            tokens: answer.tokens.count + answer.generated.count)
        let reference = ReferenceInference(InferenceProgram(step), weights: weights, seed: 1) {
            $0 == .f32 ? .f32 : rounded
        }
        let prompt = InferencePass(
            firstSequence: 0, sequences: 1, tokens: answer.tokens.count, contextTokens: 0, source: .prompt, logits: .all
        )
        let found = try reference.run(prompt, tokens: answer.tokens)
        let expected = try Self.rows(path + ".f32", columns: weights.shape.vocabulary)
        #expect(found.count == expected.count && expected.count == answer.tokens.count)
        for (position, (ours, theirs)) in zip(found, expected).enumerated() {
            let error = Self.error(of: ours, from: theirs)
            #expect(error < tolerance, "position \(position)")
            #expect(Self.largest(theirs) == answer.top[position])
        }
        guard rounded != .blocks else { return }
        #expect(found.map(Self.largest) == answer.top)
        var token = Self.largest(found.last ?? [])
        for (index, wanted) in answer.generated.enumerated() {
            #expect(token == wanted, "token \(index)")
            let pass = InferencePass(
                firstSequence: 0, sequences: 1, tokens: 1, contextTokens: answer.tokens.count + index, source: .chosen,
                logits: .last)
            token = Self.largest(try reference.run(pass, tokens: [wanted])[0])
        }
    }

    private static func rows(_ path: String, columns: Int) throws -> [[Double]] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let values = data.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { index in
                let bits = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
                return Double(Float(bitPattern: bits))
            }
        }
        return stride(from: 0, to: values.count, by: columns).map { Array(values[$0..<($0 + columns)]) }
    }

    /// The root mean square of the differences over that of the logits.
    private static func error(of ours: [Double], from theirs: [Double]) -> Double {
        let squares = zip(ours, theirs).map { ($0 - $1) * ($0 - $1) }.reduce(0, +)
        return (squares / theirs.map { $0 * $0 }.reduce(0, +)).squareRoot()
    }

    private static func largest(_ scores: [Double]) -> Int {
        scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
    }
}
