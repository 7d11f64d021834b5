import NodeModel

/// The kernels of an inference and the launches of its operations.
final class InferenceKernels {
    let products: InferenceProducts
    private let program: InferenceProgram
    private let model: ModelShape
    private let tuning: Tuning
    private let tensors: InferenceTensors
    private let stored: StoredModel
    private let seeded: (program: Program, local: Int)
    private let small: Program
    private let smallLocal: Int
    private let rotation: Program
    private let rotationLocal: Int
    private let norms: RowKernels
    private let attention: AttentionKernels
    private let experts: ExpertKernels?
    /// In the place of vectors a model has not.
    private let nothing: Buffer

    /// Builds the kernels of a step.
    ///
    /// - Parameters:
    ///   - program: What is computed.
    ///   - tensors: Its buffers.
    ///   - stored: The model's numbers.
    ///   - seeded: The program of `inference_seeded`, and its work-groups.
    ///   - products: The products with the model's matrices.
    ///   - queue: The device.
    ///   - tuning: How its kernels are shaped.
    /// - Throws: `TrialFailure` when they cannot be built.
    init(
        _ program: InferenceProgram, _ tensors: InferenceTensors, _ stored: StoredModel,
        seeded: (program: Program, local: Int),
        products: InferenceProducts, queue: DeviceQueue, tuning: Tuning
    ) throws {
        (self.program, self.tensors, self.stored, self.tuning) = (program, tensors, stored, tuning)
        (self.products, self.seeded) = (products, seeded)
        let (model, capacity) = (program.step.model, InferenceCapacity(program.step))
        self.model = model
        nothing = try queue.buffer(bytes: 4)
        (small, smallLocal) = try queue.build(
            tuning.isProcessor ? ["sixteen_bit", "exponential", "inference"] : ["sixteen_bit", "inference"],
            kernels: ["begin_pass", "gate_rows", "choose_tokens"],
            options: ["V=\(tuning.isProcessor ? 16 : 4)", tuning.isProcessor ? "EXP=exponential" : "EXP=exp"],
            localSizes: tuning.localSizes(from: 256))
        (rotation, rotationLocal) = try queue.build(
            ["sixteen_bit", "inference_rotate"], kernels: ["rotate_rows"], options: Self.rotationMacros(model),
            localSizes: tuning.localSizes(from: max(32, model.headDimension / 2)))
        norms = try RowKernels("rmsnorm", "normalise_rows", columns: model.hidden, queue: queue, tuning: tuning)
        attention = try AttentionKernels(
            AttentionShape(
                heads: model.heads, keyValueHeads: model.keyValueHeads, headDimension: model.headDimension,
                contextTokens: program.step.positions),
            rows: capacity.rows, format: .f16, queue: queue, tuning: tuning)
        experts = try model.experts.map {
            try ExpertKernels(
                $0, rows: capacity.rows, tileRows: products.rows.tileRows, queue: queue, tuning: tuning)
        }
    }

    private static func rotationMacros(_ model: ModelShape) -> [String] {
        ["V=4", "HEAD=\(model.headDimension)"] + (model.hasQueryKeyValueBias ? ["BIAS"] : [])
            + (model.hasQueryKeyNorm ? ["NORMS"] : []) + (model.rotaryPairs == .halves ? ["HALVES"] : [])
    }

    /// What the record says of the kernels.
    var notes: [String: String] {
        products.notes.merging(["attention": attention.notes["kernel"] ?? ""]) { first, _ in first }
    }

    /// Sets the places and the tokens of a pass.
    func begin(_ pass: InferencePass) throws -> Launch {
        let kernel = try small.kernel(
            "begin_pass", .buffer(tensors.places), .buffer(tensors.tokens), .buffer(tensors.prompts),
            .buffer(tensors.chosen), .uint(pass.rows), .uint(pass.tokens), .uint(pass.firstSequence),
            .uint(pass.contextTokens), .uint(program.step.positions), .uint(pass.source == .chosen ? 1 : 0))
        return elementwise(kernel, items: pass.rows)
    }

    /// Enough groups for every unit, no more than there are items.
    private func elementwise(_ kernel: Kernel, items: Int) -> Launch {
        let groups = min(max((items + smallLocal - 1) / smallLocal, 1), tuning.units * (tuning.isProcessor ? 1 : 8))
        return Launch(kernel: kernel, groups: [groups], local: [smallLocal])
    }

    /// The launches of an operation of passes with such rows.
    ///
    /// - Parameters:
    ///   - operation: One of the program's.
    ///   - pass: The rows.
    /// - Returns: The launches in order.
    /// - Throws: `TrialFailure` when kernels cannot be built.
    func launches(_ operation: InferenceOperation, _ pass: PassRows) throws -> [Launch] {
        switch operation {
        case .embed: try [embed(pass)]
        case .normalise(let norm): try [normalise(norm, pass)]
        case .multiply(let matrix, let input, let output, let accumulate):
            try multiply(matrix, input, output, accumulate, pass)
        case .rotateAndStore(let layer): try [rotate(layer, pass)]
        case .attend(let layer): try attend(layer, pass)
        case .gate: try [gate(pass)]
        case .route, .visitGateUp, .visitDown, .combine: try visit(operation, pass)
        case .choose: try [choose(pass)]
        }
    }

    private func embed(_ pass: PassRows) throws -> Launch {
        var keys: (weights: UInt32, scales: UInt32)?
        try stored.weights.withContent(of: .embedding, part: 0) {
            if case .seeded(let weights, let scales) = $0 { keys = (weights, scales) }
        }
        guard let keys else { throw TrialFailure(.unsupported, "the embedding of a file") }
        let kernel = try seeded.program.kernel(
            "embed_rows", .buffer(tensors.tokens), .buffer(try tensors.activation(.residual)), .uint(model.hidden),
            .word(keys.weights), .word(keys.scales))
        return Launch(kernel: kernel, groups: [pass.rows], local: [seeded.local])
    }

