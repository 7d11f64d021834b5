import Analysis
import CPUKernels
package import NodeModel

/// C = A·B in f32.
package final class ProductWorkload: PreparedWorkload {
    /// Floats before and after C that the kernel must leave alone.
    private static let guardBand = 1024
    private static let guardValue: Float = -12_345.5

    private let context: KernelContext
    private let handle: OpaquePointer
    private let memory: KernelMemory
    private let shape: GEMMShape
    private var hasTimedOutput = false

    /// Bytes for a shape: the operands, and copies of them for the checks.
    static func bytesNeeded(_ shape: GEMMShape) -> Int {
        2 * 4 * (shape.m * shape.k + shape.k * shape.n + shape.m * shape.n) + (64 << 20)
    }

    init(_ context: KernelContext, shape: GEMMShape, caches: CacheShares) throws {
        self.context = context
        self.shape = shape
        let floats = shape.m * shape.k + shape.k * shape.n + shape.m * shape.n + 2 * Self.guardBand + 3 * 16
        memory = try KernelMemory(bytes: 4 * floats)
        var handle: OpaquePointer?
        let (m, n, k) = (Int64(shape.m), Int64(shape.n), Int64(shape.k))
        try check(
            nw_gemm_create(context.team.handle, context.isa.handle, m, n, k, k, n, n, caches.kernelArgument, &handle),
            "preparing the product \(shape)")
        guard let handle else { throw TrialFailure(.failed, "the product is missing") }
        self.handle = handle
        try fillOperands(NW_FILL_UNIFORM_F32)
        try poison()
    }

    deinit { nw_gemm_destroy(handle) }

    package var work: Work {
        Work(flops: shape.flops, bytes: 4 * Double(shape.m * shape.k + shape.k * shape.n + shape.m * shape.n))
    }

    package var notes: [String: String] {
        let b = nw_gemm_get_blocking(handle)
        let blocking = [
            "blocking": "mr \(b.mr) nr \(b.nr) mc \(b.mc) nc \(b.nc) kc \(b.kc)",
            "thread grid": "\(b.row_groups)x\(b.column_groups)",
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
        let timed = hasTimedOutput ? result : nil
        var outcome = try verifyIntegers()
        try fillOperands(NW_FILL_UNIFORM_F32)
        try poison()
        _ = try multiply(repetitions: 1)
        outcome = outcome.and(verification(of: result))
        if let timed { outcome = outcome.and(verification(of: timed)).and(sameBits(timed, result)) }
        hasTimedOutput = false
        // What is found here after the timed runs must be theirs.
        try poison()
        return outcome
    }

    // MARK: Checks

    /// Freivalds' check of the same kernel on small integers.
    private func verifyIntegers() throws -> Verification {
        try fillOperands(NW_FILL_SMALL_INTEGER_F32)
        try poison()
        _ = try multiply(repetitions: 1)
        return guardCheck.and(
            ProductCheck.freivalds(
                shape, a: copy(a, shape.m * shape.k), b: copy(b, shape.k * shape.n), c: result, seed: context.seed))
    }

    /// Samples of a result of the random operands against the float64 oracle; every element must be a number.
    package func verification(of result: [Float]) -> Verification {
        let (keyA, keyB) = (key(1), key(2))
        let sampled = ProductCheck.sampled(
            shape, seed: context.seed,
            a: { [shape] in SeededData.uniform(key: keyA, index: UInt32(truncatingIfNeeded: $0 * shape.k + $1)) },
            b: { [shape] in SeededData.uniform(key: keyB, index: UInt32(truncatingIfNeeded: $0 * shape.n + $1)) },
            c: result)
        let missing = result.firstIndex { !$0.isFinite }
        return sampled.and(
            Verification(
                passed: missing == nil, method: "every element written", worst: missing == nil ? 0 : .infinity,
                detail: missing.map { "C[\($0 / shape.n)][\($0 % shape.n)] is not a number" }))
    }

    /// The timed output must be that of the checked run to the bit: the order of summation does not vary.
    private func sameBits(_ first: [Float], _ second: [Float]) -> Verification {
        let place = first.indices.first { first[$0].bitPattern != second[$0].bitPattern }
        return Verification(
            passed: place == nil, method: "timed output equals the checked one to the bit",
            worst: place == nil ? 0 : .infinity,
            detail: place.map { "C[\($0 / shape.n)][\($0 % shape.n)] differs between two runs" })
    }

    private var guardCheck: Verification {
        let bands = copy(c - Self.guardBand, Self.guardBand) + copy(c + shape.m * shape.n, Self.guardBand)
        let intact = bands.allSatisfy { $0 == Self.guardValue }
        return Verification(
            passed: intact, method: "guard bands around C", worst: intact ? 0 : .infinity,
            detail: intact ? nil : "the kernel wrote outside C")
    }

    // MARK: Operands

    // Each operand begins on a cache line.
    private var a: UnsafeMutablePointer<Float> { memory.floats() }
    private var b: UnsafeMutablePointer<Float> { memory.floats(at: (shape.m * shape.k + 15) / 16 * 16) }
    private var c: UnsafeMutablePointer<Float> { b + (shape.k * shape.n + 15) / 16 * 16 + Self.guardBand }

    /// The product as it lies in memory.
    package var result: [Float] { copy(c, shape.m * shape.n) }

    private func copy(_ start: UnsafeMutablePointer<Float>, _ count: Int) -> [Float] {
        Array(UnsafeBufferPointer(start: start, count: count))
    }

    private func key(_ operand: UInt32) -> UInt32 { SeededData.key(seed: context.seed, stream: 0x6e00 + operand) }

    private func multiply(repetitions: Int) throws -> TimedBatch {
        var interval = nw_interval()
        try check(nw_gemm_run(handle, a, b, c, Int64(repetitions), &interval), "multiplying \(shape)")
        return TimedBatch(interval, repetitions: repetitions)
    }

    private func fillOperands(_ kind: nw_fill_kind) throws {
        for (start, count, operand) in [(a, shape.m * shape.k, UInt32(1)), (b, shape.k * shape.n, 2)] {
            try check(
                nw_fill(context.team.handle, context.isa.handle, start, kind, key(operand), 0, count),
                "filling the operands of \(shape)")
        }
    }

    private func poison() throws {
        // Filled by the team first, so that its threads and not this one touch the pages first.
        try check(
            nw_fill(
                context.team.handle, context.isa.handle, c, NW_FILL_UNIFORM_F32, key(3), 0, shape.m * shape.n),
            "filling the result of \(shape)")
        c.update(repeating: .nan, count: shape.m * shape.n)
        (c - Self.guardBand).update(repeating: Self.guardValue, count: Self.guardBand)
        (c + shape.m * shape.n).update(repeating: Self.guardValue, count: Self.guardBand)
    }
}
