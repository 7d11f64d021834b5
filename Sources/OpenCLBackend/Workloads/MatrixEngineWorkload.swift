import Analysis
import NodeModel

/// C = A·B on a device's matrix engine, C in f32 or int32; making operands ready, where that is needed, is timed with it.
final class MatrixEngineWorkload: PreparedWorkload {
    let work: Work
    let notes: [String: String]
    private let product: CheckedProduct

    /// Makes a product ready, cut up in the first of an engine's ways that the device can run.
    ///
    /// - Parameters:
    ///   - product: The shape and the formats.
    ///   - engine: An engine the device has.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - seed: The seed of the data.
    ///   - remarks: What else is to be noted, such as why a better engine was passed over.
    /// - Throws: `TrialFailure`, unsupported when none of the ways fits the device.
    init(
        _ product: EngineProduct, _ engine: MatrixEngine, queue: DeviceQueue, device: Device, seed: UInt32,
        remarks: [String: String] = [:]
    ) throws {
        let shape = product.shape
        try CheckedProduct.validate(shape)
        guard engine.formats.contains(product.format) else {
            throw TrialFailure(
                .unsupported,
                "\(engine.name) has no \(product.format.precision.rawValue) with \(product.format.accumulator.rawValue) sums"
            )
        }
        let (program, geometry) = try Self.build(product, engine, queue: queue, device: device)
        let layout = EngineLayout(product, engine, geometry)
        try MemoryGuard.checkWhole(layout.largestBuffer(shape), on: device)
        try MemoryGuard.check(deviceBytes: layout.bytes(shape), hostBytes: 8 * shape.m * shape.n, device: device)
        let operands = try MatrixOperands(product, engine, geometry, queue: queue)
        self.product = try CheckedProduct(
            product, a: operands.a, b: operands.b, isRounded: false, queue: queue, seed: seed)
        let kernel = try program.kernel(
            "multiply_matrices", .buffer(operands.left.buffer), .buffer(operands.right.buffer), .buffer(self.product.c),
            .uint(shape.m), .uint(shape.n), .uint(layout.steps), .uint(operands.left.pitch),
            .uint(operands.right.pitch))
        let down = (shape.m + geometry.rows - 1) / geometry.rows
        let across = (shape.n + geometry.columns - 1) / geometry.columns
        let multiply = Launch(kernel: kernel, groups: [down * across], local: [geometry.items(lanes: engine.lanes)])
        self.product.launches = operands.launches + [multiply]
        let elements = layout.elementBytes * (shape.m * shape.k + shape.k * shape.n)
        work = Work(flops: shape.flops, bytes: Double(elements + 4 * shape.m * shape.n))
        let own = [
            "kernel": "\(engine.name), \(geometry.description)", "options": program.options,
            "operands": operands.description,
        ]
        notes = own.merging(remarks) { first, _ in first }
    }

    /// The first geometry that the device has memory and registers for; small products get the least tile, so that
    /// every compute unit has work.
    private static func build(
        _ product: EngineProduct, _ engine: MatrixEngine, queue: DeviceQueue, device: Device
    ) throws -> (Program, MatrixGeometry) {
        let shape = product.shape
        let memory = device.properties["local_memory_bytes"].flatMap { Int($0) } ?? engine.localLimit
        let ways = engine.geometries.filter { way in
            let tiles = (shape.m + way.rows - 1) / way.rows * ((shape.n + way.columns - 1) / way.columns)
            return way.localBytes <= memory && (tiles >= device.computeUnits || way == engine.geometries.last)
        }
        for way in ways {
            let macros = engine.macros(product.format, way)
            let program =
                engine.isAssembly
                ? try queue.buildAssembly(engine.source, values: macros)
                : try queue.build(engine.sources, options: macros, flags: engine.flags)
            let kernel = try program.kernel("multiply_matrices")
            if kernel.workGroupSize >= way.items(lanes: engine.lanes) { return (program, way) }
        }
        throw TrialFailure(
            .unsupported, "the product's kernel for \(engine.name) needs more local memory or registers than there are")
    }

    func run(repetitions: Int) throws -> TimedBatch { try product.run(repetitions: repetitions) }

    func verify() throws -> Verification { try product.verify() }
}
