import CPUKernels
import NodeModel

extension nw_buffer {
    init(_ buffer: InferenceBuffer) {
        self =
            switch buffer {
            case .residual: NW_RESIDUAL
            case .normalised: NW_NORMALISED
            case .queryKeyValue: NW_QUERY_KEY_VALUE
            case .attention: NW_ATTENTION
            case .gateUp: NW_GATE_UP
            case .gated: NW_GATED
            case .router: NW_ROUTER
            case .visits: NW_VISITS
            case .logits: NW_LOGITS
            }
    }
}

extension nw_pass {
    init(_ pass: InferencePass) {
        let rows =
            switch pass.logits {
            case .none: NW_LOGITS_NONE
            case .last: NW_LOGITS_LAST
            case .all: NW_LOGITS_ALL
            }
        self.init(
            first_sequence: Int32(pass.firstSequence), sequences: Int32(pass.sequences), tokens: Int32(pass.tokens),
            past: Int64(pass.contextTokens), chosen: pass.source == .chosen, logits: rows)
    }
}

extension ModelMatrices {
    /// An operation as the kernels know it.
    ///
    /// Each that makes rows for a matrix names it, to make them ready for its format.
    func kernelOperation(_ operation: InferenceOperation) -> nw_operation {
        switch operation {
        case .embed: make(NW_OP_EMBED)
        case .normalise(let norm): normalise(norm)
        case .multiply(let matrix, let input, let output, let accumulate):
            nw_operation(
                kind: NW_OP_MULTIPLY, index: 0, matrix: place(of: matrix), input: nw_buffer(input),
                output: nw_buffer(output), accumulate: accumulate, logit_rows: output == .logits)
        case .rotateAndStore(let layer): make(NW_OP_ROTATE, index: layer)
        case .attend(let layer): make(NW_OP_ATTEND, index: layer, .attentionOutput(layer: layer))
        case .gate(let layer): make(NW_OP_GATE, index: layer, down(layer))
        case .route(let layer): make(NW_OP_ROUTE, index: layer)
        case .visitGateUp(let layer): make(NW_OP_VISIT_GATE_UP, index: layer, .expertGateUp(layer: layer, expert: 0))
        case .visitDown(let layer): make(NW_OP_VISIT_DOWN, index: layer, .expertDown(layer: layer, expert: 0))
        case .combine(let layer): make(NW_OP_COMBINE, index: layer)
        case .choose: make(NW_OP_CHOOSE)
        }
    }

    private func normalise(_ norm: ModelNorm) -> nw_operation {
        switch norm {
        case .attention(let layer): make(NW_OP_NORMALISE, index: 2 * layer, .queryKeyValue(layer: layer))
        case .feedForward(let layer):
            make(
                NW_OP_NORMALISE, index: 2 * layer + 1,
                shape.experts == nil ? .gateUp(layer: layer) : .router(layer: layer))
        case .output: make(NW_OP_NORMALISE, index: 2 * shape.layers, .outputHead, logitRows: true)
        }
    }

    private func down(_ layer: Int) -> ModelMatrix {
        shape.experts == nil ? .down(layer: layer) : .expertDown(layer: layer, expert: 0)
    }

    private func place(of matrix: ModelMatrix?) -> Int32 { Int32(matrix.flatMap(index) ?? 0) }

    private func make(
        _ kind: nw_operation_kind, index: Int = 0, _ matrix: ModelMatrix? = nil, logitRows: Bool = false
    ) -> nw_operation {
        nw_operation(
            kind: kind, index: Int32(index), matrix: place(of: matrix), input: NW_RESIDUAL, output: NW_RESIDUAL,
            accumulate: false, logit_rows: logitRows)
    }
}
