import NodeModel

/// The products with a model's matrices: one row at a time by the kernels that decode at a device's read rate, several
/// rows by those that read every weight once for all of them.
final class InferenceProducts {
    /// What a product works on.
    struct Operands {
        let x, y: Buffer
        let rows: Int
        /// Columns of Y.
        let width: Int
        let accumulate: Bool
    }

    /// Products of several rows.
    let rows: any RowProducts
    /// Whether activations are quantised to multiply them with weights in blocks: where every pass has a single row.
    private let quantises: Bool
    private let queue: DeviceQueue
    private let device: Device
    private let tuning: Tuning
    private var single: [WeightFormat: GEMVKernels] = [:]
    private var quantised: [Int: GEMVKernels.QuantisedVector] = [:]

    /// Reserves room for a step's activations.
    ///
    /// - Parameters:
    ///   - step: What is computed.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - tuning: How its kernels are shaped.
    ///   - emulated: A matrix engine to emulate, in tests.
    /// - Throws: `TrialFailure` when the device fails.
    init(
        _ step: InferenceStep, queue: DeviceQueue, device: Device, tuning: Tuning, emulated: MatrixEngine? = nil
    ) throws {
        (self.queue, self.device, self.tuning) = (queue, device, tuning)
        let capacity = InferenceCapacity(step)
        quantises = capacity.rows == 1 && step.model.experts == nil
        if tuning.isProcessor {
            rows = try StripProducts(
                rows: capacity.rows, packedFloats: Self.packedFloats(step, tuning), queue: queue, tuning: tuning)
        } else if let engine = try EngineProducts(
            step, queue: queue, device: device, tuning: tuning, emulated: emulated)
        {
            rows = engine
        } else {
            rows = TileProducts(rows: capacity.rows, queue: queue, tuning: tuning)
        }
    }

    /// The floats that activations take in whole tiles.
    static func packedFloats(_ step: InferenceStep, _ tuning: Tuning) -> Int {
        guard tuning.isProcessor else { return 0 }
        let (capacity, model) = (InferenceCapacity(step), step.model)
        let widest = max(model.hidden, model.queryWidth, model.feedForwardWidth)
        return StripProducts.packedFloats(
            rows: max(capacity.rows, capacity.visits), columns: widest, experts: model.experts?.count ?? 0, tuning)
    }

    /// What rows of activations are rounded to before they are multiplied.
    func multiplicand(for format: WeightFormat) -> Multiplicand {
        guard !format.isBlocked else { return quantises ? .blocks : .f32 }
        return rows.rounds(format) ? format == .bf16 ? .bf16 : .f16 : .f32
    }

    /// What the record says of the kernels that were built.
    var notes: [String: String] {
        let own = single.values.map(\.notes).reduce([:]) { $0.merging($1) { first, _ in first } }
        return own.merging(rows.notes) { first, _ in first }
    }

    /// The launches of a product with the parts of a matrix.
    ///
    /// - Parameters:
    ///   - parts: The matrix.
    ///   - operands: What it is multiplied with, and where to.
    /// - Returns: The launches in order.
    /// - Throws: `TrialFailure` when the kernels cannot be built.
    func launches(_ parts: [StoredModel.Part], _ operands: Operands) throws -> [Launch] {
        try parts.enumerated().flatMap { index, part in
            let layout = part.matrix.layout
            if operands.rows == 1, !layout.format.isBlocked || quantises { return try one(part, operands) }
            let product = RowProduct(
                x: operands.x, y: operands.y, rows: operands.rows, width: operands.width, firstResult: part.firstRow,
                accumulate: operands.accumulate)
            let first = index == 0 ? try rows.prepare(product, layout) : []
            return try first + rows.multiply(part.matrix, product)
        }
    }

    private func one(_ part: StoredModel.Part, _ operands: Operands) throws -> [Launch] {
        let layout = part.matrix.layout
        let kernels =
            try single[layout.format] ?? GEMVKernels(layout, queue: queue, device: device, tuning: tuning)
        single[layout.format] = kernels
        let room = try quantised[layout.blocks] ?? kernels.quantisedVector(layout)
        quantised[layout.blocks] = room
        let rounded = try rows.rounded(operands.x, rows: 1, layout)
        let vectors = GEMVKernels.Vectors(x: rounded.x, y: operands.y, firstResult: part.firstRow)
        return try rounded.launches
            + kernels.launches(part.matrix, vectors, room, accumulate: operands.accumulate)
    }

    /// The launches of the visits' products with their experts' matrices.
    ///
    /// - Parameters:
    ///   - matrices: The experts'.
    ///   - operands: Rows are visits.
    ///   - visits: What the visits of some experts are.
    /// - Returns: The launches in order.
    /// - Throws: `TrialFailure` when the kernels cannot be built.
    func launches(
        _ matrices: [StoredModel.Experts], _ operands: Operands, visits: (StoredModel.Experts) -> ExpertRows
    ) throws -> [Launch] {
        try matrices.enumerated().flatMap { index, own in
            let product = RowProduct(
                x: operands.x, y: operands.y, rows: operands.rows, width: operands.width, visits: visits(own))
            let first = index == 0 ? try rows.prepare(product, own.matrix.layout) : []
            return try first + rows.multiply(own.matrix, product)
        }
    }
}
