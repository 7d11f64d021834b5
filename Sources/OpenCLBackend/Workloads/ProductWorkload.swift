import Analysis
import NodeModel

/// C = A·B in f32, row-major in and out; packing, where a device's kernels pack, is part of the timed product.
final class ProductWorkload: PreparedWorkload {
    let work: Work
    let notes: [String: String]
    private let shape: GEMMShape
    private let queue: DeviceQueue
    private let filler: Filler
    private let a: Buffer
    private let b: Buffer
    private let c: Buffer
    private let launches: [Launch]
    private let keys: (a: UInt32, b: UInt32)
    private let seed: UInt32
    private var hasRun = false

    init(shape: GEMMShape, queue: DeviceQueue, device: Device, tuning: Tuning, seed: UInt32) throws {
        guard [shape.m, shape.n, shape.k].allSatisfy({ (1...65_536).contains($0) }) else {
            throw TrialFailure(.unsupported, "\(shape): each dimension must be between 1 and 65536")
        }
        let operands = 4 * (shape.m * shape.k + shape.k * shape.n + shape.m * shape.n)
        try MemoryGuard.check(
            deviceBytes: tuning.isProcessor ? 2 * operands : operands, hostBytes: operands, device: device)
        self.shape = shape
        self.queue = queue
        self.seed = seed
        keys = (SeededData.key(seed: seed, stream: 0xa), SeededData.key(seed: seed, stream: 0xb))
        filler = try Filler(queue: queue)
        a = try queue.buffer(bytes: 4 * shape.m * shape.k)
        b = try queue.buffer(bytes: 4 * shape.k * shape.n)
        c = try queue.buffer(bytes: 4 * shape.m * shape.n)
        let operandsOnDevice = ProductKernels.Operands(a: a, b: b, c: c, shape: shape)
        let kernels =
            try tuning.isProcessor
            ? ProductKernels.panels(operandsOnDevice, queue: queue, tuning: tuning)
            : ProductKernels.tiles(operandsOnDevice, queue: queue, device: device, tuning: tuning)
        launches = kernels.launches
        notes = kernels.notes
        work = Work(flops: shape.flops, bytes: Double(operands))
        try fill(.uniform)
    }

    private func fill(_ kind: FillKind) throws {
        queue.announce("filling the operands of \(shape)", .prepare)
        try filler.fill(a, kind, count: shape.m * shape.k, key: keys.a)
        try filler.fill(b, kind, count: shape.k * shape.n, key: keys.b)
    }

    func run(repetitions: Int) throws -> TimedBatch {
        hasRun = true
        return try queue.run(launches, repetitions: repetitions)
    }

    func verify() throws -> Verification {
        let timed = hasRun ? try sampled() : nil
        try fill(.integers)
        try runPoisoned()
        let exact = try freivalds()
        try fill(.uniform)
        try runPoisoned()
        let floating = try timed.map { $0.and(try sampled()) } ?? sampled()
        // What is found here after the timed runs must be theirs.
        try filler.poison(c)
        hasRun = false
        return exact.and(floating)
    }

    private func runPoisoned() throws {
        try filler.poison(c)
        queue.announce("checking \(shape)", .verify)
        try queue.run(launches)
    }

    private func result() throws -> [Float] { try queue.read(c, Float.self, count: shape.m * shape.n) }

    private func freivalds() throws -> Verification {
        let a = (0..<shape.m * shape.k).map {
            SeededData.smallInteger(key: keys.a, index: UInt32(truncatingIfNeeded: $0))
        }
        let b = (0..<shape.k * shape.n).map {
            SeededData.smallInteger(key: keys.b, index: UInt32(truncatingIfNeeded: $0))
        }
        return ProductCheck.freivalds(shape, a: a, b: b, c: try result(), seed: seed)
    }

