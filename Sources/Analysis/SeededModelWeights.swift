package import NodeModel

/// A model's numbers made from a seed; see ``NodeModel/ModelStream``.
package final class SeededModelWeights: ModelWeights {
    package let shape: ModelShape
    private let format: WeightFormat
    private let seed: UInt32

    /// Takes a shape.
    ///
    /// - Parameters:
    ///   - shape: The model's shape.
    ///   - format: How its matrices are stored, but for the router's, which are f32.
    ///   - seed: The seed of all data.
    package init(_ shape: ModelShape, format: WeightFormat, seed: UInt32) {
        self.shape = shape
        self.format = format
        self.seed = seed
    }

    package var rotaryFrequencies: [Double] { shape.rotaryFrequencies }

    package func parts(of matrix: ModelMatrix) -> [MatrixPart] {
        [MatrixPart(rows: shape.size(of: matrix).rows, format: format(of: matrix))]
    }

    package func withContent(of matrix: ModelMatrix, part: Int, _ body: (PartContent) throws -> Void) throws {
        let keys = keys(of: matrix)
        try body(.seeded(weights: keys.weights, scales: keys.scales))
    }

    package func row(_ row: Int, of matrix: ModelMatrix) throws -> [Float] {
        let size = shape.size(of: matrix)
        return GEMVOracle(
            shape: GEMVShape(rows: size.rows, columns: size.columns), format: format(of: matrix), data: .random,
            keys: keys(of: matrix)
        ).row(row)
    }

    package func values(of vector: ModelVector) throws -> [Float]? {
        guard let form = form(of: vector) else { return nil }
        let stream = SeededData.key(seed: seed, stream: ModelStream.vector(vector, of: shape))
        let key = SeededData.key(seed: stream, stream: 0)
        return (0..<form.count).map { form.base + SeededData.uniform(key: key, index: UInt32($0)) / 8 }
    }

    private func form(of vector: ModelVector) -> (count: Int, base: Float)? {
        switch vector {
        case .gain: (shape.hidden, 1)
        case .bias: shape.hasQueryKeyValueBias ? (shape.queryWidth + 2 * shape.keyValueWidth, 0) : nil
        case .queryGain, .keyGain: shape.hasQueryKeyNorm ? (shape.headDimension, 1) : nil
        }
    }

    private func format(of matrix: ModelMatrix) -> WeightFormat {
        if case .router = matrix { .f32 } else { format }
    }

    private func keys(of matrix: ModelMatrix) -> (weights: UInt32, scales: UInt32) {
        let stream = SeededData.key(seed: seed, stream: ModelStream.matrix(matrix, of: shape))
        let key = Self.expert(of: matrix).map { SeededData.key(seed: stream, stream: UInt32(2 + $0)) } ?? stream
        return (SeededData.key(seed: key, stream: 0), SeededData.key(seed: key, stream: 1))
    }

    private static func expert(of matrix: ModelMatrix) -> Int? {
        switch matrix {
        case .expertGateUp(_, let expert), .expertDown(_, let expert): expert
        default: nil
        }
    }
}
