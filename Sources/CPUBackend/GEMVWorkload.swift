import Analysis
import CPUKernels
package import NodeModel

/// y = W·x with stored weights, as every matrix of an LLM's decode step computes it.
package final class GEMVWorkload: PreparedWorkload {
    /// Floats before and after y that the kernel must leave alone.
    private static let guardBand = 1024
    private static let guardValue: Float = -12_345.5
    private static let stream: UInt32 = 0x6e7a

    private let context: KernelContext
    private let matrix: WeightMatrixCopies
    private let memory: KernelMemory
    private let shape: GEMVShape
    private let format: WeightFormat
    private var hasTimedOutput = false

    /// The bytes of weights that the products go through before one is read again: 32 times the last-level caches, but
    /// no more than a gibibyte unless that is less than four times.
    ///
    /// Of four times its size, a cache that does not simply drop the oldest line still served a tenth.
    ///
    /// - Parameters:
    ///   - topology: The running machine.
    ///   - memory: What is available.
    /// - Returns: Bytes, a lower bound.
    static func rotatedBytes(_ topology: Topology, _ memory: MemoryGuard) -> Int {
        let cache = topology.lastLevelCacheBytes
        let most = min(1 << 30, (memory.availableBytes ?? .max) / 8)
        return max(4 * cache, cache > 0 ? min(32 * cache, most) : most)
    }

    /// Bytes for a shape: the copies of W, one more for the checks, and room for vectors and page sizes.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - format: The weights' format.
    ///   - rotatedBytes: What ``rotatedBytes(_:_:)`` said.
    /// - Returns: Bytes, an upper bound.
    /// - Throws: `TrialFailure` for a shape the format cannot have.
    static func bytesNeeded(_ shape: GEMVShape, _ format: WeightFormat, rotatedBytes: Int) throws -> Int {
        try validate(shape, format)
        // The kernels pad rows to whole panels.
        let rows = (shape.rows + widestPanel - 1) / widestPanel * widestPanel
        let bytes = format.bytes(of: rows * shape.columns)
        return max(bytes, rotatedBytes) + 2 * bytes + 32 * (shape.rows + shape.columns) + (64 << 20)
    }

    /// The most rows that lie side by side: the lanes of AVX-512 and of 512-bit SVE.
    private static let widestPanel = 16

    /// The format of weights that a precision names.
    ///
    /// - Throws: `TrialFailure` where weights cannot have it.
    static func format(_ precision: Precision) throws -> WeightFormat {
        guard let format = WeightFormat(precision) else {
            let known = WeightFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw TrialFailure(
                .unsupported, "the native kernels have no \(precision.rawValue) gemv, only \(known)")
        }
        return format
    }

    private static func validate(_ shape: GEMVShape, _ format: WeightFormat) throws {
        let range = 1...GEMVShape.largest
        guard range.contains(shape.rows), range.contains(shape.columns) else {
            throw TrialFailure(.unsupported, "\(shape): rows and columns must be 1 to \(GEMVShape.largest)")
        }
        guard !format.isBlocked || shape.columns.isMultiple(of: WeightFormat.blockLength) else {
            throw TrialFailure(
                .unsupported,
                "\(shape.columns) columns are no whole blocks of \(format.rawValue): choose a multiple of "
                    + "\(WeightFormat.blockLength)")
        }
    }

    init(_ context: KernelContext, shape: GEMVShape, format: WeightFormat, rotatedBytes: Int) throws {
        try Self.validate(shape, format)
        self.context = context
        self.shape = shape
        self.format = format
        matrix = try WeightMatrixCopies(context, shape, format, rotatedBytes: rotatedBytes)
        memory = try KernelMemory(bytes: 4 * (shape.columns + shape.rows + 2 * Self.guardBand + 2 * 16))
        try matrix.fill(NW_WEIGHTS_RANDOM, stream: Self.stream)
        let key = SeededData.key(seed: context.seed, stream: Self.stream)
        try check(
            nw_fill(context.team.handle, context.isa.handle, x, NW_FILL_UNIFORM_F32, key, 0, shape.columns),
            "filling the vector of \(shape)")
        poison()
    }

    /// The weights' bytes, stored without padding, are what is counted; x and y add less than a hundredth.
    package var work: Work {
        Work(flops: shape.flops, bytes: Double(format.bytes(of: shape.rows * shape.columns)))
    }

    package var notes: [String: String] {
        let rows = matrix.panelRows
        let facts = [
            "layout": rows == 1 ? "row after row" : "panels of \(rows) rows",
            "copies": "\(matrix.count), used in turn",
            "vector": format.isBlocked ? "int8 in blocks of 32, f32 scales, quantised in the timed part" : "f32",
        ]
        return context.notes.merging(facts) { first, _ in first }.merging(padding) { first, _ in first }
    }

    /// The most of what is read beside the weights that goes without saying.
    private static let quietPadding = 0.01

    /// What the rows that fill the last panel add to the bytes read, where it matters; they are not counted.
    private var padding: [String: String] {
        let panel = matrix.panelRows
        let added = (shape.rows + panel - 1) / panel * panel - shape.rows
        let share = Double(added) / Double(shape.rows)
        guard share > Self.quietPadding else { return [:] }
        let percent = (share * 1_000).rounded() / 10
        return [
            TrialRecord.paddingNote:
                "panels of \(panel) rows: \(added) rows of zeros are read beside the \(shape.rows) counted, "
                + "\(percent) % more bytes than the rate says"
        ]
    }

    package func measuredClock() -> ClockSpread? { context.measuredClock }

    package func run(repetitions: Int) throws -> TimedBatch {
        let batch = try matrix.multiply(x, y, repetitions: max(repetitions, 1))
        hasTimedOutput = true
        return batch
    }

    package func verify() throws -> Verification {
        var outcome = try verifyIntegers()
        let timed = hasTimedOutput ? result : nil
        if let timed { outcome = outcome.and(verification(of: timed)) }
        poison()
        // As many products as there are copies end with the copy the timed ones ended with.
        _ = try matrix.multiply(x, y, repetitions: matrix.count)
        outcome = outcome.and(verification(of: result)).and(guardCheck)
        if let timed { outcome = outcome.and(sameBits(timed, result)) }
        hasTimedOutput = false
        // What is found here after the timed runs must be theirs.
        poison()
        return outcome
    }

    // MARK: Checks

    /// The same kernels on one copy of small integers.
    private func verifyIntegers() throws -> Verification {
        let integers = try WeightMatrixCopies(context, shape, format, rotatedBytes: 0)
        try integers.fill(NW_WEIGHTS_INTEGER, stream: Self.stream + 1)
        let key = SeededData.key(seed: context.seed, stream: Self.stream + 1)
        let vector = GEMVOracle.integerVector(columns: shape.columns, format: format, key: key)
        var output = [Float](repeating: .nan, count: shape.rows)
        _ = try vector.withUnsafeBufferPointer { x in
            try output.withUnsafeMutableBufferPointer { y in
                guard let from = x.baseAddress, let to = y.baseAddress else { return }
                _ = try integers.multiply(from, to, repetitions: 1)
            }
        }
        return GEMVCheck.integers(integers.oracle(copy: 0, .integers, stream: Self.stream + 1), x: vector, y: output)
    }

    /// Rows of a result of the last copy used against the float64 oracle; every element must be a number.
    package func verification(of result: [Float]) -> Verification {
        GEMVCheck.sampled(
            matrix.oracle(copy: matrix.lastCopy, .random, stream: Self.stream), rows: borders, seed: context.seed,
            x: Array(UnsafeBufferPointer(start: x, count: shape.columns)), y: result)
    }

    /// The first and last row, and those where one thread's rows end and the next one's begin.
    private var borders: [Int] {
        let threads = context.team.threads.count
        let panels = (shape.rows + matrix.panelRows - 1) / matrix.panelRows
        let inner = (1..<max(threads, 2)).flatMap { thread -> [Int] in
            let border = panels * thread / threads * matrix.panelRows
            return [border - 1, border]
        }
        return ([0, shape.rows - 1] + inner).filter { (0..<shape.rows).contains($0) }
    }

    /// The timed output must be that of the checked run to the bit: the order of summation does not vary.
    private func sameBits(_ first: [Float], _ second: [Float]) -> Verification {
        let place = first.indices.first { first[$0].bitPattern != second[$0].bitPattern }
        return Verification(
            passed: place == nil, method: "timed output equals the checked one to the bit",
            worst: place == nil ? 0 : .infinity, detail: place.map { "y[\($0)] differs between two runs" })
    }

    private var guardCheck: Verification {
        let intact = (0..<Self.guardBand).allSatisfy {
            y[-1 - $0] == Self.guardValue && y[shape.rows + $0] == Self.guardValue
        }
        return Verification(
            passed: intact, method: "guard bands around y", worst: intact ? 0 : .infinity,
            detail: intact ? nil : "the kernel wrote outside y")
    }

    /// Changes one stored weight byte of a copy, so that tests can see the checks fail.
    package func corrupt(copy: Int, row: Int, byte: Int, flipping bits: UInt8) throws {
        try matrix.change(copy: copy, row: row) { $0[byte] ^= bits }
    }

    /// How many copies of the matrix are used in turn.
    package var copies: Int { matrix.count }

    /// How many rows lie side by side.
    package var panelRows: Int { matrix.panelRows }

    // MARK: Operands

    // Both begin on a cache line.
    private var x: UnsafeMutablePointer<Float> { memory.floats() }
    private var y: UnsafeMutablePointer<Float> { memory.floats(at: (shape.columns + 15) / 16 * 16 + Self.guardBand) }

    /// The product as it lies in memory.
    package var result: [Float] { Array(UnsafeBufferPointer(start: y, count: shape.rows)) }

    private func poison() {
        y.update(repeating: .nan, count: shape.rows)
        (y - Self.guardBand).update(repeating: Self.guardValue, count: Self.guardBand)
        (y + shape.rows).update(repeating: Self.guardValue, count: Self.guardBand)
    }
}
