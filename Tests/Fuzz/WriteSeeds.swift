import Foundation
import ModelFiles

// Writes the inputs that fuzzing starts from: a model of each kind, as small as can be, and a file with a value of
// each type. Built with the tests' own writer; see fuzz_gguf.sh.
@main enum WriteSeeds {
    static func main() throws {
        let folder = URL(fileURLWithPath: CommandLine.arguments[1])
        for (name, model) in TinyModel.all {
            var small = model
            small.layers = 1
            small.type = .q4
            (small.width, small.hidden, small.heads, small.keyHeads, small.head) = (32, 32, 2, 1, 16)
            // No smaller vocabulary is computed.
            (small.vocabulary, small.experts, small.usedExperts) = (32, min(model.experts, 2), 1)
            try Data(small.writer.bytes).write(to: folder.appending(path: "\(name).gguf"))
        }
        try Data(values.bytes).write(to: folder.appending(path: "values.gguf"))
        var old = values
        old.version = 2
        old.tensors = []
        try Data(old.bytes).write(to: folder.appending(path: "version-2.gguf"))
    }

    /// A value and an array of each type, and tensors of several types, aligned otherwise than usual.
    private static var values: GGUFWriter {
        var writer = GGUFWriter()
        let text = GGUFWriter.string("text")
        for (type, bytes) in [UInt32: Int](
            uniqueKeysWithValues: [
                (0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (5, 4), (6, 4), (7, 1), (10, 8), (11, 8), (12, 8),
            ]
        ).sorted(by: { $0.key < $1.key }) {
            let value = [UInt8](repeating: 1, count: bytes)
            writer.raw("value.\(type)", type: type, value)
            writer.raw("array.\(type)", type: 9, GGUFWriter.array(type: type, [value, value]))
        }
        writer.raw("value.8", type: 8, text)
        writer.raw("array.8", type: 9, GGUFWriter.array(type: 8, [text, text]))
        writer.raw("array.9", type: 9, GGUFWriter.array(type: 9, [GGUFWriter.array(type: 8, [text])]))
        writer.alignment = 64
        writer.set("general.alignment", 64)
        for type in [GGMLType.f32, .f16, .bf16, .q8, .q4] {
            writer.tensors.append(
                GGUFWriter.Tensor(
                    name: type.name, type: type.number, dimensions: [32, 2, 1],
                    data: [UInt8](repeating: 1, count: 2 * (type.bytes(of: 32) ?? 0))))
        }
        return writer
    }
}
