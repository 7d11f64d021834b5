import Analysis
package import NodeModel

/// y = W·x with stored weights, as every matrix of an LLM's decode step computes it; copies of W in turn.
package final class GEMVWorkload: PreparedWorkload {
    /// Floats before and after y that the kernel must leave alone.
    private static let guardBand = 1024
    private static let guardValue: Float = -12_345.5
    /// The streams are those of the CPU's own kernels: the same seed, the same weights.
    private static let stream: UInt32 = 0x6e7a

    package let work: Work
    package let notes: [String: String]
    private let shape: GEMVShape
    private let format: WeightFormat
    private let seed: UInt32
    private let queue: DeviceQueue
    private let filler: MatrixFiller
    private let layout: MatrixLayout
    private let matrices: [StoredMatrix]
    private let turns: [[Launch]]
    private let vectors: GEMVKernels.Vectors
    private let x: [Float]
    /// The copy of the last product, and that of the last timed one.
    private var last: Int
    private var hasTimedOutput = false

    /// Allocates and fills the copies.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - precision: The weights' format.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - tuning: How its kernels are shaped.
    ///   - rotation: How many bytes of copies there are to be.
    ///   - seed: The seed of the data.
    /// - Throws: `TrialFailure`, unsupported for a shape or format that cannot be, skipped where memory is short.
    init(
        shape: GEMVShape, precision: Precision, queue: DeviceQueue, device: Device, tuning: Tuning,
        rotation: Rotation, seed: UInt32
    ) throws {
        let format = try Self.format(shape, precision)
        let layout = MatrixLayout(shape, format, tuning: tuning)
        (self.shape, self.format, self.layout, self.seed, self.queue) = (shape, format, layout, seed, queue)
        let wanted = rotation.copies(of: layout.bytes)
        try MemoryGuard.check(
            deviceBytes: wanted * layout.bytes, hostBytes: 16 * (shape.rows + shape.columns), device: device)
        let kernels = try GEMVKernels(layout, queue: queue, device: device, tuning: tuning)
        let filler = try MatrixFiller(layout, queue: queue)
        self.filler = filler
        let copies = try Rotation.make(wanted) { copy in
            let matrix = try StoredMatrix(layout, queue: queue, device: device)
            try filler.fill(matrix, keys: Self.keys(seed, copy: copy, stream: Self.stream))
            return matrix
        }
        matrices = copies
        let key = SeededData.key(seed: seed, stream: Self.stream)
        x = (0..<shape.columns).map { SeededData.uniform(key: key, index: UInt32($0)) }
        vectors = GEMVKernels.Vectors(
            x: try queue.buffer([Float](repeating: 0, count: layout.stride)),
            y: try queue.buffer(bytes: 4 * (shape.rows + 2 * Self.guardBand)), firstResult: Self.guardBand)
        let (vectors, quantised) = (vectors, try kernels.quantisedVector(layout))
        turns = try copies.map { try kernels.launches($0, vectors, quantised) }
        last = copies.count - 1
        work = Work(flops: shape.flops, bytes: Double(format.bytes(of: shape.rows * shape.columns)))
        notes = kernels.notes.merging(["copies": "\(copies.count), used in turn"]) { first, _ in first }
            .merging(Self.padding(layout)) { first, _ in first }
        try queue.write(x, to: vectors.x)
        try poison()
    }

    private static func format(_ shape: GEMVShape, _ precision: Precision) throws -> WeightFormat {
        guard let format = WeightFormat(precision) else {
            let known = WeightFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw TrialFailure(.unsupported, "the OpenCL kernels have no \(precision.rawValue) gemv, only \(known)")
        }
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
        return format
    }

    /// The most of what is read beside the weights that goes without saying.
    private static let quietPadding = 0.01

    /// What fills panels and 16-byte words adds to the bytes read, where it matters; it is not counted.
    private static func padding(_ layout: MatrixLayout) -> [String: String] {
        let counted = layout.format.bytes(of: layout.shape.rows * layout.shape.columns)
        let share = Double(layout.bytes) / Double(counted) - 1
        guard share > quietPadding else { return [:] }
        let percent = (share * 1_000).rounded() / 10
        return [
            TrialRecord.paddingNote:
                "zeros that fill panels of \(layout.panelRows) rows and 16-byte words are read beside the weights "
                + "counted, \(percent) % more bytes than the rate says"
        ]
    }

    package func run(repetitions: Int) throws -> TimedBatch {
        let batch = try multiply(repetitions: repetitions)
        hasTimedOutput = true
        return batch
    }

    private func multiply(repetitions: Int) throws -> TimedBatch {
        let batch = try queue.run(turns: turns, first: (last + 1) % turns.count, repetitions: repetitions)
        last = (last + repetitions) % turns.count
        return batch
    }

    package func verify() throws -> Verification {
        let timed = hasTimedOutput ? try result() : nil
        let timedCopy = last
        var outcome = try verifyIntegers()
        if let timed { outcome = outcome.and(verification(of: timed, copy: timedCopy)) }
        try poison()
        // The last product of the check is made with the copy the timed ones ended with.
        last = (timedCopy + turns.count - 1) % turns.count
        _ = try multiply(repetitions: 1)
        let checked = try result()
        outcome = outcome.and(verification(of: checked, copy: timedCopy)).and(try guardCheck())
        if let timed { outcome = outcome.and(sameBits(timed, checked)) }
        hasTimedOutput = false
        // What is found here after the timed runs must be theirs.
        try poison()
        return outcome
    }

    // MARK: Checks

    /// The same launches on the first copy filled with small integers.
    private func verifyIntegers() throws -> Verification {
        let keys = Self.keys(seed, copy: 0, stream: Self.stream + 1)
        let vector = GEMVOracle.integerVector(
            columns: shape.columns, format: format, key: SeededData.key(seed: seed, stream: Self.stream + 1))
        try filler.fill(matrices[0], isInteger: true, keys: keys)
        try queue.write(vector, to: vectors.x)
        try poison()
        queue.announce("checking \(shape)", .verify)
        try queue.run(turns[0])
        let y = try result()
        try queue.write(x, to: vectors.x)
        try filler.fill(matrices[0], keys: Self.keys(seed, copy: 0, stream: Self.stream))
        queue.announce("checking \(shape) on the host", .verify)
        let oracle = GEMVOracle(shape: shape, format: format, data: .integers, keys: keys)
        return GEMVCheck.integers(oracle, x: vector, y: y)
    }

    /// Rows of a result of a copy against the float64 oracle; every element must be a number.
    package func verification(of result: [Float], copy: Int) -> Verification {
        let keys = Self.keys(seed, copy: copy, stream: Self.stream)
        let oracle = GEMVOracle(shape: shape, format: format, data: .random, keys: keys)
        return GEMVCheck.sampled(oracle, rows: borders, seed: seed, x: x, y: result)
    }

    /// The first and last rows, and those where panels and allocations begin and end.
    private var borders: [Int] {
        let chunks = matrices[0].chunks.flatMap { [$0.firstRow - 1, $0.firstRow, $0.firstRow + layout.panelRows] }
        return ([0, layout.panelRows - 1, layout.panelRows, shape.rows - 1] + chunks).filter {
            (0..<shape.rows).contains($0)
        }
    }

    /// The timed output must be that of the checked run to the bit: the order of summation does not vary.
    private func sameBits(_ first: [Float], _ second: [Float]) -> Verification {
        let place = first.indices.first { first[$0].bitPattern != second[$0].bitPattern }
        return Verification(
            passed: place == nil, method: "timed output equals the checked one to the bit",
            worst: place == nil ? 0 : .infinity, detail: place.map { "y[\($0)] differs between two runs" })
    }

    private func guardCheck() throws -> Verification {
        let all = try queue.read(vectors.y, Float.self, count: shape.rows + 2 * Self.guardBand)
        let intact = (all.prefix(Self.guardBand) + all.suffix(Self.guardBand)).allSatisfy { $0 == Self.guardValue }
        return Verification(
            passed: intact, method: "guard bands around y", worst: intact ? 0 : .infinity,
            detail: intact ? nil : "the kernel wrote outside y")
    }

    private static func keys(_ seed: UInt32, copy: Int, stream: UInt32) -> (weights: UInt32, scales: UInt32) {
        let own = SeededData.key(seed: seed, stream: stream)
        let first = UInt32(truncatingIfNeeded: 2 * copy)
        return (SeededData.key(seed: own, stream: first), SeededData.key(seed: own, stream: first + 1))
    }

    // MARK: What tests look at and change

    /// The product as it lies in memory.
    package func result() throws -> [Float] {
        try queue.read(vectors.y, Float.self, count: shape.rows, from: Self.guardBand)
    }

    /// How many copies of the matrix are used in turn.
    package var copies: Int { turns.count }

    /// The copy the last product was made with.
    package var lastCopy: Int { last }

    /// Changes one 32-bit word of a copy's stored weights, so that tests can see the checks fail.
    package func corrupt(copy: Int, word: Int, flipping bits: UInt32) throws {
        let buffer = matrices[copy].chunks[0].weights
        var words = try queue.read(buffer, UInt32.self, count: buffer.bytes / 4)
        words[word] ^= bits
        try queue.write(words, to: buffer)
    }

    private func poison() throws {
        let band = [Float](repeating: Self.guardValue, count: Self.guardBand)
        try queue.write(band + [Float](repeating: .nan, count: shape.rows) + band, to: vectors.y)
    }
}
