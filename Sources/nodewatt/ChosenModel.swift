import Engine
import Exporters
import ModelFiles
import NodeModel

/// The language model of a run: a shape with random weights, or a GGUF file.
struct ChosenModel {
    let shape: ModelShape
    /// The file its weights are in; `nil` for random ones.
    let file: ModelFileSelection?

    /// Finds a model.
    ///
    /// - Parameters:
    ///   - name: A name in Profiles/models, a JSON file of the same form, or a GGUF file.
    ///   - quantization: The format that was asked for, which a file's weights have already.
    ///   - profiles: Where names are looked up.
    /// - Throws: `UsageError` for an unknown name or another format than the file's; `InputError` naming what is wrong
    ///   with a file.
    init(_ name: String, quantization: WeightFormat?, in profiles: ProfileDirectory) throws {
        guard name.lowercased().hasSuffix(".gguf") else {
            (shape, file) = (try profiles.model(named: name), nil)
            return
        }
        let weights = try GGUFModelWeights(path: name)
        if let quantization, quantization != weights.format {
            throw UsageError(
                "--quantization \(quantization.rawValue): the weights of \(Terminal.printable(name)) are "
                    + "\(weights.format.rawValue); leave it out, or convert the file with llama-quantize")
        }
        (shape, file) = (weights.shape, ModelFileSelection(path: name, format: weights.format))
    }
}
