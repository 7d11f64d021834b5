import CPUKernels
import NodeModel

extension WeightMatrix {
    /// The matrix's place in the kernels' list, which is the order of the program.
    func kernelIndex(layers: Int) -> Int32 {
        switch self {
        case .queryKeyValue(let layer): Int32(4 * layer)
        case .attentionOutput(let layer): Int32(4 * layer + 1)
        case .gateUp(let layer): Int32(4 * layer + 2)
        case .down(let layer): Int32(4 * layer + 3)
        case .outputHead: Int32(4 * layers)
        }
    }
}

extension nw_buffer {
    init(_ buffer: ActivationBuffer) {
        self =
            switch buffer {
            case .residual: NW_RESIDUAL
            case .normalised: NW_NORMALISED
            case .queryKeyValue: NW_QUERY_KEY_VALUE
            case .attention: NW_ATTENTION
            case .gateUp: NW_GATE_UP
            case .gated: NW_GATED
            case .logits: NW_LOGITS
            }
    }
}

extension nw_operation {
    /// An operation without operands of its own.
    init(_ kind: nw_operation_kind, index: Int = 0) {
        self.init(kind: kind, index: Int32(index), input: NW_RESIDUAL, output: NW_RESIDUAL, accumulate: false)
    }

    /// An operation of a program of `layers` layers.
    init(_ operation: DecodeOperation, layers: Int) {
        switch operation {
        case .normalise(let index): self.init(NW_OP_NORMALISE, index: index)
        case .multiply(let matrix, let input, let output, let accumulate):
            self.init(
                kind: NW_OP_MULTIPLY, index: matrix.kernelIndex(layers: layers), input: nw_buffer(input),
                output: nw_buffer(output), accumulate: accumulate)
        case .rotateAndStore(let layer): self.init(NW_OP_ROTATE, index: layer)
        case .attend(let layer): self.init(NW_OP_ATTEND, index: layer)
        case .gate: self.init(NW_OP_GATE)
        }
    }
}
