import NodeModel

/// What the launches of a pass depend on: passes that agree in it share them, whatever their sequences and positions.
struct PassRows: Hashable {
    /// Rows of the buffers.
    let rows: Int
    /// Tokens of each sequence.
    let tokens: Int
    /// Which rows have logits.
    let logits: InferencePass.LogitRows

    init(_ pass: InferencePass) { (rows, tokens, logits) = (pass.rows, pass.tokens, pass.logits) }

    /// The rows that have logits: `count` of them, the first one and the distance to the next.
    var logitRows: (count: Int, first: Int, step: Int) {
        switch logits {
        case .none: (0, 0, 1)
        case .last: (rows / tokens, tokens - 1, tokens)
        case .all: (rows, 0, 1)
        }
    }
}

/// The most rows of anything in the passes of a step.
struct InferenceCapacity {
    /// Rows of a pass.
    let rows: Int
    /// Rows that have logits.
    let logitRows: Int
    /// Visits of experts.
    let visits: Int

    init(_ step: InferenceStep) {
        let passes = step.passes
        rows = passes.map(\.rows).max() ?? 1
        logitRows = max(passes.map(\.logitRows.count).max() ?? 1, 1)
        visits = rows * (step.model.experts?.perToken ?? 0)
    }

    /// Rows of a buffer of activations.
    func rows(of buffer: InferenceBuffer) -> Int {
        switch buffer {
        case .residual, .normalised, .queryKeyValue, .attention, .router: rows
        case .gateUp, .gated: visits > 0 ? visits : rows
        case .visits: visits
        case .logits: logitRows
        }
    }
}
