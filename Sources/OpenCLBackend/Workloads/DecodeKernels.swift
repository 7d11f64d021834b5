import NodeModel

/// The kernels of a decode step and the launches of its operations.
final class DecodeKernels {
    let notes: [String: String]
    private let program: DecodeProgram
    private let model: ModelShape
    private let tuning: Tuning
    private let small: Program
    private let smallLocal: Int
    private let products: Program
    private let productLocal: Int
    private static let rowsOfGroup = 4

    init(_ program: DecodeProgram, queue: DeviceQueue, tuning: Tuning) throws {
        self.program = program
        model = program.step.model
        self.tuning = tuning
        let vector = tuning.isProcessor ? 16 : 8
        let format = program.step.weights == .bf16 ? ["BF16=1"] : []
        let options = format + ["V=\(vector)"]
        (small, smallLocal) = try queue.build(
            ["sixteen_bit", "decode"],
            kernels: ["copy_values", "normalise", "rotate_and_store", "attend", "gate"],
            options: options + ["HEAD=\(model.headDimension)"], localSizes: tuning.localSizes(from: 256))
        (products, productLocal) = try queue.build(
            ["sixteen_bit", "matrix_vector"], kernels: [tuning.isProcessor ? "multiply_rows" : "multiply_group"],
            options: options + ["ROWS=\(Self.rowsOfGroup)"], localSizes: tuning.localSizes(from: 64))
        notes = [
            "kernel": tuning.isProcessor
                ? "rows in vectors of \(vector)" : "\(Self.rowsOfGroup) rows a group of \(productLocal)",
            "options": products.options,
        ]
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
            let from = try tensors.activation(input)
            let to = try tensors.activation(output)
            return try (tensors.matrices[matrix] ?? []).map {
                try product($0, from: from, to: to, columns: program.size(of: matrix).columns, accumulate: accumulate)
            }
        case .rotateAndStore(let layer): return [try rotate(layer, tensors)]
        case .attend(let layer): return [try attend(layer, tensors)]
        case .gate:
            let kernel = try small.kernel(
                "gate", .buffer(try tensors.activation(.gateUp)), .buffer(try tensors.activation(.gated)),
                .uint(model.feedForward))
            return [elementwise(kernel, items: model.feedForward / 16)]
        }
    }

    private func normalise(_ index: Int, _ tensors: DecodeTensors) throws -> Launch {
        let kernel = try small.kernel(
            "normalise", .buffer(try tensors.activation(.residual)), .buffer(tensors.gains[index]),
            .buffer(try tensors.activation(.normalised)), .uint(model.hidden), .float(Float(model.normEpsilon)))
        return Launch(kernel: kernel, groups: [1], local: [smallLocal])
    }

    private func product(
        _ chunk: DecodeTensors.RowChunk, from: Buffer, to: Buffer, columns: Int, accumulate: Bool
    ) throws -> Launch {
        // At least 16 items a unit to balance the load, at least 16 KiB an item to keep launching cheap.
        let run = max(1, min(chunk.rows / (tuning.units * 16), 65_536 / columns))
        let kernel = try products.kernel(
            tuning.isProcessor ? "multiply_rows" : "multiply_group", .buffer(chunk.buffer), .buffer(from), .buffer(to),
            .uint(chunk.firstRow), .uint(chunk.rows), .uint(columns), .uint(accumulate ? 1 : 0), .uint(run))
        let rows = tuning.isProcessor ? run : Self.rowsOfGroup
        return Launch(kernel: kernel, groups: [(chunk.rows + rows - 1) / rows], local: [productLocal])
    }

    private func rotate(_ layer: Int, _ tensors: DecodeTensors) throws -> Launch {
        let cache = tensors.caches[layer]
        let kernel = try small.kernel(
            "rotate_and_store", .buffer(try tensors.activation(.queryKeyValue)), .buffer(tensors.turns),
            .buffer(cache.keys), .buffer(cache.values), .uint(model.heads), .uint(model.keyValueHeads),
            .uint(program.step.contextTokens))
        return elementwise(kernel, items: (model.queryWidth + 2 * model.keyValueWidth) / 2)
    }

    private func attend(_ layer: Int, _ tensors: DecodeTensors) throws -> Launch {
        let cache = tensors.caches[layer]
        let kernel = try small.kernel(
            "attend", .buffer(try tensors.activation(.queryKeyValue)), .buffer(cache.keys), .buffer(cache.values),
            .buffer(tensors.scores), .buffer(try tensors.activation(.attention)), .uint(model.heads),
            .uint(model.keyValueHeads), .uint(program.step.contextTokens + 1))
        return Launch(kernel: kernel, groups: [model.heads], local: [smallLocal])
    }
}
