import NodeModel

/// The kernels of tokens' attention over caches, and their launches.
final class AttentionKernels {
    /// What one attention works on.
    struct Operands {
        /// f32, all query heads of each row.
        let query: Buffer
        /// [sequence][position][key-value heads][head dimension] in 16 bits.
        let keys: Buffer
        let values: Buffer
        /// f32, all query heads of each row.
        let output: Buffer
        /// The sequence and the position of each row; `nil` for one row at the last position.
        var places: Buffer?
        /// How far apart rows of queries are; `nil` for no gaps.
        var stride: Int?
    }

    /// The most bytes of sums an item keeps for itself: more would not fit a second-level cache, nor a thread's stack.
    private static let mostPrivateBytes = 256 << 10

    let notes: [String: String]
    private let shape: AttentionShape
    private let tuning: Tuning
    private let attending: Program
    private let merging: Program
    private let local: Int
    private let mergeLocal: Int
    private let parts: Buffer
    private let lastPosition: Buffer

    /// Builds the kernels for one shape.
    ///
    /// - Parameters:
    ///   - shape: The dimensions, with the positions there are of each sequence.
    ///   - rows: The most rows at a time.
    ///   - format: The format of the cache, bf16 or f16.
    ///   - queue: The device.
    ///   - tuning: How its kernels are shaped.
    /// - Throws: `TrialFailure` for shapes they cannot have.
    init(_ shape: AttentionShape, rows: Int = 1, format: Precision, queue: DeviceQueue, tuning: Tuning) throws {
        try Self.validate(shape, format)
        self.shape = shape
        self.tuning = tuning
        let element = format == .bf16 ? ["BF16"] : []
        let sizes = ["HEADS=\(shape.heads)", "GROUPS=\(shape.keyValueHeads)", "HEAD=\(shape.headDimension)"]
        if tuning.isProcessor {
            guard 4 * shape.queryWidth <= Self.mostPrivateBytes else {
                throw TrialFailure(.unsupported, "\(shape): more than \(Self.mostPrivateBytes) bytes of query")
            }
            attending = try queue.build(
                ["sixteen_bit", "exponential", "attention_runs"], options: element + ["V=16"] + sizes)
            (local, mergeLocal) = (1, 1)
        } else {
            let lanes = shape.headDimension / 8
            (attending, local) = try queue.build(
                ["sixteen_bit", "attention_groups"], kernels: ["attend"],
                options: element + ["V=8", "MATES=\(Self.mates(shape))"] + sizes,
                localSizes: tuning.localSizes(from: max(128, lanes)).filter { $0 >= max(lanes, 8) })
            mergeLocal = min(local, 64)
        }
        merging = try queue.build(
            ["attention_merge"], options: ["HEAD=\(shape.headDimension)", "LOCAL=\(mergeLocal)"])
        let runs = Self.runs(shape, rows: 1, tuning)
        parts = try queue.buffer(
            bytes: 4 * shape.heads * (shape.headDimension + 2) * Self.mostParts(shape, rows: rows, tuning))
        lastPosition = try queue.buffer([0, UInt32(shape.contextTokens - 1)])
        notes = [
            "kernel": tuning.isProcessor
                ? "\(runs) runs of positions, an item each"
                : "\(runs) runs of positions, \(Self.mates(shape)) query heads a group of \(local)",
            "options": attending.options,
        ]
    }

    /// The parts of the number of rows that has most of them.
    private static func mostParts(_ shape: AttentionShape, rows: Int, _ tuning: Tuning) -> Int {
        (1...max(rows, 1)).reduce(0) { most, count in
            let runs = runs(shape, rows: count, tuning)
            return max(most, runs > 1 ? count * runs : 0)
        }
    }

    private static func validate(_ shape: AttentionShape, _ format: Precision) throws {
        guard format == .bf16 || format == .f16 else {
            throw TrialFailure(.unsupported, "a cache in \(format.rawValue); the OpenCL kernels have bf16 and f16")
        }
        guard shape.heads > 0, shape.keyValueHeads > 0, shape.heads.isMultiple(of: shape.keyValueHeads),
            (16...1_024).contains(shape.headDimension), shape.headDimension.isMultiple(of: 16),
            (1...1 << 24).contains(shape.contextTokens)
        else {
            throw TrialFailure(
                .unsupported, "\(shape): expected heads that share key heads evenly, and heads of 16 to 1024 values")
        }
    }

    /// How many of the query heads that share a key head a group keeps in registers.
    private static func mates(_ shape: AttentionShape) -> Int {
        let all = shape.heads / shape.keyValueHeads
        return (1...min(all, 8)).last { all.isMultiple(of: $0) } ?? 1
    }

    /// Runs of positions of each row: enough that all units have work, none so short that merging costs more than it
    /// gains.
    private static func runs(_ shape: AttentionShape, rows: Int, _ tuning: Tuning) -> Int {
        let groups = rows * (tuning.isProcessor ? 1 : shape.heads / mates(shape))
        let wanted = (tuning.units * (tuning.isProcessor ? 4 : 8) + groups - 1) / groups
        return max(min(wanted, shape.contextTokens / 64), 1)
    }

    /// The launches of the attention of some rows.
    ///
    /// - Parameters:
    ///   - operands: The buffers.
    ///   - rows: How many rows there are, at most as many as there were to be.
    /// - Returns: One launch, or two where there are several runs of positions.
    /// - Throws: `TrialFailure` when the device fails.
    func launches(_ operands: Operands, rows: Int = 1) throws -> [Launch] {
        let runs = Self.runs(shape, rows: rows, tuning)
        let kernel = try attending.kernel(
            "attend", .buffer(operands.query), .buffer(operands.keys), .buffer(operands.values), .buffer(parts),
            .buffer(operands.output), .buffer(operands.places ?? lastPosition),
            .uint(operands.stride ?? shape.queryWidth), .uint(shape.contextTokens))
        let groups = tuning.isProcessor ? [runs, rows] : [runs, shape.heads / Self.mates(shape), rows]
        let attend = Launch(kernel: kernel, groups: groups, local: tuning.isProcessor ? [1, 1] : [local, 1, 1])
        guard runs > 1 else { return [attend] }
        let merge = try merging.kernel(
            "merge_attention", .buffer(parts), .buffer(operands.output), .uint(shape.heads), .uint(runs))
        return [attend, Launch(kernel: merge, groups: [shape.heads, rows], local: [mergeLocal, 1])]
    }
}
