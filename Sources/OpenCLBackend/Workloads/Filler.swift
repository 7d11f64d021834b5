import NodeModel

/// What a buffer can be filled with, by the kernels of `fill.cl`.
enum FillKind: String {
    case words = "fill_words"
    case uniform = "fill_uniform"
    case integers = "fill_integers"
    case integersBF16 = "fill_integers_bf16"
    case integersF16 = "fill_integers_f16"
    case signsF16 = "fill_signs_f16"
    case pattern = "fill_pattern"
    case cacheBF16 = "fill_cache_bf16"
    case cacheF16 = "fill_cache_f16"
}

/// Fills buffers on the device with seeded data.
final class Filler {
    /// The bits of a NaN no kernel makes.
    static let poison: UInt32 = 0x7fc0_dead

    private let queue: DeviceQueue
    private let program: Program

    init(queue: DeviceQueue) throws {
        self.queue = queue
        program = try queue.build(["fill"], options: [])
    }

    /// Fills the first `count` elements and waits.
    ///
    /// - Parameters:
    ///   - buffer: What to fill.
    ///   - kind: With what.
    ///   - count: How many elements.
    ///   - key: The stream's key; of a pattern the bits.
    ///   - first: The index in the stream of the buffer's first element.
    /// - Throws: `TrialFailure` when the device fails.
    func fill(_ buffer: Buffer, _ kind: FillKind, count: Int, key: UInt32, first: Int = 0) throws {
        let kernel = try program.kernel(
            kind.rawValue, .buffer(buffer), .ulong(count), .word(key), .ulong(first))
        let local = min(256, max(kernel.workGroupSize, 1))
        try queue.run([Launch(kernel: kernel, groups: [max((count + local - 1) / local, 1)], local: [local])])
    }

    /// Overwrites a buffer of 32-bit values with NaN, so that elements never written show.
    func poison(_ buffer: Buffer) throws {
        try fill(buffer, .pattern, count: buffer.bytes / 4, key: Self.poison)
    }
}
