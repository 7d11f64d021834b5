import NodeModel

/// A model's matrices in the order the kernels have them: the order a token reads them in.
struct ModelMatrices {
    let shape: ModelShape
    let all: [ModelMatrix]
    private let experts: Int

    init(_ shape: ModelShape) {
        self.shape = shape
        let experts = shape.experts?.count ?? 0
        self.experts = experts
        all = (0..<shape.layers).flatMap { Self.layer($0, experts: experts) } + [.outputHead]
    }

    private static func layer(_ layer: Int, experts: Int) -> [ModelMatrix] {
        let attention: [ModelMatrix] = [.queryKeyValue(layer: layer), .attentionOutput(layer: layer)]
        guard experts > 0 else { return attention + [.gateUp(layer: layer), .down(layer: layer)] }
        return attention + [.router(layer: layer)]
            + (0..<experts).map { .expertGateUp(layer: layer, expert: $0) }
            + (0..<experts).map { .expertDown(layer: layer, expert: $0) }
    }

    /// The place of a matrix; `nil` for the embedding, whose rows are read one at a time.
    func index(of matrix: ModelMatrix) -> Int? {
        let perLayer = experts > 0 ? 3 + 2 * experts : 4
        return switch matrix {
        case .embedding: nil
        case .queryKeyValue(let layer): layer * perLayer
        case .attentionOutput(let layer): layer * perLayer + 1
        case .gateUp(let layer), .router(let layer): layer * perLayer + 2
        case .down(let layer): layer * perLayer + 3
        case .expertGateUp(let layer, let expert): layer * perLayer + 3 + expert
        case .expertDown(let layer, let expert): layer * perLayer + 3 + experts + expert
        case .outputHead: shape.layers * perLayer
        }
    }
}