    private func sampled() throws -> Verification {
        let (keys, shape) = (keys, shape)
        return ProductCheck.sampled(
            shape, seed: seed,
            a: { SeededData.uniform(key: keys.a, index: UInt32(truncatingIfNeeded: $0 * shape.k + $1)) },
            b: { SeededData.uniform(key: keys.b, index: UInt32(truncatingIfNeeded: $0 * shape.n + $1)) },
            c: try result())
    }
}

/// The two ways to multiply: panels for processors, tiles in local memory for GPUs.
enum ProductKernels {
    struct Operands {
        let a: Buffer
        let b: Buffer
        let c: Buffer
        let shape: GEMMShape
    }

    struct Built {
        let launches: [Launch]
        let notes: [String: String]
    }

    static func panels(_ operands: Operands, queue: DeviceQueue, tuning: Tuning) throws -> Built {
        let shape = operands.shape
        let (rows, vectors) = tuning.productTile
        let columns = vectors * tuning.lanes
        let program = try queue.build(
            ["product_panels"],
            options: ["V=\(tuning.lanes)", "MR=\(rows)", "NV=\(vectors)", "KC=\(tuning.productRun)"])
        let left = (shape.m + rows - 1) / rows
        let right = (shape.n + columns - 1) / columns
        let packedA = try queue.buffer(bytes: 4 * left * rows * shape.k)
        let packedB = try queue.buffer(bytes: 4 * right * columns * shape.k)
        let run = 256
        let runs = (shape.k + run - 1) / run
        let block = tuning.productBlock(left: left, right: right)
        let one = [1, 1]
        let launches = [
            Launch(
                kernel: try program.kernel(
                    "pack_rows", .buffer(operands.a), .buffer(packedA), .uint(shape.m), .uint(shape.k), .uint(run)),
                groups: [left, runs], local: one),
            Launch(
                kernel: try program.kernel(
                    "pack_columns", .buffer(operands.b), .buffer(packedB), .uint(shape.n), .uint(shape.k), .uint(run)),
                groups: [right, runs], local: one),
            Launch(
                kernel: try program.kernel(
                    "multiply_panels", .buffer(packedA), .buffer(packedB), .buffer(operands.c), .uint(shape.m),
                    .uint(shape.n), .uint(shape.k), .uint(block.left), .uint(block.right)),
                groups: [(left + block.left - 1) / block.left, (right + block.right - 1) / block.right], local: one),
        ]
        let notes = ["kernel": "packed panels, \(rows)x\(columns) register tile", "options": program.options]
        return Built(launches: launches, notes: notes)
    }

    static func tiles(_ operands: Operands, queue: DeviceQueue, device: Device, tuning: Tuning) throws -> Built {
        let shape = operands.shape
        var widths = [16, 8, 4, 1].filter { $0 * $0 <= tuning.maximumGroup }
        // Small products need the smaller tile to give every unit work.
        if ((shape.m + 127) / 128) * ((shape.n + 127) / 128) < tuning.units, widths.count > 2 { widths.removeFirst() }
        for width in widths {
            let depth = width == 16 ? 16 : 8
            let program = try queue.build(["product_tiles"], options: ["W=\(width)", "TK=\(depth)"])
            let kernel = try program.kernel(
                "multiply_tiles", .buffer(operands.a), .buffer(operands.b), .buffer(operands.c), .uint(shape.m),
                .uint(shape.n), .uint(shape.k))
            guard kernel.workGroupSize >= width * width else { continue }
            let tile = 8 * width
            let launch = Launch(
                kernel: kernel, groups: [(shape.n + tile - 1) / tile, (shape.m + tile - 1) / tile],
                local: [width, width])
            let notes = [
                "kernel": "local-memory tiles, \(tile)x\(tile)x\(depth), 8x8 an item", "options": program.options,
            ]
            return Built(launches: [launch], notes: notes)
        }
        throw TrialFailure(.unsupported, "\(device.name) cannot run work-groups of the product's kernel")
    }
}
