import NodeModel

/// A product of several rows: Y = X·Wᵀ, or Y += X·Wᵀ.
struct RowProduct {
    /// [rows][columns of W], f32.
    var x: Buffer
    /// [rows][`width`], f32.
    let y: Buffer
    /// Rows of X and Y.
    let rows: Int
    /// Columns of Y.
    let width: Int
    /// The column of Y that is made of W's first row.
    var firstResult = 0
    /// Whether the product is added to Y.
    var accumulate = false
    /// Which rows of X go to which matrix, where W holds several; `nil` for a single matrix.
    var visits: ExpertRows?
}

/// Rows of X divided among matrices one below the other, as ``ExpertKernels`` plans them.
struct ExpertRows {
    /// The first visit of each expert, and the number of all.
    let first: Buffer
    /// The same of tiles of visits.
    let tiles: Buffer
    /// The row of each visit.
    let rowOf: Buffer
    /// Whether X has a row for each token, not for each visit.
    let isGathered: Bool
    /// Experts of each token.
    let perToken: Int
    /// All experts of the layer.
    let experts: Int
    /// The experts W holds.
    let range: Range<Int>
    /// Rows of one expert's matrix.
    let outputs: Int
}

/// Products of several rows with the weights in the layout that products of one row read.
protocol RowProducts: AnyObject {
    /// What the record says of them.
    var notes: [String: String] { get }

    /// The rows that tiles of visits have.
    var tileRows: Int { get }

    /// What makes X ready, once for all matrices of as many columns that it is multiplied with.
    func prepare(_ product: RowProduct, _ layout: MatrixLayout) throws -> [Launch]

    /// The launches of the product with each allocation of W.
    func multiply(_ matrix: StoredMatrix, _ product: RowProduct) throws -> [Launch]

    /// Whether activations are rounded to a format of weights before they are multiplied.
    func rounds(_ format: WeightFormat) -> Bool

    /// Activations as these products take them, for a product of one row.
    func rounded(_ x: Buffer, rows: Int, _ layout: MatrixLayout) throws -> (launches: [Launch], x: Buffer)
}

extension RowProducts {
    func rounds(_ format: WeightFormat) -> Bool { false }

    func rounded(_ x: Buffer, rows: Int, _ layout: MatrixLayout) throws -> (launches: [Launch], x: Buffer) { ([], x) }
}

/// The kernels of processors: strips of weights unpacked to f32, which a cache holds while all rows pass.
final class StripProducts: RowProducts {
    /// The columns of a tile that one item packs.
    private static let packedRun = 256

    let tileRows: Int
    private let vectors: Int
    private let run: Int
    private let queue: DeviceQueue
    private let tuning: Tuning
    private let packed: Buffer
    private var programs: [String: Program] = [:]

    /// Reserves room for X.
    ///
    /// - Parameters:
    ///   - rows: The most rows at a time.
    ///   - packedFloats: The most floats of X in whole tiles of at most ``mostTileRows``.
    ///   - queue: The device.
    ///   - tuning: How its kernels are shaped.
    /// - Throws: `TrialFailure` when the device fails.
    init(rows: Int, packedFloats: Int, queue: DeviceQueue, tuning: Tuning) throws {
        let most = Self.mostTileRows(tuning)
        let tiles = (rows + most - 1) / most
        tileRows = (rows + tiles - 1) / tiles
        // 24 sums leave eight of 32 registers for weights and values of X, 12 four of 16.
        vectors = min(4, (tuning.lanes == 16 ? 24 : 12) / tileRows)
        // With few rows memory is the limit, which short strips keep busy; with many a level-one cache holds long ones.
        run = rows <= 16 ? 32 : 128
        (self.queue, self.tuning) = (queue, tuning)
        packed = try queue.buffer(bytes: 4 * packedFloats)
    }

    /// The most rows of a tile of X.
    static func mostTileRows(_ tuning: Tuning) -> Int { tuning.lanes == 16 ? 8 : 6 }

    /// The floats of X in whole tiles.
    static func packedFloats(rows: Int, columns: Int, experts: Int, _ tuning: Tuning) -> Int {
        // Each expert's last tile may be nearly empty.
        (rows + mostTileRows(tuning) * (1 + min(experts, rows))) * columns
    }

    var notes: [String: String] {
        [
            "rows": "strips of \(vectors * tuning.lanes) outputs by \(run) columns unpacked to f32, \(tileRows) rows "
                + "a register tile"
        ]
    }

    private func program(_ layout: MatrixLayout, experts: Int?) throws -> Program {
        let options =
            layout.macros + ["V=\(tuning.lanes)", "MR=\(tileRows)", "NV=\(vectors)", "KC=\(run)"]
            + (experts.map { ["EXPERTS=\($0)"] } ?? [])
        let name = options.joined(separator: " ")
        let program = try programs[name] ?? queue.build(["sixteen_bit", "inference_strips"], options: options)
        programs[name] = program
        return program
    }

    func prepare(_ product: RowProduct, _ layout: MatrixLayout) throws -> [Launch] {
        let (visits, columns) = (product.visits, layout.shape.columns)
        var arguments: [Argument] = [
            .buffer(product.x), .buffer(packed), .uint(product.rows), .uint(columns), .uint(Self.packedRun),
        ]
        if let visits {
            arguments += [
                .buffer(visits.first), .buffer(visits.tiles), .buffer(visits.rowOf), .uint(visits.isGathered ? 1 : 0),
            ]
        }
        let kernel = try program(layout, experts: visits?.experts).kernel("pack_rows")
        for (index, argument) in arguments.enumerated() { try kernel.set(index, argument) }
        let spare = visits.map { min($0.experts, product.rows) } ?? 0
        let tiles = (product.rows + tileRows - 1) / tileRows + spare
        let runs = (columns + Self.packedRun - 1) / Self.packedRun
        return [Launch(kernel: kernel, groups: [tiles, runs], local: [1, 1])]
    }

    func multiply(_ matrix: StoredMatrix, _ product: RowProduct) throws -> [Launch] {
        let layout = matrix.layout
        let program = try program(layout, experts: product.visits?.experts)
        return try matrix.chunks.map { chunk in
            let outputs = product.visits?.outputs ?? chunk.rows
            var arguments: [Argument] = [.buffer(chunk.weights)]
            if let scales = chunk.scales { arguments.append(.buffer(scales)) }
            arguments += [
                .buffer(packed), .buffer(product.y), .uint(product.rows), .uint(layout.shape.columns),
                .uint(product.width), .uint(product.firstResult + chunk.firstRow), .uint(outputs),
                .uint(product.accumulate ? 1 : 0),
            ]
            if let visits = product.visits {
                arguments += [.buffer(visits.first), .buffer(visits.tiles), .uint(visits.range.lowerBound)]
            }
            let kernel = try program.kernel("multiply_strips")
            for (index, argument) in arguments.enumerated() { try kernel.set(index, argument) }
            let strips = (layout.panels(outputs) + vectors - 1) / vectors
            return Launch(kernel: kernel, groups: [strips, product.visits?.range.count ?? 1], local: [1, 1])
        }
    }
}
