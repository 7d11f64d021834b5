import NodeModel

/// A language model in a GGUF file: its figures and its weights by role.
///
/// Opening one checks that every tensor the computation needs is there with its shape and a supported type, that there
/// is none the computation does not know, and that the file turns on nothing that is not computed.
public final class GGUFModel: Sendable {
    /// The file.
    public let file: GGUFFile
    /// How the model computes.
    public let hyperparameters: ModelHyperparameters
    private let tensors: [TensorRole: GGUFTensor]

    /// Opens a model.
    ///
    /// - Parameter path: A GGUF file.
    /// - Throws: `InputError` naming the key or tensor that is wrong, missing or not supported; `SystemFailure` when the
    ///   system refuses.
    public convenience init(path: String) throws { try self.init(GGUFFile(path: path)) }

    /// Takes a model from an open file.
    ///
    /// - Parameter file: Its file.
    /// - Throws: `InputError` naming the key or tensor that is wrong, missing or not supported.
    public init(_ file: GGUFFile) throws {
        self.file = file
        hyperparameters = try HyperparameterReader(file).read()
        let requirements = TensorRequirement.all(hyperparameters)
        try Self.refuseUnknown(in: file, known: Set(requirements.map(\.role.name)))
        var tensors: [TensorRole: GGUFTensor] = [:]
        for requirement in requirements { tensors[requirement.role] = try Self.tensor(requirement, in: file) }
        if hyperparameters.isOutputTied { tensors[.output] = tensors[.tokenEmbedding] }
        if let factors = tensors[.rotaryFactors] { try Self.check(factors, in: file) }
        self.tensors = tensors
    }

    /// The tensor of a role.
    ///
    /// - Parameter role: What it is for.
    /// - Returns: The tensor; `nil` when the model has none, as ``hyperparameters`` tell. The output head always has one.
    public func tensor(_ role: TensorRole) -> GGUFTensor? { tensors[role] }

    /// Bytes of all weights.
    public var weightBytes: Int { file.tensors.reduce(0) { $0 + $1.byteCount } }

    private static func tensor(_ requirement: TensorRequirement, in file: GGUFFile) throws -> GGUFTensor {
        let role = requirement.role
        guard let info = file.tensor(role.name) else { throw missing(role, in: file) }
        guard requirement.kind.types.contains(info.type) else { throw wrongType(info, requirement, in: file) }
        // Sizes of 1 at the end say nothing.
        let found = trimmed(info.dimensions)
        guard found == trimmed(requirement.dimensions), let tensor = GGUFTensor(info, in: file.mapping) else {
            throw InputError(
                source: file.path, place: "tensor '\(role)'",
                problem: "has \(GGUFTensorInfo.text(info.dimensions)) elements, expected "
                    + "\(GGUFTensorInfo.text(requirement.dimensions)) by the metadata",
                recovery: "Convert the model again with its converter")
        }
        return tensor
    }

    /// Frequencies are divided by these, so one that is 0 or no number would spread to every result.
    private static func check(_ factors: GGUFTensor, in file: GGUFFile) throws {
        for (index, factor) in try factors.values(ofRow: 0).enumerated() where !(factor > 0 && factor.isFinite) {
            throw InputError(
                source: file.path, place: "tensor '\(factors.name)'",
                problem: "element \(index) is \(factor), expected a number above 0", recovery: GGUFCursor.copyAgain)
        }
    }

    private static func trimmed(_ dimensions: [Int]) -> ArraySlice<Int> {
        dimensions[...((dimensions.lastIndex { $0 != 1 }) ?? 0)]
    }

    /// What the computation does not know may change results: biases, fused matrices, scales.
    private static func refuseUnknown(in file: GGUFFile, known: Set<String>) throws {
        for tensor in file.tensors where !known.contains(tensor.name) && !isLeftover(tensor.name) {
            throw InputError(
                source: file.path, place: "tensor \(OutsideName.quoted(tensor.name))",
                problem: "is not part of the supported computation"
                    + (isOfOneExpert(tensor.name) ? "; experts in tensors of their own are an older layout" : ""),
                recovery: isOfOneExpert(tensor.name)
                    ? "Convert the model again with a newer llama.cpp" : "Choose another model")
        }
    }

    /// Whether a tensor is one that early converters wrote and nothing ever read: tables of rotary frequencies.
    private static func isLeftover(_ name: String) -> Bool {
        name.hasPrefix("blk.") && (name.hasSuffix(".attn_rot_embd") || name.hasSuffix(".attn_rot_embd.weight"))
    }

    /// Whether a name is like `blk.0.ffn_gate.7.weight`.
    private static func isOfOneExpert(_ name: String) -> Bool {
        let parts = name.split(separator: ".")
        return parts.count == 5 && parts[2].hasPrefix("ffn_") && Int(parts[3]) != nil
    }

    static func missing(_ role: TensorRole, in file: GGUFFile) -> InputError {
        InputError(
            source: file.path, place: "tensor '\(role)'", problem: "is missing, the architecture needs it",
            recovery: "Convert the model again with its converter")
    }

    private static func wrongType(
        _ info: GGUFTensorInfo, _ requirement: TensorRequirement, in file: GGUFFile
    ) -> InputError {
        let types = requirement.kind.types.map(\.name).joined(separator: ", ")
        // --pure, for otherwise llama-quantize makes output heads Q6_K.
        return InputError(
            source: file.path, place: "tensor '\(requirement.role)'",
            problem: "has type \(info.type), which is not supported, expected one of \(types)",
            recovery: "Convert the model: llama-quantize --allow-requantize --pure "
                + "\(ShellWord.quoted(file.path)) converted.gguf q8_0")
    }
}
