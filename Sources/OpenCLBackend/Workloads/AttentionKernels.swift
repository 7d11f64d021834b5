import NodeModel

/// The kernels of one token's attention over a cache, and their launches.
final class AttentionKernels {
    /// What one attention works on.
    struct Operands {
        /// f32, all query heads.
        let query: Buffer
        /// [position][key-value heads][head dimension] in 16 bits.
        let keys: Buffer
        let values: Buffer
        /// f32, all query heads.
        let output: Buffer
    }

    /// The most bytes of sums an item keeps for itself: more would not fit a second-level cache, nor a thread's stack.
    private static let mostPrivateBytes = 256 << 10

    let notes: [String: String]
    private let shape: AttentionShape
    private let runs: Int
    private let tuning: Tuning
    private let attending: Program
    private let merging: Program
    private let local: Int
    private let mergeLocal: Int
    private let parts: Buffer

    /// Builds the kernels for one shape.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - format: The format of the cache, bf16 or f16.
    ///   - queue: The device.
    ///   - tuning: How its kernels are shaped.
    /// - Throws: `TrialFailure` for shapes they cannot have.
    init(_ shape: AttentionShape, format: Precision, queue: DeviceQueue, tuning: Tuning) throws {
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
        runs = Self.runs(shape, tuning)
        parts = try queue.buffer(bytes: 4 * (runs > 1 ? runs * shape.heads * (shape.headDimension + 2) : 1))
        notes = [
            "kernel": tuning.isProcessor
                ? "\(runs) runs of positions, an item each"
                : "\(runs) runs of positions, \(Self.mates(shape)) query heads a group of \(local)",
            "options": attending.options,
        ]
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

    /// Runs of positions: enough that all units have work, none so short that merging costs more than it gains.
    private static func runs(_ shape: AttentionShape, _ tuning: Tuning) -> Int {
        let groups = tuning.isProcessor ? 1 : shape.heads / mates(shape)
        let wanted = (tuning.units * (tuning.isProcessor ? 4 : 8) + groups - 1) / groups
        return max(min(wanted, shape.contextTokens / 64), 1)
    }

    /// The launches of one attention.
    ///
    /// - Parameter operands: The buffers.
    /// - Returns: One launch, or two where there are several runs of positions.
    /// - Throws: `TrialFailure` when the device fails.
    func launches(_ operands: Operands) throws -> [Launch] {
        let run = (shape.contextTokens + runs - 1) / runs
        // Whole runs can be fewer than were wanted.
        let used = (shape.contextTokens + run - 1) / run
        let kernel = try attending.kernel(
            "attend", .buffer(operands.query), .buffer(operands.keys), .buffer(operands.values), .buffer(parts),
            .buffer(operands.output), .uint(shape.contextTokens), .uint(run))
        let groups = tuning.isProcessor ? [used] : [used, shape.heads / Self.mates(shape)]
        let attend = Launch(kernel: kernel, groups: groups, local: tuning.isProcessor ? [1] : [local, 1])
        guard used > 1 else { return [attend] }
        let merge = try merging.kernel(
            "merge_attention", .buffer(parts), .buffer(operands.output), .uint(shape.heads), .uint(used))
        return [attend, Launch(kernel: merge, groups: [shape.heads], local: [mergeLocal])]
    }
}
