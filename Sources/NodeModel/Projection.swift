/// A matrix that every layer of a model multiplies its tokens' activations by.
public enum Projection: String, Hashable, Codable, Sendable, CaseIterable {
    /// Query, key and value side by side.
    case queryKeyValue = "query-key-value"
    case attentionOutput = "attention-output"
    /// Gate and up side by side.
    case gateUp = "gate-up"
    case down

    fileprivate var matrix: WeightMatrix {
        switch self {
        case .queryKeyValue: .queryKeyValue(layer: 0)
        case .attentionOutput: .attentionOutput(layer: 0)
        case .gateUp: .gateUp(layer: 0)
        case .down: .down(layer: 0)
        }
    }
}

extension ModelShape {
    /// Rows (outputs) and columns (inputs) of a matrix.
    public func size(of matrix: WeightMatrix) -> (rows: Int, columns: Int) {
        switch matrix {
        case .queryKeyValue: (queryWidth + 2 * keyValueWidth, hidden)
        case .attentionOutput: (hidden, queryWidth)
        case .gateUp: (2 * feedForward, hidden)
        case .down: (hidden, feedForward)
        case .outputHead: (vocabulary, hidden)
        }
    }

    /// The product of some tokens' activations, M×K, with a projection's transposed weights, K×N.
    ///
    /// - Parameters:
    ///   - projection: The matrix.
    ///   - tokens: How many tokens there are, of one sequence or of many.
    /// - Returns: M tokens, N outputs, K inputs.
    public func product(_ projection: Projection, tokens: Int) -> GEMMShape {
        let size = size(of: projection.matrix)
        return GEMMShape(m: tokens, n: size.rows, k: size.columns)
    }
}
