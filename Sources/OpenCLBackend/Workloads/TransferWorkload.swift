import NodeModel

/// Copies between the host and a device, every word of what arrives compared.
final class TransferWorkload: PreparedWorkload {
    let work: Work
    let notes: [String: String]
    private static let stream: UInt32 = 0x7a5f

    private let copy: HostCopy
    private let queue: DeviceQueue
    private let filler: Filler
    private let checker: Program
    private let buffer: Buffer
    private let memory: HostMemory
    private let key: UInt32
    private var hasRun = false

    /// Allocates both ends and fills the source.
    ///
    /// - Parameters:
    ///   - copy: Which way, from or to what, how much.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - seed: The seed of the data.
    /// - Throws: `TrialFailure`, with the status skipped where memory is short.
    init(_ copy: HostCopy, queue: DeviceQueue, device: Device, seed: UInt32) throws {
        guard copy.bytes > 0, copy.bytes.isMultiple(of: 4) else {
            throw TrialFailure(.unsupported, "a copy of \(copy.bytes) bytes: expected a multiple of 4")
        }
        try MemoryGuard.checkWhole(copy.bytes, on: device)
        try MemoryGuard.check(deviceBytes: copy.bytes, hostBytes: copy.bytes, device: device)
        self.copy = copy
        self.queue = queue
        filler = try Filler(queue: queue)
        checker = try queue.build(["fill", "stream_check"], options: [])
        queue.announce("allocating \(copy.bytes) bytes on both sides", .prepare)
        buffer = try queue.buffer(bytes: copy.bytes)
        memory = try HostMemory(bytes: copy.bytes, pages: copy.pages, queue: queue)
        key = SeededData.key(seed: seed, stream: Self.stream)
        work = Work(bytes: Double(copy.bytes))
        notes = ["host memory": copy.pages == .pinned ? "allocated and mapped by the driver" : "aligned to 4096 bytes"]
        try poison()
        switch copy.direction {
        case .write: memory.fill(expected)
        case .read: try filler.fill(buffer, .words, count: copy.bytes / 4, key: key)
        }
    }

    func run(repetitions: Int) throws -> TimedBatch {
        hasRun = true
        return try queue.run(copy.direction, buffer, memory, repetitions: repetitions)
    }

    /// What the timed copies left is checked as well as one of its own, both on poisoned destinations.
    func verify() throws -> Verification {
        let timed = hasRun ? try check() : nil
        try poison()
        _ = try run(repetitions: 1)
        let own = try check()
        try poison()
        hasRun = false
        return timed.map { $0.and(own) } ?? own
    }

    private func expected(_ index: Int) -> UInt32 {
        SeededData.word(key: key, index: UInt32(truncatingIfNeeded: index))
    }

    private func poison() throws {
        switch copy.direction {
        case .write: try filler.poison(buffer)
        case .read: memory.fill { _ in Filler.poison }
        }
    }

    private func check() throws -> Verification {
        queue.announce("checking \(copy.bytes) bytes", .verify)
        let wrong = try copy.direction == .write ? wrongOnDevice() : memory.wrongWords(expected)
        return Verification(
            passed: wrong == 0, method: "every word that arrived compared", worst: wrong == 0 ? 0 : .infinity,
            detail: wrong == 0 ? nil : "\(wrong) words are wrong")
    }

    /// Counted on the device: copying them back would only show that two copies undo one another.
    private func wrongOnDevice() throws -> Int {
        let items = 4_096
        let counts = try queue.buffer(bytes: items * 4)
        try filler.poison(counts)
        let kernel = try checker.kernel(
            "count_wrong_copies", .buffer(buffer), .buffer(counts), .ulong(copy.bytes / 4), .word(key), .word(0),
            .float(0), .ulong(0))
        try queue.run([Launch(kernel: kernel, groups: [items / 64], local: [64])])
        return try queue.read(counts, UInt32.self, count: items).reduce(0) { $0 + Int($1) }
    }
}
