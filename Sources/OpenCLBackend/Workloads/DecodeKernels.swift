import NodeModel

/// The kernels of a decode step and the launches of its operations.
final class DecodeKernels {
    let notes: [String: String]
    private let program: DecodeProgram
    private let model: ModelShape
    private let tuning: Tuning
    private let small: Program
    private let smallLocal: Int
    private let norms: RowKernels
    private let attention: AttentionKernels
    private let products: GEMVKernels

    init(_ program: DecodeProgram, queue: DeviceQueue, device: Device, tuning: Tuning) throws {
        self.program = program
        model = program.step.model
        self.tuning = tuning
        let vector = tuning.isProcessor ? 16 : 8
        let format = program.step.weights == .bf16 ? ["BF16=1"] : []
        let options = format + ["V=\(vector)"]
        (small, smallLocal) = try queue.build(
            ["sixteen_bit", "decode"], kernels: ["copy_values", "rotate_and_store", "gate"],
            options: options + ["HEAD=\(model.headDimension)"], localSizes: tuning.localSizes(from: 256))
        norms = try RowKernels("rmsnorm", "normalise_rows", columns: model.hidden, queue: queue, tuning: tuning)
        attention = try AttentionKernels(
            AttentionShape(
                heads: model.heads, keyValueHeads: model.keyValueHeads, headDimension: model.headDimension,
                contextTokens: program.step.contextTokens + 1),
            format: program.step.weights, queue: queue, tuning: tuning)
        let size = program.size(of: .queryKeyValue(layer: 0))
        let weights: WeightFormat = program.step.weights == .bf16 ? .bf16 : .f16
        products = try GEMVKernels(
            MatrixLayout(GEMVShape(rows: size.rows, columns: size.columns), weights, tuning: tuning), queue: queue,
            device: device, tuning: tuning)
        notes = products.notes
    }

    /// Sets the residual stream to its seeded start; part of every timed step, so that all steps are the same.
    func restart(_ tensors: DecodeTensors) throws -> Launch {
        let kernel = try small.kernel(
            "copy_values", .buffer(tensors.start), .buffer(try tensors.activation(.residual)), .uint(model.hidden))
        return elementwise(kernel, items: model.hidden / 16)
    }

    /// Enough groups for every unit, no more than there are items.
    private func elementwise(_ kernel: Kernel, items: Int) -> Launch {
        let groups = min(max((items + smallLocal - 1) / smallLocal, 1), tuning.units)
        return Launch(kernel: kernel, groups: [groups], local: [smallLocal])
    }

    func launches(for operation: DecodeOperation, _ tensors: DecodeTensors) throws -> [Launch] {
        switch operation {
        case .normalise(let index): return [try normalise(index, tensors)]
        case .multiply(let matrix, let input, let output, let accumulate):
            guard let stored = tensors.matrices[matrix] else { throw TrialFailure(.failed, "no weights \(matrix)") }
            let vectors = GEMVKernels.Vectors(x: try tensors.activation(input), y: try tensors.activation(output))
            return try products.launches(stored, vectors, accumulate: accumulate)
        case .rotateAndStore(let layer): return [try rotate(layer, tensors)]
        case .attend(let layer): return try attend(layer, tensors)
        case .gate:
            let kernel = try small.kernel(
                "gate", .buffer(try tensors.activation(.gateUp)), .buffer(try tensors.activation(.gated)),
                .uint(model.feedForward))
            return [elementwise(kernel, items: model.feedForward / 16)]
        }
    }

    private func normalise(_ index: Int, _ tensors: DecodeTensors) throws -> Launch {
        let kernel = try norms.program.kernel(
            norms.name, .buffer(try tensors.activation(.residual)), .buffer(tensors.gains[index]),
            .buffer(try tensors.activation(.normalised)), .uint(1), .uint(model.hidden), .uint(1),
            .float(Float(model.normEpsilon)), .uint(0), .uint(1))
        return norms.launch(kernel, rows: 1)
    }

    private func rotate(_ layer: Int, _ tensors: DecodeTensors) throws -> Launch {
        let cache = tensors.caches[layer]
        let kernel = try small.kernel(
            "rotate_and_store", .buffer(try tensors.activation(.queryKeyValue)), .buffer(tensors.turns),
            .buffer(cache.keys), .buffer(cache.values), .uint(model.heads), .uint(model.keyValueHeads),
            .uint(program.step.contextTokens))
        return elementwise(kernel, items: (model.queryWidth + 2 * model.keyValueWidth) / 2)
    }

    private func attend(_ layer: Int, _ tensors: DecodeTensors) throws -> [Launch] {
        let cache = tensors.caches[layer]
        return try attention.launches(
            AttentionKernels.Operands(
                query: try tensors.activation(.queryKeyValue), keys: cache.keys, values: cache.values,
                output: try tensors.activation(.attention)))
    }
}
