import NodeModel

/// The kernels of GPUs: few rows at a time over neighbouring weights, or tiles in local memory for many.
final class TileProducts: RowProducts {
    /// The rows up to which weights are read once and not kept.
    private static let fewRows = 16
    private static let outputsOfGroup = 4
    private static let tile = 8

    let tileRows = 1
    private let columns: Int
    private let queue: DeviceQueue
    private let tuning: Tuning
    private var rowPrograms: [[String]: (Program, Int)] = [:]
    private var tilePrograms: [[String]: (Program, Int)] = [:]

    /// Takes a device.
    ///
    /// - Parameters:
    ///   - rows: The most rows at a time.
    ///   - queue: The device.
    ///   - tuning: How its kernels are shaped.
    init(rows: Int, queue: DeviceQueue, tuning: Tuning) {
        columns = min(rows, 8)
        (self.queue, self.tuning) = (queue, tuning)
    }

    var notes: [String: String] {
        let widths = tilePrograms.values.map { Self.tile * $0.1 }.sorted()
        let tiles = widths.first.map { "local-memory tiles of \($0)x\($0)" }
        let few = rowPrograms.isEmpty ? nil : "\(Self.outputsOfGroup) outputs by \(columns) rows a group"
        return ["rows": [tiles, few].compactMap(\.self).joined(separator: ", ")]
    }

    func prepare(_ product: RowProduct, _ layout: MatrixLayout) throws -> [Launch] { [] }

    func multiply(_ matrix: StoredMatrix, _ product: RowProduct) throws -> [Launch] {
        let isFew = product.rows <= Self.fewRows * (product.visits?.experts ?? 1)
        let (program, size) = try isFew ? rowProgram(matrix.layout, product) : tileProgram(matrix.layout, product)
        return try matrix.chunks.map { chunk in
            let outputs = product.visits?.outputs ?? chunk.rows
            var arguments: [Argument] = [.buffer(chunk.weights)]
            if let scales = chunk.scales { arguments.append(.buffer(scales)) }
            arguments += [
                .buffer(product.x), .buffer(product.y), .uint(product.rows), .uint(matrix.layout.shape.columns),
                .uint(product.width), .uint(product.firstResult + chunk.firstRow), .uint(outputs),
                .uint(product.accumulate ? 1 : 0),
            ]
            if let visits = product.visits {
                arguments += [
                    .buffer(visits.first), .buffer(visits.rowOf), .uint(visits.range.lowerBound),
                    .uint(visits.isGathered ? 1 : 0),
                ]
            }
            let kernel = try program.kernel(isFew ? "multiply_rows" : "multiply_tiles")
            for (index, argument) in arguments.enumerated() { try kernel.set(index, argument) }
            let matrices = product.visits?.range.count ?? 1
            return isFew
                ? few(kernel, outputs: outputs, matrices: matrices, local: size)
                : tiles(kernel, outputs: outputs, rows: product, matrices: matrices, width: size)
        }
    }

    private func few(_ kernel: Kernel, outputs: Int, matrices: Int, local: Int) -> Launch {
        let groups = (outputs + Self.outputsOfGroup - 1) / Self.outputsOfGroup
        return Launch(kernel: kernel, groups: [groups, matrices], local: [local, 1])
    }

    private func tiles(_ kernel: Kernel, outputs: Int, rows product: RowProduct, matrices: Int, width: Int) -> Launch {
        let tile = Self.tile * width
        // No expert gets more visits than there are tokens.
        let rows = product.visits.map { product.rows / $0.perToken } ?? product.rows
        return Launch(
            kernel: kernel, groups: [(outputs + tile - 1) / tile, (rows + tile - 1) / tile, matrices],
            local: [width, width, 1])
    }

    private func macros(_ layout: MatrixLayout, _ product: RowProduct) -> [String] {
        layout.macros + ["V=8"] + (product.visits == nil ? [] : ["EXPERTS"])
    }

    private func rowProgram(_ layout: MatrixLayout, _ product: RowProduct) throws -> (Program, Int) {
        let options = macros(layout, product) + ["ROWS=\(Self.outputsOfGroup)", "COLUMNS=\(columns)"]
        if let known = rowPrograms[options] { return known }
        let built = try queue.build(
            ["sixteen_bit", "inference_weights", "inference_rows"], kernels: ["multiply_rows"], options: options,
            localSizes: tuning.localSizes(from: 128))
        rowPrograms[options] = built
        return built
    }

    private func tileProgram(_ layout: MatrixLayout, _ product: RowProduct) throws -> (Program, Int) {
        let options = macros(layout, product)
        if let known = tilePrograms[options] { return known }
        for width in [16, 8, 4, 1] where width * width <= tuning.maximumGroup {
            let program = try queue.build(
                ["sixteen_bit", "inference_weights", "inference_tiles"], options: options + ["W_ITEMS=\(width)"])
            guard try program.kernel("multiply_tiles").workGroupSize >= width * width else { continue }
            tilePrograms[options] = (program, width)
            return (program, width)
        }
        throw TrialFailure(.unsupported, "no work-group size fits the kernel multiply_tiles")
    }
}
