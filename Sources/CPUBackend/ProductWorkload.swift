import Analysis
import CPUKernels
package import NodeModel

/// C = A·B in f32, f16, bf16 (C in f32) or int8 (C in int32), with B packed ahead of time.
package final class ProductWorkload: PreparedWorkload {
    private let context: KernelContext
    private let handle: OpaquePointer
    private let operands: ProductOperands
    private let shape: GEMMShape
    private let format: ProductFormat
    private var packing = nw_interval()
    private var hasTimedOutput = false

    /// Bytes for a shape: the operands, what the kernels take on so many threads, the copies of C that are compared, and
    /// room for page sizes.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - precision: The operands' format.
    ///   - isa: The kernels.
    ///   - threads: The size of the team.
    ///   - l2Bytes: What a thread has of the L2 caches to itself, 0 where unknown.
    /// - Returns: Bytes, an upper bound; 0 for a format there are no kernels for.
    package static func bytesNeeded(
        _ shape: GEMMShape, _ precision: Precision, isa: InstructionSet, threads: Int, l2Bytes: Int
    ) -> Int {
        guard let format = ProductFormat.all[precision] else { return 0 }
        var spec = nw_gemm_spec(format, shape)
        return ProductOperands.bytes(shape, format) + nw_gemm_bytes(isa.handle, &spec, l2Bytes, Int32(threads))
            + 12 * shape.m * shape.n + (16 << 20)
    }

    convenience init(_ context: KernelContext, shape: GEMMShape, precision: Precision, l2Bytes: Int) throws {
        guard let format = ProductFormat.all[precision] else {
            throw TrialFailure(.unsupported, "the native kernels have no \(precision.rawValue) gemm")
        }
        try self.init(context, shape: shape, format: format, l2Bytes: l2Bytes)
    }

    /// Makes a product of uint8 and int8 ready, which tests check though no workload asks for it.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - isa: The kernels.
    ///   - threads: The hardware threads.
    ///   - seed: The seed of all random data.
    /// - Throws: `TrialFailure` when the system gives no memory or no thread.
    package convenience init(unsignedBytes shape: GEMMShape, isa: InstructionSet, threads: [Int], seed: UInt32) throws {
        let context = KernelContext(isa: isa, team: try ThreadTeam(threads: threads), seed: seed)
        try self.init(context, shape: shape, format: .unsignedBytes, l2Bytes: 0)
    }

    private init(_ context: KernelContext, shape: GEMMShape, format: ProductFormat, l2Bytes: Int) throws {
        self.context = context
        self.shape = shape
        self.format = format
        operands = try ProductOperands(shape, format)
        var spec = nw_gemm_spec(format, shape)
        var handle: OpaquePointer?
        try check(
            nw_gemm_create(context.team.handle, context.isa.handle, &spec, l2Bytes, &handle),
            "preparing the product \(shape)")
        guard let handle else { throw TrialFailure(.failed, "the product is missing") }
        self.handle = handle
        try prepare(format.random)
    }

    deinit { nw_gemm_destroy(handle) }

    package var work: Work {
        let elements = Double(shape.m * shape.k + shape.k * shape.n)
        return Work(
            flops: shape.flops, bytes: Double(format.elementBytes) * elements + 4 * Double(shape.m * shape.n))
    }

    package var notes: [String: String] {
        let b = nw_gemm_get_blocking(handle)
        let microseconds = (packing.end_ns - packing.start_ns) / 1_000
        let blocking = [
            "blocking": "mr \(b.mr) nr \(b.nr) mc \(b.mc) kc \(b.kc)",
            "thread grid": "\(b.row_groups)x\(b.column_groups)",
            "b": "packed once ahead of time, as inference engines pack weights, in \(microseconds) us, not counted",
        ]
        return context.notes.merging(blocking) { first, _ in first }
    }

    package func run(repetitions: Int) throws -> TimedBatch {
        let batch = try multiply(repetitions: max(repetitions, 1))
        hasTimedOutput = true
        return batch
    }

    package func measuredClock() -> ClockSpread? { context.measuredClock }

    package func verify() throws -> Verification {
        // Making ready the next product mends the guard bands.
        let timed = hasTimedOutput ? (result: result, guards: operands.guardCheck) : nil
        try prepare(format.integers)
        _ = try multiply(repetitions: 1)
        let integers = result
        var outcome = operands.guardCheck.and(operands.writtenCheck(integers)).and(freivalds(integers))
        try prepare(format.random)
        _ = try multiply(repetitions: 1)
        outcome = outcome.and(operands.guardCheck).and(verification(of: result))
        if let timed {
            outcome = outcome.and(timed.guards).and(verification(of: timed.result))
                .and(sameBits(timed.result, result))
        }
        hasTimedOutput = false
        // What is found here after the timed runs must be theirs.
        try operands.poison(context)
        return outcome
    }

    // MARK: Checks

    /// Freivalds' check of a result on integers, which are made anew and not read from memory.
    private func freivalds(_ result: [UInt32]) -> Verification {
        let (keyA, keyB, format, shape) = (key(.a), key(.b), format, shape)
        return ProductCheck.freivalds(
            shape,
            a: { row in (0..<shape.k).map { format.integer(.a, key: keyA, index: row * shape.k + $0) } },
            b: { row in (0..<shape.n).map { format.integer(.b, key: keyB, index: row * shape.n + $0) } },
            c: { row in
                let bits = result[row * shape.n..<(row + 1) * shape.n]
                return format.isInteger
                    ? bits.map(Int32.init(bitPattern:)) : ProductCheck.integers(bits.map(Float.init(bitPattern:)))
            }, seed: context.seed)
    }

    /// A result of the random operands: every element must be written, elements at the edges of whatever is computed
    /// apart and random ones are held against the float64 oracle.
    ///
    /// Bytes are checked whole instead of at random: their random operands are the integers of Freivalds' check.
    package func verification(of result: [UInt32]) -> Verification {
        let (keyA, keyB, format, shape) = (key(.a), key(.b), format, shape)
        guard result.count == shape.m * shape.n else { return Self.wrongSize }
        func a(_ row: Int, _ k: Int) -> Float { format.value(.a, key: keyA, index: row * shape.k + k) }
        func b(_ k: Int, _ column: Int) -> Float { format.value(.b, key: keyB, index: k * shape.n + column) }
        let edges = ProductBorders(shape, nw_gemm_get_blocking(handle)).edges(seed: context.seed)
        let outcome = operands.writtenCheck(result).and(
            ProductCheck.crossings(
                shape, rows: edges.rows, columns: edges.columns, exact: format.isInteger, a: a, b: b,
                c: { format.number(result[$0 * shape.n + $1]) }))
        if format.isInteger { return outcome.and(freivalds(result)) }
        let values = result.map(Float.init(bitPattern:))
        return outcome.and(ProductCheck.sampled(shape, seed: context.seed, a: a, b: b, c: values))
    }

    private static let wrongSize = Verification(
        passed: false, method: "size", worst: .infinity, detail: "C of the wrong size")

    /// The timed output must be that of the checked run to the bit: the order of summation does not vary.
    private func sameBits(_ first: [UInt32], _ second: [UInt32]) -> Verification {
        let place = first.indices.first { first[$0] != second[$0] }
        return Verification(
            passed: place == nil, method: "timed output equals the checked one to the bit",
            worst: place == nil ? 0 : .infinity,
            detail: place.map { "C[\($0 / shape.n)][\($0 % shape.n)] differs between two runs" })
    }

    /// The kernels' product, so that tests can make it go wrong and see the checks fail.
    package var kernelHandle: OpaquePointer { handle }

    /// The product as it lies in memory: bits of f32, or int32.
    package var result: [UInt32] { operands.result }

    // MARK: Runs

    private func key(_ operand: ProductOperand) -> UInt32 {
        SeededData.key(seed: context.seed, stream: 0x6e00 + operand.rawValue)
    }

    /// Fills A and B, packs B, poisons C.
    private func prepare(_ kind: nw_fill_kind) throws {
        try operands.fill(kind, context, keyA: key(.a), keyB: key(.b))
        try check(nw_gemm_pack_b(handle, operands.b, &packing), "packing B of \(shape)")
        try operands.poison(context)
    }

    private func multiply(repetitions: Int) throws -> TimedBatch {
        var interval = nw_interval()
        try check(
            nw_gemm_run(handle, operands.a, operands.c, Int64(repetitions), &interval), "multiplying \(shape)")
        return TimedBatch(interval, repetitions: repetitions)
    }
}

extension nw_gemm_spec {
    /// A product of matrices without gaps between their rows.
    fileprivate init(_ format: ProductFormat, _ shape: GEMMShape) {
        let (m, n, k) = (Int64(shape.m), Int64(shape.n), Int64(shape.k))
        self.init(format: format.kernel, m: m, n: n, k: k, lda: k, ldb: n, ldc: n)
    }
}
