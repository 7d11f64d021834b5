import ModelFiles
import NodeModel
import Testing

/// Files that are damaged everywhere, one place at a time: each has to be read or refused, never to crash or hang.
///
/// The bytes end at a page without access, so reading one too many ends the tests.
@Suite struct MutationTests {
    /// The smallest of each kind of model, whose header is most of the file.
    static let models: [(String, TinyModel)] = TinyModel.all.map { name, model in
        var small = model
        small.layers = 1
        small.type = .q4
        (small.width, small.hidden, small.head, small.vocabulary) = (32, 32, 8, 2)
        return (name, small)
    }

    @Test("cut off anywhere, a model is refused", arguments: models) func truncation(_ name: String, _ model: TinyModel)
    {
        let bytes = model.writer.bytes
        for length in 1..<bytes.count {
            #expect(throws: InputError.self, "\(name), \(length) bytes") {
                try GGUFModel(.reading(Array(bytes[..<length])))
            }
        }
    }

    @Test("with any bits of its header flipped, a model is read or refused", arguments: models)
    func flips(_ name: String, _ model: TinyModel) throws {
        var bytes = model.writer.bytes
        let header = try GGUFFile.reading(bytes).dataOffset
        var read = 0
        for place in 0..<header {
            for flip in [UInt8(0x01), 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
                bytes[place] ^= flip
                if Self.isRead(bytes, "\(name), byte \(place) ^ \(flip)") { read += 1 }
                bytes[place] ^= flip
            }
        }
        // Names and texts may change without harm; most else may not.
        #expect(read > 0 && read < header * 9 / 2)
    }

    @Test("with any eight bytes replaced by a large number, a model is read or refused", arguments: models)
    func largeNumbers(_ name: String, _ model: TinyModel) throws {
        let bytes = model.writer.bytes
        let header = try GGUFFile.reading(bytes).dataOffset
        let numbers = [UInt64.max, 1 << 63, 1 << 62, 1 << 60, 1 << 32, 1 << 31, UInt64.max - 31, 0]
        for place in 0..<(header - 8) {
            for number in numbers {
                var changed = bytes
                changed.replaceSubrange(place..<(place + 8), with: littleEndian(number))
                _ = Self.isRead(changed, "\(name), byte \(place): \(number)")
            }
        }
    }

    @Test(
        "with any bits of its header flipped, a model's weights are whole or refused",
        arguments: ["llama-3", "qwen3moe"])
    func weights(_ name: String) throws {
        var model = try #require(TinyModel.all.first { $0.name == name }).model
        model.layers = 1
        model.type = .q4
        (model.width, model.hidden, model.head, model.vocabulary) = (32, 32, 16, 32)
        var bytes = model.writer.bytes
        let header = try GGUFFile.reading(bytes).dataOffset
        var read = 0
        for place in 0..<header {
            for flip in [UInt8(0x01), 0x10, 0x80] {
                bytes[place] ^= flip
                if try Self.hasWholeWeights(bytes, "\(name), byte \(place) ^ \(flip)") { read += 1 }
                bytes[place] ^= flip
            }
        }
        #expect(read > 0 && read < header * 3)
    }

    /// Whether a model's weights can be had; then all matrices and vectors have the sizes of its shape.
    static func hasWholeWeights(_ bytes: [UInt8], _ comment: String) throws -> Bool {
        let weights: GGUFModelWeights
        do {
            weights = try GGUFModelWeights(GGUFModel(.reading(bytes)))
        } catch {
            #expect(error is InputError, "\(comment): \(error)")
            return false
        }
        let shape = weights.shape
        let others: [ModelMatrix] =
            shape.experts.map { [.router(layer: 0), .expertDown(layer: 0, expert: $0.count - 1)] }
            ?? [.gateUp(layer: 0), .down(layer: 0)]
        for matrix in [.embedding, .queryKeyValue(layer: 0), .attentionOutput(layer: 0), .outputHead] + others {
            let size = shape.size(of: matrix)
            #expect(weights.parts(of: matrix).reduce(0) { $0 + $1.rows } == size.rows, "\(comment)")
            #expect(try weights.row(size.rows - 1, of: matrix).count == size.columns, "\(comment)")
        }
        #expect(try weights.values(of: .gain(.output))?.count == shape.hidden, "\(comment)")
        #expect(weights.rotaryFrequencies.count == shape.headDimension / 2, "\(comment)")
        return true
    }

    /// Whether a file is read; whatever else than an `InputError` comes of it is a failure.
    static func isRead(_ bytes: [UInt8], _ comment: String) -> Bool {
        do {
            let file = try GGUFFile.reading(bytes)
            for key in file.metadata.keys { _ = try? file.metadata.value(of: key) }
            let model = try GGUFModel(file)
            for role in [TensorRole.tokenEmbedding, .output, .layer(0, .attentionNorm), .layer(0, .down)] {
                _ = try model.tensor(role)?.values(ofRow: 0)
            }
            return true
        } catch {
            #expect(error is InputError, "\(comment): \(error)")
            return false
        }
    }
}
