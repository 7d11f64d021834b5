import NodeModel

/// How a device's kernels want a matrix of weights: rows side by side in panels, or one after the other.
struct MatrixLayout {
    let shape: GEMVShape
    let format: WeightFormat
    /// Rows side by side; 1 means row after row.
    let panelRows: Int
    /// Columns stored of each row, more than there are where a row has to be whole 16-byte words.
    let stride: Int

    /// Chooses the layout for a device.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - format: How the weights are stored.
    ///   - tuning: How the device's kernels are shaped.
    init(_ shape: GEMVShape, _ format: WeightFormat, tuning: Tuning) {
        self.shape = shape
        self.format = format
        panelRows = tuning.isProcessor ? tuning.lanes : 1
        let unit = tuning.isProcessor || format.isBlocked ? 1 : 16 / (format.precision.bytes ?? 1)
        stride = (shape.columns + unit - 1) / unit * unit
    }

    /// Blocks of a row; of plain formats 0.
    var blocks: Int { format.isBlocked ? shape.columns / WeightFormat.blockLength : 0 }

    /// Bytes of a panel's weights without scales.
    var panelBytes: Int {
        panelRows * (format.isBlocked ? blocks * (format == .q8 ? 32 : 16) : format.bytes(of: stride))
    }

    /// Bytes of a panel's scales.
    var panelScaleBytes: Int { 2 * panelRows * blocks }

    /// Panels of some rows.
    func panels(_ rows: Int) -> Int { (rows + panelRows - 1) / panelRows }

    /// Bytes of the whole matrix as it is stored.
    var bytes: Int { panels(shape.rows) * (panelBytes + panelScaleBytes) }

    /// Rows that one allocation of at most `limit` bytes holds, whole panels; at least one panel.
    func rows(within limit: Int) -> Int {
        guard limit > 0 else { return shape.rows }
        return min(max(limit / max(panelBytes, 1), 1) * panelRows, shape.rows)
    }

    /// The macros that tell kernels the format.
    var macros: [String] {
        switch format {
        case .f32: ["F32"]
        case .f16: []
        case .bf16: ["BF16"]
        case .q8: ["Q8"]
        case .q4: ["Q4"]
        }
    }
}

/// A matrix of weights in a device's memory, in as many allocations as the device's limit asks for.
final class StoredMatrix {
    /// Some rows.
    struct Chunk {
        let weights: Buffer
        /// The scales of blocks.
        let scales: Buffer?
        let firstRow: Int
        let rows: Int
    }

    let layout: MatrixLayout
    let chunks: [Chunk]

    /// Allocates; holds nothing yet.
    ///
    /// - Parameters:
    ///   - layout: How the matrix lies in memory.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - wholeRows: What numbers of rows there is room for, as matrix engines read them.
    /// - Throws: `TrialFailure` when the device has no such memory.
    init(_ layout: MatrixLayout, queue: DeviceQueue, device: Device, wholeRows: Int = 1) throws {
        self.layout = layout
        let step = layout.rows(within: device.maximumAllocationBytes)
        chunks = try MemoryGuard.pieces(layout.shape.rows, of: step, on: device).map { piece in
            let (first, rows) = (piece.lowerBound, piece.count)
            let panels = layout.panels((rows + wholeRows - 1) / wholeRows * wholeRows)
            return Chunk(
                weights: try queue.buffer(bytes: panels * layout.panelBytes),
                scales: layout.format.isBlocked ? try queue.buffer(bytes: panels * layout.panelScaleBytes) : nil,
                firstRow: first, rows: rows)
        }
    }
}

/// Fills matrices on the device with the weights that ``GEMVOracle`` describes.
final class MatrixFiller {
    private let queue: DeviceQueue
    private let macros: [String]
    private let random: Program
    /// Built when it is first needed.
    private var integers: Program?

    /// Builds the kernels for a layout, which serve other shapes too.
    init(_ layout: MatrixLayout, queue: DeviceQueue) throws {
        self.queue = queue
        macros = layout.macros + ["PANEL=\(layout.panelRows)"]
        random = try queue.build(["fill", "gemv_fill"], options: macros)
    }

    private func program(isInteger: Bool) throws -> Program {
        guard isInteger else { return random }
        let program = try integers ?? queue.build(["fill", "gemv_fill"], options: macros + ["INTEGERS"])
        integers = program
        return program
    }

    /// Fills a matrix and waits.
    ///
    /// - Parameters:
    ///   - matrix: Of the format and the panels of this filler's layout.
    ///   - isInteger: Whether with small integers.
    ///   - keys: The streams of weights and scales.
    /// - Throws: `TrialFailure` when the device fails.
    func fill(_ matrix: StoredMatrix, isInteger: Bool = false, keys: (weights: UInt32, scales: UInt32)) throws {
        queue.announce("making \(matrix.layout.shape) weights", .prepare)
        let program = try program(isInteger: isInteger)
        for chunk in matrix.chunks { try fill(chunk, matrix.layout, program, keys) }
    }

    /// Fills some rows of a matrix in one allocation as if they were a matrix of their own, and waits.
    ///
    /// - Parameters:
    ///   - matrix: Of the format and the panels of this filler's layout.
    ///   - rows: Whole panels of it.
    ///   - keys: The streams of weights and scales.
    /// - Throws: `TrialFailure` when the device fails.
    func fill(_ matrix: StoredMatrix, rows: Range<Int>, keys: (weights: UInt32, scales: UInt32)) throws {
        guard let whole = matrix.chunks.first, matrix.chunks.count == 1 else {
            throw TrialFailure(.failed, "several matrices in several allocations")
        }
        let part = StoredMatrix.Chunk(weights: whole.weights, scales: whole.scales, firstRow: 0, rows: rows.count)
        try fill(part, matrix.layout, random, keys, to: rows.lowerBound / matrix.layout.panelRows)
    }

    private func fill(
        _ chunk: StoredMatrix.Chunk, _ layout: MatrixLayout, _ program: Program,
        _ keys: (weights: UInt32, scales: UInt32), to first: Int = 0
    ) throws {
        let panels = layout.panels(chunk.rows)
        if let scales = chunk.scales {
            let sizes: [Argument] = [.uint(chunk.rows), .uint(layout.blocks), .uint(chunk.firstRow)]
            try launch(
                program, "fill_quants", [.buffer(chunk.weights)] + sizes + [.word(keys.weights), .uint(first)],
                width: layout.panelBytes / 4, panels: panels)
            try launch(
                program, "fill_scales", [.buffer(scales)] + sizes + [.word(keys.scales), .uint(first)],
                width: layout.panelScaleBytes / 2, panels: panels)
        } else {
            let sizes: [Argument] = [
                .uint(chunk.rows), .uint(layout.shape.columns), .uint(layout.stride), .uint(chunk.firstRow),
            ]
            try launch(
                program, "fill_plain", [.buffer(chunk.weights)] + sizes + [.word(keys.weights), .uint(first)],
                width: layout.stride * layout.panelRows, panels: panels)
        }
    }

    private func launch(_ program: Program, _ name: String, _ arguments: [Argument], width: Int, panels: Int) throws {
        let kernel = try program.kernel(name)
        for (index, argument) in arguments.enumerated() { try kernel.set(index, argument) }
        let local = min(256, max(kernel.workGroupSize, 1))
        let groups = [(width + local - 1) / local, panels]
        try queue.run([Launch(kernel: kernel, groups: groups, local: [local, 1])])
    }
}
