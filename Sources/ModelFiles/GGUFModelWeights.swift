package import NodeModel

/// A model's numbers as its GGUF file holds them, read where they lie.
package final class GGUFModelWeights: ModelWeights {
    /// The model in its file.
    package let model: GGUFModel
    /// Its shape; positions are told by ``rotaryFrequencies``, which know of factors that no shape has.
    package let shape: ModelShape
    /// The frequency of each pair of rotated values, divisors of positions and of frequencies included.
    package let rotaryFrequencies: [Double]
    /// The format of most of the matrices' weights, for `InferenceStep.weights`.
    package let format: WeightFormat

    /// Opens a model.
    ///
    /// - Parameter path: A GGUF file.
    /// - Throws: `InputError` naming the key or tensor that is wrong, missing or not supported; `SystemFailure` when the
    ///   system refuses.
    package convenience init(path: String) throws { try self.init(GGUFModel(path: path)) }

    /// Takes a model.
    ///
    /// - Parameter model: One in an open file.
    /// - Throws: `InputError` naming the key of a figure the computation cannot do.
    package init(_ model: GGUFModel) throws {
        self.model = model
        shape = try ModelShape(model)
        rotaryFrequencies = try Self.frequencies(of: model, shape)
        format = Self.commonFormat(of: model)
    }

    /// The path the file was opened by.
    package var path: String { model.file.path }

    /// The formats of the rows of a matrix.
    package func parts(of matrix: ModelMatrix) -> [MatrixPart] {
        places(of: matrix).map { MatrixPart(rows: $0.tensor.rows, format: $0.tensor.format) }
    }

    /// Calls with the bytes of a part of a matrix in the mapped file.
    package func withContent(of matrix: ModelMatrix, part: Int, _ body: (PartContent) throws -> Void) throws {
        let place = places(of: matrix)[part]
        try place.tensor.withBytes { bytes in
            let size = bytes.count / place.tensor.experts
            let range = (place.expert * size)..<((place.expert + 1) * size)
            try body(.bytes(UnsafeRawBufferPointer(rebasing: bytes[range])))
        }
    }

    /// A row of a matrix as numbers.
    package func row(_ row: Int, of matrix: ModelMatrix) throws -> [Float] {
        var first = 0
        for place in places(of: matrix) {
            if row < first + place.tensor.rows {
                return try place.tensor.values(ofRow: row - first, expert: place.expert)
            }
            first += place.tensor.rows
        }
        preconditionFailure("\(matrix) has \(first) rows, asked for \(row)")
    }

    /// A vector's numbers.
    package func values(of vector: ModelVector) throws -> [Float]? {
        let tensors = Self.roles(of: vector).compactMap(model.tensor)
        return tensors.isEmpty ? nil : try tensors.flatMap { try $0.values(ofRow: 0) }
    }

    /// A tensor, or one expert's share of it.
    private struct Place {
        let tensor: GGUFTensor
        let expert: Int
    }

    /// Where the rows of a matrix lie, from the first one on.
    private func places(of matrix: ModelMatrix) -> [Place] {
        let (roles, expert) = Self.roles(of: matrix)
        return roles.map { role in
            guard let tensor = model.tensor(role) else { preconditionFailure("\(shape.name) has no \(matrix)") }
            return Place(tensor: tensor, expert: expert)
        }
    }

    private static func roles(of matrix: ModelMatrix) -> (roles: [TensorRole], expert: Int) {
        func of(_ layer: Int, _ tensors: LayerTensor..., expert: Int = 0) -> (roles: [TensorRole], expert: Int) {
            (tensors.map { .layer(layer, $0) }, expert)
        }
        return switch matrix {
        case .embedding: ([.tokenEmbedding], 0)
        case .queryKeyValue(let layer): of(layer, .query, .key, .value)
        case .attentionOutput(let layer): of(layer, .attentionOutput)
        case .gateUp(let layer): of(layer, .gate, .up)
        case .down(let layer): of(layer, .down)
        case .router(let layer): of(layer, .router)
        case .expertGateUp(let layer, let expert): of(layer, .expertGates, .expertUps, expert: expert)
        case .expertDown(let layer, let expert): of(layer, .expertDowns, expert: expert)
        case .outputHead: ([.output], 0)
        }
    }

    private static func roles(of vector: ModelVector) -> [TensorRole] {
        switch vector {
        case .gain(.attention(let layer)): [.layer(layer, .attentionNorm)]
        case .gain(.feedForward(let layer)): [.layer(layer, .feedForwardNorm)]
        case .gain(.output): [.outputNorm]
        case .bias(let layer): [.layer(layer, .queryBias), .layer(layer, .keyBias), .layer(layer, .valueBias)]
        case .queryGain(let layer): [.layer(layer, .queryNorm)]
        case .keyGain(let layer): [.layer(layer, .keyNorm)]
        }
    }

    private static func frequencies(of model: GGUFModel, _ shape: ModelShape) throws -> [Double] {
        let divisor = model.hyperparameters.rotary.positionDivisor
        let factors = try model.tensor(.rotaryFactors)?.values(ofRow: 0).map(Double.init)
        return shape.rotaryFrequencies.enumerated().map { pair, frequency in
            frequency / divisor / (factors?[pair] ?? 1)
        }
    }

    /// The first of ``NodeModel/WeightFormat`` where two have as many weights.
    private static func commonFormat(of model: GGUFModel) -> WeightFormat {
        var weights: [WeightFormat: Int] = [:]
        for tensor in model.file.tensors where tensor.dimensions.count > 1 {
            guard let format = tensor.type.weightFormat else { continue }
            weights[format, default: 0] += tensor.dimensions.reduce(1, *)
        }
        let most = weights.values.max()
        return WeightFormat.allCases.first { weights[$0] == most } ?? .f32
    }
}
