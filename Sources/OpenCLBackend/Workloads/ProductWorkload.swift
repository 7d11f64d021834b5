import Analysis
import Isolation
import NodeModel

/// C = A·B by a device's ordinary arithmetic, row-major in and out; C in f32, of int8 in int32.
///
/// Where a device's kernels pack, B is packed ahead of time, as inference engines pack weights and the CPU's own kernels
/// do; A is packed inside the timed product.
final class ProductWorkload: PreparedWorkload {
    let work: Work
    private(set) var notes: [String: String] = [:]
    private let shape: GEMMShape
    private let queue: DeviceQueue
    private let product: CheckedProduct
    private let kernels: ProductKernels

    /// Allocates and fills the operands; the kernel is still to be shaped.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - precision: The format of A and B: f32, and where the kernels are those for processors f16, bf16 or i8.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - tuning: How its kernels are shaped.
    ///   - seed: The seed of the data.
    /// - Throws: `TrialFailure` for formats there is no kernel for, and sizes there is no memory for.
    init(
        shape: GEMMShape, precision: Precision, queue: DeviceQueue, device: Device, tuning: Tuning, seed: UInt32
    ) throws {
        try CheckedProduct.validate(shape)
        guard let macros = ProductKernels.macros(precision, tuning), let size = precision.bytes else {
            throw TrialFailure(
                .unsupported, "no gemm in \(precision.rawValue) by the ordinary arithmetic of a \(device.kind.rawValue)"
            )
        }
        let (left, right, whole) = (size * shape.m * shape.k, size * shape.k * shape.n, 4 * shape.m * shape.n)
        let packing = tuning.isProcessor ? [4 * shape.m * shape.k, 4 * shape.k * shape.n] : []
        try MemoryGuard.checkWhole(([left, right, whole] + packing).max() ?? 0, on: device)
        try MemoryGuard.check(
            deviceBytes: left + right + whole + packing.reduce(0, +), hostBytes: left + right + whole, device: device)
        self.shape = shape
        self.queue = queue
        let formats = EngineFormat(precision, precision == .i8 ? .i32 : .f32)
        // Bytes are filled by whole words.
        product = try CheckedProduct(
            EngineProduct(shape, formats), a: try queue.buffer(bytes: (left + 3) / 4 * 4),
            b: try queue.buffer(bytes: (right + 3) / 4 * 4), isRounded: true, queue: queue, seed: seed)
        kernels = ProductKernels(
            a: product.a, b: product.b, c: product.c, shape: shape, macros: macros, queue: queue,
            tuning: tuning)
        work = Work(flops: shape.flops, bytes: Double(left + right + whole))
    }

    /// Chooses the shape of the kernel.
    ///
    /// - Parameters:
    ///   - order: How.
    ///   - space: Among which.
    /// - Returns: What a search found; `nil` where none was asked for.
    /// - Throws: `TrialFailure` when no shape works.
    func shapeKernel(_ order: TuningOrder, _ space: TuningSpace) throws -> TuningResult? {
        switch order {
        case .seeds: try takeFirst(of: space.seeds)
        case .use(let parameters):
            let isRight = (try? rate(parameters, effort: 0)) != nil
            try takeFirst(of: (isRight ? [parameters] : []) + space.seeds)
        case .search(let seconds):
            let result = Tuner(space, budget: seconds, now: { .now }).search(rate)
            try takeFirst(of: result.best.map { [$0.parameters] } ?? space.seeds)
            return result
        }
        return nil
    }

    private func takeFirst(of candidates: [KernelParameters]) throws {
        var last = TrialFailure(.failed, "no shape of the kernel is known")
        for parameters in candidates {
            do {
                let built = try kernels.build(parameters)
                (product.launches, product.ahead, notes) = (built.launches, built.ahead, built.notes)
                return try runAhead(built)
            } catch let failure as TrialFailure {
                last = failure
            }
        }
        throw last
    }

    /// How long a candidate of a search is timed at least, for each unit of effort.
    private static let timedSeconds = 0.05

    private func runAhead(_ built: ProductKernels.Built) throws {
        if !built.ahead.isEmpty { try queue.run(built.ahead) }
    }

    /// Builds the kernel in a shape, checks what it computes, and times it.
    private func rate(_ parameters: KernelParameters, effort: Int) throws -> Double {
        let built = try kernels.build(parameters)
        try product.poison()
        queue.announce("first run with \(parameters)", .first)
        try runAhead(built)
        let first = try queue.run(built.launches)
        queue.announce("checking \(parameters)", .verify)
        let check = try product.checkTimed()
        guard check.passed else { throw TrialFailure(.failed, "wrong results: \(check.detail ?? check.method)") }
        guard effort > 0 else { return 0 }
        queue.announce("timing \(parameters)", .batch)
        let wanted = Self.timedSeconds * Double(effort) / max(first.secondsPerRepetition.rawValue, 1e-6)
        let timed = try queue.run(built.launches, repetitions: Int(min(max(wanted, 1), 10_000)))
        return (shape.flops / timed.secondsPerRepetition).rawValue
    }

