import NodeModel

/// Products of many rows on a GPU's matrix engine, which takes activations rounded to the weights' 16-bit format.
///
/// What the engine cannot do, few rows and experts, is done by the kernels without one, on activations rounded alike: a
/// model has one way to be right.
final class EngineProducts: RowProducts {
    /// The rows up to which an engine's tiles would be nearly empty.
    private static let fewRows = 16
    static let local = 256

    let tileRows = 1
    private let others: TileProducts
    private let format: WeightFormat
    private let units: Int
    private let ways: [EngineWay]
    private let tallest: Int
    private let helpers: Program
    private let queue: DeviceQueue
    /// X in 16 bits, padded to whole tiles, X rounded in f32, and sums that are yet to be added.
    private let narrow, wide, sums: Buffer

    /// Finds an engine of a device, and reserves room for its operands; `nil` where no engine can be used.
    ///
    /// - Parameters:
    ///   - step: What is computed.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - tuning: How its kernels are shaped.
    ///   - emulated: An emulated engine to take in place of the device's, in tests.
    /// - Throws: `TrialFailure` when the device fails.
    init?(_ step: InferenceStep, queue: DeviceQueue, device: Device, tuning: Tuning, emulated: MatrixEngine?) throws {
        let (capacity, model) = (InferenceCapacity(step), step.model)
        let precision = step.weights.precision
        guard !tuning.isProcessor, precision == .f16 || precision == .bf16, capacity.rows > Self.fewRows else {
            return nil
        }
        self.queue = queue
        (format, units) = (step.weights, tuning.units)
        helpers = try queue.build(
            ["sixteen_bit", "inference_engine"],
            options: (step.weights == .bf16 ? ["BF16"] : []) + ["V=8", "LOCAL=\(Self.local)"])
        let found = try EngineWay.all(EngineFormat(precision, .f32), queue: queue, device: device, emulated: emulated)
        let check = EngineWayCheck(step.weights, helpers: helpers, queue: queue, device: device, tuning: tuning)
        ways = try found.filter { try !$0.engine.isAssembly || check.passes($0) }
        guard !ways.isEmpty, try helpers.kernel("round_rows").workGroupSize >= Self.local else { return nil }
        tallest = ways.map(\.geometry.rows).max() ?? 1
        others = TileProducts(rows: capacity.rows, queue: queue, tuning: tuning)
        let widest = max(model.hidden, model.queryWidth, model.feedForwardWidth)
        let rows = (capacity.rows + tallest - 1) / tallest * tallest
        narrow = try queue.buffer(bytes: 2 * rows * widest)
        wide = try queue.buffer(bytes: 4 * max(capacity.rows, capacity.visits) * widest)
        sums = try queue.buffer(bytes: 4 * rows * Self.mostOutputs(model))
    }

    private static func mostOutputs(_ model: ModelShape) -> Int {
        max(model.queryWidth + 2 * model.keyValueWidth, model.hidden, 2 * model.feedForwardWidth, model.vocabulary)
    }

    /// The rows of weights that tiles read at a time, of which the last may lie beyond a matrix.
    static let mostColumns = 256

    /// What it allocates.
    static func bytes(_ step: InferenceStep) -> Int {
        let (capacity, model) = (InferenceCapacity(step), step.model)
        let widest = max(model.hidden, model.queryWidth, model.feedForwardWidth)
        return (2 * (capacity.rows + mostColumns) + 4 * max(capacity.rows, capacity.visits)) * widest
            + 4 * (capacity.rows + mostColumns) * mostOutputs(model)
    }

    var notes: [String: String] {
        let names = ways.map { "\($0.engine.name), \($0.geometry.description)" }.joined(separator: "; ")
        return others.notes.merging(["engine": "\(names); activations in \(format.rawValue)"]) { first, _ in first }
    }

    /// Whether the engine makes a product.
    private func takes(_ product: RowProduct, _ layout: MatrixLayout) -> Bool {
        layout.format == format && product.rows > Self.fewRows && product.visits == nil
            && ways.allSatisfy { (2 * layout.shape.columns).isMultiple(of: $0.geometry.depth) }
    }

    func rounds(_ format: WeightFormat) -> Bool { format == self.format }

    func rounded(_ x: Buffer, rows: Int, _ layout: MatrixLayout) throws -> (launches: [Launch], x: Buffer) {
        guard rounds(layout.format) else { return ([], x) }
        let columns = layout.shape.columns
        let kernel = try helpers.kernel("round_values", .buffer(x), .buffer(wide), .uint(rows), .uint(columns))
        return ([rowwise(kernel, columns: columns, rows: rows)], wide)
    }

    private func rowwise(_ kernel: Kernel, columns: Int, rows: Int) -> Launch {
        Launch(kernel: kernel, groups: [(columns + Self.local - 1) / Self.local, rows], local: [Self.local, 1])
    }

