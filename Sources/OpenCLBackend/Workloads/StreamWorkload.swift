import NodeModel

/// Copies and triads of arrays in a device's memory, every word of the result compared on the device, and samples of it
/// on the host, against the seeded data.
final class StreamWorkload: PreparedWorkload {
    private static let factor: Float = 2
    private static let samples = 1_024

    let work: Work
    let notes: [String: String]
    private let variant: StreamVariant
    private let queue: DeviceQueue
    private let filler: Filler
    private let checker: Program
    private let keys: (a: UInt32, b: UInt32)
    private var pieces: [Piece] = []

    /// A part of the arrays small enough to be one allocation each.
    private struct Piece {
        var to: Buffer
        var first: Int
        var words: Int
        var launch: Launch
    }

    /// Allocates and fills the arrays.
    ///
    /// - Parameters:
    ///   - variant: `copy` or `triad`; stores past the caches are for the compiler to choose.
    ///   - bytes: The working set, all arrays together; rounded down to whole vectors of each.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - tuning: How its kernels are shaped.
    ///   - seed: The seed of the data.
    /// - Throws: `TrialFailure`, with the status skipped where memory is short.
    init(
        _ variant: StreamVariant, bytes: Int, queue: DeviceQueue, device: Device, tuning: Tuning, seed: UInt32
    ) throws {
        guard variant == .copy || variant == .triad else {
            throw TrialFailure(.unsupported, "OpenCL C has no way to ask for \(variant.rawValue)")
        }
        self.variant = variant
        self.queue = queue
        keys = (SeededData.key(seed: seed, stream: 0xbad0), SeededData.key(seed: seed, stream: 0xbad1))
        let lanes = tuning.isProcessor ? 16 : 4
        let arrayBytes = max(bytes / variant.arrays / 64, 1) * 64
        try MemoryGuard.check(deviceBytes: arrayBytes * variant.arrays, hostBytes: 0, device: device)
        filler = try Filler(queue: queue)
        checker = try queue.build(["fill", "stream_check"], options: [])
        let name = tuning.isProcessor ? "stream_runs" : "stream_strided"
        let macros = ["FLOATV=float\(lanes)"] + (variant == .triad ? ["TRIAD"] : [])
        let (program, local) = try queue.build(
            ["stream"], kernels: [name], options: macros, localSizes: tuning.localSizes(from: 256))
        let groups = tuning.isProcessor ? tuning.units : tuning.units * 32
        work = Work(bytes: Double(arrayBytes * variant.arrays))
        notes = [
            "kernel": "\(name), float\(lanes), \(groups) groups of \(local)", "options": program.options,
            "bytes of an array": "\(arrayBytes)",
        ]
        for part in try MemoryGuard.pieces(arrayBytes, of: MemoryGuard.largestBuffer(device), on: device) {
            let (start, size) = (part.lowerBound, part.count)
            let (a, b) = (try queue.buffer(bytes: size), try queue.buffer(bytes: variant == .triad ? size : 4))
            let to = try queue.buffer(bytes: size)
            try fill(a, b, words: size / 4, first: start / 4)
            let count = size / (4 * lanes)
            let kernel = try program.kernel(
                name, .buffer(a), .buffer(b), .buffer(to), .float(Self.factor), .ulong(count),
                .ulong((count + groups * local - 1) / (groups * local)))
            let launch = Launch(kernel: kernel, groups: [groups], local: [local])
            pieces.append(Piece(to: to, first: start / 4, words: size / 4, launch: launch))
        }
    }

    private func fill(_ a: Buffer, _ b: Buffer, words: Int, first: Int) throws {
        queue.announce("filling \(words * 4) bytes", .prepare)
        let kind: FillKind = variant == .triad ? .uniform : .words
        try filler.fill(a, kind, count: words, key: keys.a, first: first)
        if variant == .triad { try filler.fill(b, kind, count: words, key: keys.b, first: first) }
    }

    private lazy var runs = CheckedRuns(
        pieces.map(\.launch), outputs: pieces.map(\.to), queue: queue, filler: filler)

    func run(repetitions: Int) throws -> TimedBatch { try runs.run(repetitions: repetitions) }

    func verify() throws -> Verification { try runs.verify(check) }

    private func check() throws -> Verification {
        var wrong = 0
        for piece in pieces { wrong += try wrongWords(piece) + wrongSamples(piece) }
        return Verification(
            passed: wrong == 0,
            method: "every word written compared, and \(Self.samples) of each allocation on the host",
            worst: wrong == 0 ? 0 : .infinity, detail: wrong == 0 ? nil : "\(wrong) words are wrong")
    }

    private func wrongWords(_ piece: Piece) throws -> Int {
        let items = 4_096
        let counts = try queue.buffer(bytes: items * 4)
        try filler.poison(counts)
        let kernel = try checker.kernel(
            variant == .triad ? "count_wrong_triads" : "count_wrong_copies", .buffer(piece.to), .buffer(counts),
            .ulong(piece.words), .word(keys.a), .word(keys.b), .float(Self.factor), .ulong(piece.first))
        queue.announce("checking \(piece.words * 4) bytes", .verify)
        try queue.run([Launch(kernel: kernel, groups: [items / 64], local: [64])])
        return try queue.read(counts, UInt32.self, count: items).reduce(0) { $0 + Int($1) }
    }

    private func wrongSamples(_ piece: Piece) throws -> Int {
        let count = min(Self.samples, piece.words)
        return try (0..<count).reduce(0) { wrong, sample in
            let index = sample * (piece.words - 1) / max(count - 1, 1)
            let found = try queue.read(piece.to, UInt32.self, count: 1, from: index)[0]
            return wrong + (found == expected(piece.first + index) ? 0 : 1)
        }
    }

    private func expected(_ index: Int) -> UInt32 {
        let index = UInt32(truncatingIfNeeded: index)
        guard variant == .triad else { return SeededData.word(key: keys.a, index: index) }
        let (a, b) = (SeededData.uniform(key: keys.a, index: index), SeededData.uniform(key: keys.b, index: index))
        return (a + Self.factor * b).bitPattern
    }
}
