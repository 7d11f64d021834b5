import NodeModel

/// The kernels of y = W·x for matrices of one format, and their launches.
final class GEMVKernels {
    /// Where x is, and y with the place of its row 0.
    struct Vectors {
        let x: Buffer
        let y: Buffer
        var firstResult = 0
    }

    /// Room for the quantised vector, which all matrices of as many columns share.
    struct QuantisedVector {
        let values: Buffer
        let scales: Buffer
        let offsets: Buffer
    }

    let notes: [String: String]
    private let format: WeightFormat
    private let queue: DeviceQueue
    private let tuning: Tuning
    private let products: Program
    private let local: Int
    /// Quantises x for weights in blocks.
    private let quantiser: Program?
    private static let rowsOfGroup = 4

    /// Builds the kernels.
    ///
    /// - Parameters:
    ///   - layout: How the weights are stored; of another number of columns they can be too.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - tuning: How its kernels are shaped.
    /// - Throws: `TrialFailure` when they cannot be built.
    init(_ layout: MatrixLayout, queue: DeviceQueue, device: Device, tuning: Tuning) throws {
        (format, self.queue, self.tuning) = (layout.format, queue, tuning)
        let isBlocked = layout.format.isBlocked
        var facts = [
            "layout": tuning.isProcessor ? "panels of \(layout.panelRows) rows" : "row after row",
            "vector": isBlocked ? "int8 in blocks of 32, f32 scales, quantised in the timed part" : "f32",
        ]
        if tuning.isProcessor {
            products = try queue.build(
                ["sixteen_bit", "gemv_panels"], options: layout.macros + ["V=\(tuning.lanes)"])
            local = 1
            facts["kernel"] = "panels in vectors of \(tuning.lanes)"
        } else {
            let dot = isBlocked ? IntegerDot.find(on: queue, device: device) : nil
            let sources = ["sixteen_bit"] + (isBlocked ? ["integer_dot"] : []) + ["gemv_rows"]
            let macros = layout.macros + (dot?.macros ?? []) + ["V=8", "ROWS=\(Self.rowsOfGroup)"]
            (products, local) = try queue.build(
                sources, kernels: [Self.name(format)], options: macros, flags: dot?.flags ?? [],
                localSizes: Self.localSizes(layout, tuning))
            facts["kernel"] = "\(Self.rowsOfGroup) rows a group of \(local)" + (dot.map { ", \($0.title)" } ?? "")
        }
        // Processors multiply in 16 bits.
        let value = "VALUE=\(tuning.isProcessor ? "short" : "char")"
        quantiser = isBlocked ? try queue.build(["gemv_quantise"], options: layout.macros + [value]) : nil
        facts["options"] = products.options
        notes = facts
    }

    private static func name(_ format: WeightFormat) -> String {
        format.isBlocked ? "multiply_blocks" : "multiply_plain"
    }

    /// Work-groups in which each item has about four 16-byte words of a row.
    private static func localSizes(_ layout: MatrixLayout, _ tuning: Tuning) -> [Int] {
        let units = max(layout.panelBytes / 16, 1)
        let best = [256, 128, 64].first { $0 * 4 <= units } ?? 32
        return tuning.localSizes(from: best)
    }

    /// Room for the quantised vector; `nil` for plain formats.
    func quantisedVector(_ layout: MatrixLayout) throws -> QuantisedVector? {
        guard format.isBlocked else { return nil }
        return QuantisedVector(
            values: try queue.buffer(bytes: layout.shape.columns * (tuning.isProcessor ? 2 : 1)),
            scales: try queue.buffer(bytes: 4 * layout.blocks), offsets: try queue.buffer(bytes: 4 * layout.blocks))
    }

    /// The launches of one product, that of x's quantising first where there is one.
    ///
    /// - Parameters:
    ///   - matrix: W.
    ///   - vectors: x, padded with zeros to the layout's stride, and y.
    ///   - quantised: Room for the quantised x, where the format needs it.
    ///   - accumulate: Whether y += W·x.
    /// - Returns: A launch for each allocation of W, and one for x.
    /// - Throws: `TrialFailure` when the device fails.
    func launches(
        _ matrix: StoredMatrix, _ vectors: Vectors, _ quantised: QuantisedVector? = nil, accumulate: Bool = false
    ) throws -> [Launch] {
        let first = try quantised.map { [try quantise(vectors.x, $0, blocks: matrix.layout.blocks)] } ?? []
        return try first
            + matrix.chunks.map { try product($0, matrix.layout, vectors, quantised, accumulate: accumulate) }
    }

    private func quantise(_ x: Buffer, _ quantised: QuantisedVector, blocks: Int) throws -> Launch {
        guard let quantiser else { throw TrialFailure(.failed, "\(format.rawValue) quantises no vector") }
        let run = tuning.isProcessor ? (blocks + tuning.units - 1) / tuning.units : 1
        let items = (blocks + run - 1) / run
        let kernel = try quantiser.kernel(
            "quantise_blocks", .buffer(x), .buffer(quantised.values), .buffer(quantised.scales),
            .buffer(quantised.offsets), .uint(blocks), .uint(run))
        let local = tuning.isProcessor ? 1 : min(32, kernel.workGroupSize)
        return Launch(kernel: kernel, groups: [(items + local - 1) / local], local: [local])
    }

    private func product(
        _ chunk: StoredMatrix.Chunk, _ layout: MatrixLayout, _ vectors: Vectors, _ quantised: QuantisedVector?,
        accumulate: Bool
    ) throws -> Launch {
        let panels = layout.panels(chunk.rows)
        // At least 16 items a unit to balance the load, at most a mebibyte an item.
        let run = max(1, min(panels / (tuning.units * 16), (1 << 20) / max(layout.panelBytes, 1)))
        let each = tuning.isProcessor ? run * layout.panelRows : Self.rowsOfGroup
        var arguments: [Argument] = [.buffer(chunk.weights)]
        var length = tuning.isProcessor ? layout.shape.columns : layout.panelBytes / 16
        if let quantised, let scales = chunk.scales {
            arguments += [
                .buffer(scales), .buffer(quantised.values), .buffer(quantised.scales), .buffer(quantised.offsets),
            ]
            length = layout.blocks
        } else {
            arguments.append(.buffer(vectors.x))
        }
        arguments += [
            .buffer(vectors.y), .uint(vectors.firstResult + chunk.firstRow), .uint(chunk.rows), .uint(length),
            .uint(accumulate ? 1 : 0), .uint(run),
        ]
        let kernel = try products.kernel(Self.name(format))
        for (index, argument) in arguments.enumerated() { try kernel.set(index, argument) }
        return Launch(kernel: kernel, groups: [(chunk.rows + each - 1) / each], local: [local])
    }
}
