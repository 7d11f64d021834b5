import NodeModel

/// Reads of a large buffer, proved by its sum modulo 2³².
final class ReadWorkload: PreparedWorkload {
    let work: Work
    let notes: [String: String]
    private let queue: DeviceQueue
    private let filler: Filler
    private var chunks: [(sums: Buffer, launch: Launch)] = []
    private let words: Int
    private let key: UInt32
    private lazy var expected = (0..<words).reduce(UInt32(0)) {
        $0 &+ SeededData.word(key: key, index: UInt32(truncatingIfNeeded: $1))
    }

    init(bytes: Int, queue: DeviceQueue, device: Device, tuning: Tuning, seed: UInt32) throws {
        self.queue = queue
        let width = tuning.isProcessor ? 16 : 4
        let all = max(bytes / 64, 1) * 64
        words = all / 4
        key = SeededData.key(seed: seed, stream: 0xbead)
        try MemoryGuard.check(deviceBytes: all, hostBytes: 0, device: device)
        filler = try Filler(queue: queue)
        let name = tuning.isProcessor ? "read_runs" : "read_strided"
        let (program, local) = try queue.build(
            ["read"], kernels: [name], options: ["UINTV=uint\(width)"], localSizes: tuning.localSizes(from: 256))
        let pieces = try MemoryGuard.pieces(all, of: MemoryGuard.largestBuffer(device), on: device)
        let groups = tuning.isProcessor ? tuning.units * 64 : tuning.units * 16
        work = Work(bytes: Double(all))
        notes = [
            "kernel": "\(name), uint\(width), \(groups) groups of \(local)", "options": program.options,
            "buffers": "\(pieces.count)",
        ]
        for piece in pieces {
            let data = try queue.buffer(bytes: piece.count)
            queue.announce("filling \(piece.count) bytes", .prepare)
            try filler.fill(data, .words, count: piece.count / 4, key: key, first: piece.lowerBound / 4)
            let count = piece.count / (4 * width)
            let sums = try queue.buffer(bytes: groups * local * width * 4)
            let kernel = try program.kernel(
                name, .buffer(data), .buffer(sums), .ulong(count), .ulong((count + groups - 1) / groups))
            chunks.append((sums, Launch(kernel: kernel, groups: [groups], local: [local])))
        }
    }

    private lazy var runs = CheckedRuns(
        chunks.map(\.launch), outputs: chunks.map(\.sums), queue: queue, filler: filler)

    func run(repetitions: Int) throws -> TimedBatch { try runs.run(repetitions: repetitions) }

    func verify() throws -> Verification { try runs.verify(check) }

    private func check() throws -> Verification {
        let found = try sum()
        let passed = found == expected
        return Verification(
            passed: passed, method: "sum of all words modulo 2^32, exact", worst: passed ? 0 : .infinity,
            detail: passed ? nil : "the sum is \(found), not \(expected)")
    }

    private func sum() throws -> UInt32 {
        try chunks.reduce(UInt32(0)) { total, chunk in
            let sums = try queue.read(chunk.sums, UInt32.self, count: chunk.sums.bytes / 4)
            return sums.reduce(total, &+)
        }
    }
}