    func prepare(_ product: RowProduct, _ layout: MatrixLayout) throws -> [Launch] {
        let columns = layout.shape.columns
        guard takes(product, layout) else {
            let rows = product.visits.map { $0.isGathered ? product.rows / $0.perToken : product.rows } ?? product.rows
            return try rounded(product.x, rows: rows, layout).launches
        }
        let kernel = try helpers.kernel(
            "round_rows", .buffer(product.x), .buffer(narrow), .uint(product.rows), .uint(columns))
        return [rowwise(kernel, columns: columns, rows: (product.rows + tallest - 1) / tallest * tallest)]
    }

    func multiply(_ matrix: StoredMatrix, _ product: RowProduct) throws -> [Launch] {
        guard takes(product, matrix.layout) else {
            var product = product
            if rounds(matrix.layout.format) { product.x = wide }
            return try others.multiply(matrix, product)
        }
        return try matrix.chunks.flatMap { try multiply($0, columns: matrix.layout.shape.columns, product) }
    }

    private func multiply(_ chunk: StoredMatrix.Chunk, columns: Int, _ product: RowProduct) throws -> [Launch] {
        let way = choose(rows: product.rows, outputs: chunk.rows)
        let isWhole = way.map { $0.writtenRows(product.rows) * product.width * 4 <= product.y.bytes } ?? false
        let isDirect = isWhole && !product.accumulate && chunk.rows == product.width
        guard let way else { throw TrialFailure(.failed, "no way to make \(chunk.rows) outputs") }
        let launch = try way.launch(
            x: narrow, weights: chunk.weights, sums: isDirect ? product.y : sums,
            size: (product.rows, chunk.rows, columns))
        guard !isDirect else { return [launch] }
        let take = try helpers.kernel(
            "take_sums", .buffer(sums), .buffer(product.y), .uint(chunk.rows), .uint(product.width),
            .uint(product.firstResult + chunk.firstRow), .uint(product.accumulate ? 1 : 0))
        return [launch, rowwise(take, columns: chunk.rows, rows: product.rows)]
    }

    /// The best way of which three quarters of the compute units have a tile, else that of the least tiles.
    private func choose(rows: Int, outputs: Int) -> EngineWay? {
        let able = ways.filter { $0.takes(outputs: outputs) }
        return able.first { 4 * $0.tiles(rows: rows, outputs: outputs) >= 3 * units } ?? able.last
    }
}

/// Holds a way against the kernels without an engine, where a driver may have taken a text it cannot run.
struct EngineWayCheck {
    private static let size = (rows: 200, outputs: 512, columns: 416)
    /// Sums of 416 products of at most 2^-5 are some units in the last place of 16 off.
    private static let allowed: Float = 1e-4

    private let format: WeightFormat
    private let helpers: Program
    private let queue: DeviceQueue
    private let device: Device
    private let tuning: Tuning

    init(_ format: WeightFormat, helpers: Program, queue: DeviceQueue, device: Device, tuning: Tuning) {
        (self.format, self.helpers, self.queue, self.device, self.tuning) = (format, helpers, queue, device, tuning)
    }

    /// Whether a product of its own is right.
    func passes(_ way: EngineWay) throws -> Bool {
        queue.announce("checking \(way.engine.name)", .verify)
        let (size, rows) = (Self.size, way.writtenRows(Self.size.rows))
        let layout = MatrixLayout(GEMVShape(rows: size.outputs, columns: size.columns), format, tuning: tuning)
        let matrix = try StoredMatrix(layout, queue: queue, device: device, wholeRows: EngineProducts.mostColumns)
        try MatrixFiller(layout, queue: queue).fill(matrix, keys: (weights: 1, scales: 2))
        let x = try queue.buffer(bytes: 4 * size.rows * size.columns)
        try Filler(queue: queue).fill(x, .uniform, count: size.rows * size.columns, key: 3)
        let (wide, narrow) = (try queue.buffer(bytes: x.bytes), try queue.buffer(bytes: 2 * rows * size.columns))
        let (sums, y) = (
            try queue.buffer(bytes: 4 * rows * size.outputs), try queue.buffer(bytes: 4 * size.rows * size.outputs)
        )
        let product = RowProduct(x: wide, y: y, rows: size.rows, width: size.outputs)
        let launches = try [
            round("round_values", x, wide, rows: size.rows), round("round_rows", x, narrow, rows: rows),
            way.launch(x: narrow, weights: matrix.chunks[0].weights, sums: sums, size: size),
        ]
        do {
            try queue.run(
                launches + TileProducts(rows: size.rows, queue: queue, tuning: tuning).multiply(matrix, product))
        } catch is TrialFailure { return false }
        let count = size.rows * size.outputs
        let (found, expected) = (
            try queue.read(sums, Float.self, count: count), try queue.read(y, Float.self, count: count)
        )
        return zip(found, expected).allSatisfy { abs($0 - $1) <= Self.allowed }
    }

    private func round(_ name: String, _ x: Buffer, _ to: Buffer, rows: Int) throws -> Launch {
        let kernel = try helpers.kernel(
            name, .buffer(x), .buffer(to), .uint(Self.size.rows), .uint(Self.size.columns))
        return Launch(
            kernel: kernel, groups: [(Self.size.columns + EngineProducts.local - 1) / EngineProducts.local, rows],
            local: [EngineProducts.local, 1])
    }
}