    private func normalise(_ norm: ModelNorm, _ pass: PassRows) throws -> Launch {
        let taken = norm == .output ? pass.logitRows : (count: pass.rows, first: 0, step: 1)
        let kernel = try norms.program.kernel(
            norms.name, .buffer(try tensors.activation(.residual)), .buffer(try vector(.gain(norm))),
            .buffer(try tensors.activation(.normalised)), .uint(taken.count), .uint(model.hidden),
            .uint(norms.run(rows: taken.count)), .float(Float(model.normEpsilon)), .uint(taken.first),
            .uint(taken.step))
        return norms.launch(kernel, rows: taken.count)
    }

    private func vector(_ vector: ModelVector) throws -> Buffer {
        guard let buffer = stored.vectors[vector] else { throw TrialFailure(.failed, "no vector \(vector)") }
        return buffer
    }

    private func multiply(
        _ matrix: ModelMatrix, _ input: InferenceBuffer, _ output: InferenceBuffer, _ accumulate: Bool,
        _ pass: PassRows
    ) throws -> [Launch] {
        guard let parts = stored.matrices[matrix] else { throw TrialFailure(.failed, "no weights \(matrix)") }
        return try products.launches(
            parts,
            InferenceProducts.Operands(
                x: try tensors.activation(input), y: try tensors.activation(output),
                rows: output == .logits ? pass.logitRows.count : pass.rows, width: program.width(of: output),
                accumulate: accumulate))
    }

    private func rotate(_ layer: Int, _ pass: PassRows) throws -> Launch {
        let cache = tensors.caches[layer]
        let kernel = try rotation.kernel(
            "rotate_rows", .buffer(try tensors.activation(.queryKeyValue)), .buffer(tensors.places),
            .buffer(tensors.turns), .buffer(stored.vectors[.bias(layer: layer)] ?? nothing),
            .buffer(stored.vectors[.queryGain(layer: layer)] ?? nothing),
            .buffer(stored.vectors[.keyGain(layer: layer)] ?? nothing), .buffer(cache.keys), .buffer(cache.values),
            .uint(model.heads), .uint(model.keyValueHeads), .uint(program.step.positions),
            .float(Float(model.normEpsilon)))
        return Launch(
            kernel: kernel, groups: [model.heads + 2 * model.keyValueHeads, pass.rows], local: [rotationLocal, 1])
    }

    private func attend(_ layer: Int, _ pass: PassRows) throws -> [Launch] {
        let cache = tensors.caches[layer]
        return try attention.launches(
            AttentionKernels.Operands(
                query: try tensors.activation(.queryKeyValue), keys: cache.keys, values: cache.values,
                output: try tensors.activation(.attention), places: tensors.places,
                stride: program.width(of: .queryKeyValue)),
            rows: pass.rows)
    }

    private func gate(_ pass: PassRows) throws -> Launch {
        let rows = pass.rows * (model.experts?.perToken ?? 1)
        let kernel = try small.kernel(
            "gate_rows", .buffer(try tensors.activation(.gateUp)), .buffer(try tensors.activation(.gated)),
            .uint(rows), .uint(model.feedForwardWidth))
        return elementwise(kernel, items: rows * model.feedForwardWidth / 16)
    }

    private func choose(_ pass: PassRows) throws -> Launch {
        let kernel = try small.kernel(
            "choose_tokens", .buffer(try tensors.activation(.logits)), .buffer(tensors.places),
            .buffer(tensors.rowChosen), .buffer(tensors.chosen), .uint(model.vocabulary), .uint(pass.tokens),
            .uint(pass.logitRows.first), .uint(pass.logitRows.step))
        return Launch(kernel: kernel, groups: [pass.logitRows.count], local: [smallLocal])
    }

    private func visit(_ operation: InferenceOperation, _ pass: PassRows) throws -> [Launch] {
        guard let experts, let shape = model.experts else { throw TrialFailure(.failed, "a model without experts") }
        let visits = pass.rows * shape.perToken
        func products(_ matrices: [StoredModel.Experts]?, _ x: InferenceBuffer, _ y: InferenceBuffer) throws
            -> [Launch]
        {
            try self.products.launches(
                matrices ?? [],
                InferenceProducts.Operands(
                    x: try tensors.activation(x), y: try tensors.activation(y), rows: visits,
                    width: program.width(of: y), accumulate: false)
            ) { experts.visits($0.range, outputs: $0.rows, isGathered: x == .normalised) }
        }
        switch operation {
        case .route: return try experts.route(router: try tensors.activation(.router), rows: pass.rows)
        case .visitGateUp(let layer): return try products(stored.expertsGateUp[layer], .normalised, .gateUp)
        case .visitDown(let layer): return try products(stored.expertsDown[layer], .gated, .visits)
        case .combine:
            return try experts.combine(
                visits: try tensors.activation(.visits), residual: try tensors.activation(.residual),
                rows: pass.rows, columns: model.hidden)
        default: throw TrialFailure(.failed, "\(operation) has nothing to do with experts")
        }
    }

    /// The experts of some rows and their weights.
    func routes(rows: Int, _ queue: DeviceQueue) throws -> [[(expert: Int, weight: Float)]] {
        guard let experts, let shape = model.experts else { return [] }
        let chosen = try queue.read(experts.chosen, UInt32.self, count: rows * shape.perToken)
        let weights = try queue.read(experts.weights, Float.self, count: rows * shape.perToken)
        return (0..<rows).map { row in
            (row * shape.perToken..<(row + 1) * shape.perToken).map { (Int(chosen[$0]), weights[$0]) }
        }
    }
}
