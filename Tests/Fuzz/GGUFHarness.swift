import ModelFiles
import NodeModel

/// One input of libFuzzer: bytes that are read as a model file, refused by name, or a defect.
///
/// The bytes end at a page without access, so reading one too many crashes.
///
/// - Parameters:
///   - data: The bytes.
///   - count: How many.
/// - Returns: 0, as libFuzzer wants it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzGGUF(_ data: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    do {
        try readModel(UnsafeBufferPointer(start: data, count: count))
    } catch let error as InputError {
        let text = error.description
        // Messages go to terminals, and name what is wrong in a line or two.
        precondition(!text.utf8.contains { $0 < 0x20 || $0 == 0x7f }, "a message with control characters")
        precondition(text.utf8.count < 2_000, "a message of \(text.utf8.count) bytes")
    } catch {
        fatalError("neither read nor refused: \(error)")
    }
    return 0
}

/// Reads everything that a file tells, and holds it against the file.
private func readModel(_ bytes: UnsafeBufferPointer<UInt8>) throws {
    let file = try GGUFFile(MappedFile(checking: bytes, name: "model.gguf"))
    for key in file.metadata.keys {
        precondition(file.metadata.contains(key))
        if let value = try? file.metadata.value(of: key), case .array(let values) = value {
            precondition(values.count == file.metadata.elementCount(of: key))
        }
    }
    let ranges = file.tensors.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
    for range in ranges { precondition(range.lowerBound >= file.dataOffset && range.upperBound <= bytes.count) }
    for (first, second) in zip(ranges, ranges.dropFirst()) { precondition(first.upperBound <= second.lowerBound) }
    for tensor in file.tensors { precondition(file.tensor(tensor.name) == tensor) }

    let model = try GGUFModel(file)
    let layers = [0, model.hyperparameters.blockCount - 1]
    let roles =
        [TensorRole.tokenEmbedding, .outputNorm, .output, .rotaryFactors]
        + layers.flatMap { layer in LayerTensor.allCases.map { TensorRole.layer(layer, $0) } }
    for tensor in roles.compactMap(model.tensor) {
        precondition(tensor.range.count == tensor.rowBytes * tensor.rows * tensor.experts)
        let last = try tensor.values(ofRow: tensor.rows - 1, expert: tensor.experts - 1)
        precondition(last.count == tensor.columns)
    }
    try readWeights(GGUFModelWeights(model))
}

/// Reads the last row of every kind of matrix, and every kind of vector, as a backend would.
private func readWeights(_ weights: GGUFModelWeights) throws {
    let shape = weights.shape
    precondition(weights.rotaryFrequencies.count == shape.headDimension / 2)
    let layer = shape.layers - 1
    var matrices: [ModelMatrix] = [
        .embedding, .queryKeyValue(layer: layer), .attentionOutput(layer: layer), .outputHead,
    ]
    if let experts = shape.experts {
        let last = experts.count - 1
        matrices += [
            .router(layer: layer), .expertGateUp(layer: layer, expert: last), .expertDown(layer: layer, expert: last),
        ]
    } else {
        matrices += [.gateUp(layer: layer), .down(layer: layer)]
    }
    for matrix in matrices {
        let (rows, columns) = shape.size(of: matrix)
        let parts = weights.parts(of: matrix)
        precondition(parts.reduce(0) { $0 + $1.rows } == rows)
        for (index, part) in parts.enumerated() {
            try weights.withContent(of: matrix, part: index) { content in
                guard case .bytes(let bytes) = content else { fatalError("no bytes") }
                precondition(bytes.count == part.rows * part.format.bytes(of: columns))
            }
        }
        let row = try weights.row(rows - 1, of: matrix)
        precondition(row.count == columns)
    }
    let gains: [ModelNorm] = [.attention(layer: layer), .feedForward(layer: layer), .output]
    for gain in gains {
        let values = try weights.values(of: .gain(gain))
        precondition(values?.count == shape.hidden)
    }
    let bias = try weights.values(of: .bias(layer: layer))
    precondition(bias?.count ?? 0 == (shape.hasQueryKeyValueBias ? shape.queryWidth + 2 * shape.keyValueWidth : 0))
    for gain in [ModelVector.queryGain(layer: layer), .keyGain(layer: layer)] {
        let values = try weights.values(of: gain)
        precondition(values?.count ?? 0 == (shape.hasQueryKeyNorm ? shape.headDimension : 0))
    }
}