    func run(repetitions: Int) throws -> TimedBatch { try product.run(repetitions: repetitions) }

    func verify() throws -> Verification { try product.verify() }
}

/// The two ways to multiply: panels for processors, tiles in local memory for GPUs.
struct ProductKernels {
    let a: Buffer
    let b: Buffer
    let c: Buffer
    let shape: GEMMShape
    /// What tells the sources the format.
    let macros: [String]
    let queue: DeviceQueue
    let tuning: Tuning

    /// The macros of a format; `nil` where there is no kernel for it.
    static func macros(_ precision: Precision, _ tuning: Tuning) -> [String]? {
        switch precision {
        case .f32: []
        case .f16 where tuning.isProcessor: ["FORMAT_F16"]
        case .bf16 where tuning.isProcessor: ["FORMAT_BF16"]
        case .i8 where tuning.isProcessor: ["FORMAT_I8"]
        default: nil
        }
    }

    struct Built {
        /// What has to run once for each B.
        var ahead: [Launch] = []
        let launches: [Launch]
        let notes: [String: String]
    }

    /// The rows or columns of k that one item packs.
    private static let packedRun = 256

    /// Builds the kernels in a shape.
    ///
    /// - Throws: `TrialFailure` when they cannot be built or run.
    func build(_ parameters: KernelParameters) throws -> Built {
        try tuning.isProcessor ? panels(parameters) : tiles(parameters)
    }

    private func panels(_ parameters: KernelParameters) throws -> Built {
        let (rows, columns) = (parameters["MR"], parameters["NV"] * tuning.lanes)
        let program = try queue.build(
            ["product_panels"],
            options: macros + ["V=\(tuning.lanes)"] + parameters.macros.filter { !$0.hasPrefix("LEFT") })
        let (left, right) = ((shape.m + rows - 1) / rows, (shape.n + columns - 1) / columns)
        let packedA = try queue.buffer(bytes: 4 * left * rows * shape.k)
        let packedB = try queue.buffer(bytes: 4 * right * columns * shape.k)
        let runs = (shape.k + Self.packedRun - 1) / Self.packedRun
        // Many small items balance the load of runtimes that hand them out in runs.
        let isMany = left / parameters["LEFT"] * right >= tuning.units * 64
        let block = isMany ? parameters["LEFT"] : 1
        func launch(_ name: String, _ groups: [Int], _ arguments: Argument...) throws -> Launch {
            let kernel = try program.kernel(name)
            for (index, argument) in arguments.enumerated() { try kernel.set(index, argument) }
            return Launch(kernel: kernel, groups: groups, local: [1, 1])
        }
        let packing = try launch(
            "pack_columns", [right, runs], .buffer(b), .buffer(packedB), .uint(shape.n), .uint(shape.k),
            .uint(Self.packedRun))
        let launches = [
            try launch(
                "pack_rows", [left, runs], .buffer(a), .buffer(packedA), .uint(shape.m), .uint(shape.k),
                .uint(Self.packedRun)),
            try launch(
                "multiply_panels", [(left + block - 1) / block * right, 1], .buffer(packedA), .buffer(packedB),
                .buffer(c), .uint(shape.m), .uint(shape.n), .uint(shape.k), .uint(block)),
        ]
        let notes = [
            "kernel": "packed panels of f32, \(rows)x\(columns) register tile", "options": program.options,
            "b": "packed ahead of time",
        ]
        return Built(ahead: [packing], launches: launches, notes: notes)
    }

    private func tiles(_ parameters: KernelParameters) throws -> Built {
        let (width, depth) = (parameters["W"], parameters["TK"])
        let program = try queue.build(["product_tiles"], options: parameters.macros)
        let kernel = try program.kernel(
            "multiply_tiles", .buffer(a), .buffer(b), .buffer(c), .uint(shape.m), .uint(shape.n), .uint(shape.k))
        guard kernel.workGroupSize >= width * width else {
            throw TrialFailure(.unsupported, "work-groups of \(width)x\(width) are too large for the kernel")
        }
        let tile = 8 * width
        let launch = Launch(
            kernel: kernel, groups: [(shape.n + tile - 1) / tile, (shape.m + tile - 1) / tile], local: [width, width])
        let notes = ["kernel": "local-memory tiles, \(tile)x\(tile)x\(depth), 8x8 an item", "options": program.options]
        return Built(launches: [launch], notes: notes)
    }
}
