import Analysis
package import NodeModel

/// Attention of one new token over a layer's cache; caches in turn, as the layers of a model.
package final class AttentionWorkload: PreparedWorkload {
    private static let stream: UInt32 = 0xa77e
    /// Makes some positions weigh much more than others, so that reading the wrong key shows.
    private static let queryScale: Float = 8

    package let work: Work
    package let notes: [String: String]
    private let shape: AttentionShape
    private let format: Precision
    private let seed: UInt32
    private let queue: DeviceQueue
    private let filler: Filler
    private let integers: Program
    private let query: [Float]
    private let queryBuffer: Buffer
    private let output: Buffer
    private let caches: [(keys: Buffer, values: Buffer)]
    private let turns: [[Launch]]
    private var last: Int
    private var hasRun = false

    /// Allocates and fills the caches.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - format: The cache's format.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - tuning: How its kernels are shaped.
    ///   - rotation: How many bytes of caches there are to be.
    ///   - seed: The seed of the data.
    /// - Throws: `TrialFailure`, unsupported for shapes and formats that cannot be, skipped where memory is short.
    init(
        _ shape: AttentionShape, format: Precision, queue: DeviceQueue, device: Device, tuning: Tuning,
        rotation: Rotation, seed: UInt32
    ) throws {
        let kernels = try AttentionKernels(shape, format: format, queue: queue, tuning: tuning)
        try MemoryGuard.checkWhole(shape.cacheBytes / 2, on: device)
        let wanted = rotation.copies(of: shape.cacheBytes)
        try MemoryGuard.check(
            deviceBytes: wanted * shape.cacheBytes, hostBytes: 4 * shape.cacheBytes, device: device)
        (self.shape, self.format, self.seed, self.queue) = (shape, format, seed, queue)
        let filler = try Filler(queue: queue)
        self.filler = filler
        integers = try queue.build(
            ["fill", "gemv_fill"], options: (format == .bf16 ? ["BF16"] : []) + ["PANEL=1", "INTEGERS"])
        let key = SeededData.key(seed: seed, stream: Self.stream)
        query = (0..<shape.queryWidth).map { Self.queryScale * SeededData.uniform(key: key, index: UInt32($0)) }
        queryBuffer = try queue.buffer(query)
        output = try queue.buffer(bytes: 4 * shape.queryWidth)
        caches = try Rotation.make(wanted) { copy in
            queue.announce("making a cache of \(shape)", .prepare)
            let made = (
                keys: try queue.buffer(bytes: shape.cacheBytes / 2),
                values: try queue.buffer(bytes: shape.cacheBytes / 2)
            )
            try Self.fill(made, filler, shape, format, seed: seed, copy: copy)
            return made
        }
        let (query, output) = (queryBuffer, output)
        turns = try caches.map {
            try kernels.launches(
                AttentionKernels.Operands(query: query, keys: $0.keys, values: $0.values, output: output))
        }
        last = caches.count - 1
        work = Work(bytes: Double(shape.cacheBytes))
        notes = kernels.notes.merging(["copies": "\(caches.count) caches, used in turn"]) { first, _ in first }
        try filler.poison(output)
    }

    private static func fill(
        _ cache: (keys: Buffer, values: Buffer), _ filler: Filler, _ shape: AttentionShape, _ format: Precision,
        seed: UInt32, copy: Int
    ) throws {
        let kind: FillKind = format == .bf16 ? .cacheBF16 : .cacheF16
        let count = shape.keyValueWidth * shape.contextTokens
        try filler.fill(cache.keys, kind, count: count, key: key(seed, copy: copy, isKey: true))
        try filler.fill(cache.values, kind, count: count, key: key(seed, copy: copy, isKey: false))
    }

    private static func key(_ seed: UInt32, copy: Int, isKey: Bool) -> UInt32 {
        let own = SeededData.key(seed: seed, stream: stream + 1)
        return SeededData.key(seed: own, stream: UInt32(truncatingIfNeeded: 2 * copy + (isKey ? 0 : 1)))
    }

    package func run(repetitions: Int) throws -> TimedBatch {
        hasRun = true
        return try advance(repetitions)
    }

    private func advance(_ repetitions: Int) throws -> TimedBatch {
        let batch = try queue.run(turns: turns, first: (last + 1) % turns.count, repetitions: repetitions)
        last = (last + repetitions) % turns.count
        return batch
    }

    package func verify() throws -> Verification {
        let (timed, timedCopy) = (hasRun ? try result() : nil, last)
        var outcome = try verifyMeans()
        if let timed { outcome = outcome.and(verification(of: timed, copy: timedCopy)) }
        try filler.poison(output)
        _ = try advance(1)
        outcome = outcome.and(verification(of: try result(), copy: last))
        // What is found here after the timed runs must be theirs.
        try filler.poison(output)
        hasRun = false
        return outcome
    }

    // MARK: Checks

    /// The same launches over keys of zero, where all positions weigh the same, and values of small integers.
    private func verifyMeans() throws -> Verification {
        let (count, width) = (shape.contextTokens, shape.keyValueWidth)
        let key = SeededData.key(seed: seed, stream: Self.stream + 2)
        try filler.fill(caches[0].keys, .pattern, count: count * width / 2, key: 0)
        let kernel = try integers.kernel(
            "fill_plain", .buffer(caches[0].values), .uint(count), .uint(width), .uint(width), .uint(0), .word(key),
            .uint(0))
        let local = min(64, kernel.workGroupSize)
        try queue.run([Launch(kernel: kernel, groups: [(width + local - 1) / local, count], local: [local, 1])])
        try filler.poison(output)
        queue.announce("checking attention of \(shape)", .verify)
        try queue.run(turns[0])
        let found = try result()
        try Self.fill(caches[0], filler, shape, format, seed: seed, copy: 0)
        queue.announce("checking attention of \(shape) on the host", .verify)
        var sums = [Int](repeating: 0, count: width)
        for position in 0..<count {
            for column in 0..<width {
                let index = UInt32(truncatingIfNeeded: position * width + column)
                sums[column] += Int(SeededData.smallInteger(key: key, index: index))
            }
        }
        return BlockCheck.means(shape, output: found, sums: sums)
    }

    /// Some heads of a result of a cache against the float64 oracle; every element must be a number.
    package func verification(of result: [Float], copy: Int) -> Verification {
        let heads = Set([0, shape.heads / 3, shape.heads / 2, shape.heads - 1]).sorted()
        return BlockCheck.attention(shape, output: result, heads: heads) { head in
            let dimension = shape.headDimension
            let first = head / (shape.heads / shape.keyValueHeads) * dimension
            return BlockOracle.attention(
                query: Array(query[head * dimension..<(head + 1) * dimension]),
                keys: rows(key: Self.key(seed, copy: copy, isKey: true), first..<first + dimension),
                values: rows(key: Self.key(seed, copy: copy, isKey: false), first..<first + dimension))
        }
    }

    /// Some columns of all positions of a cache, made again from their seed.
    private func rows(key: UInt32, _ columns: Range<Int>) -> [[Float]] {
        (0..<shape.contextTokens).map { position in
            columns.map {
                let index = UInt32(truncatingIfNeeded: position * shape.keyValueWidth + $0)
                return SixteenBit.rounded(SeededData.uniform(key: key, index: index), to: format)
            }
        }
    }

    private func result() throws -> [Float] { try queue.read(output, Float.self, count: shape.queryWidth) }

    /// The attention of another query over another cache, given in its 16 bits, for tests; afterwards the first cache
    /// holds what was given.
    package func apply(query: [Float], keys: [UInt16], values: [UInt16]) throws -> [Float] {
        try queue.write(query, to: queryBuffer)
        try queue.write(keys, to: caches[0].keys)
        try queue.write(values, to: caches[0].values)
        try filler.poison(output)
        try queue.run(turns[0])
        return try result()
    }
}
