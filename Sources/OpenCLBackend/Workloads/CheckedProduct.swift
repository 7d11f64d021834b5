import Analysis
import NodeModel

/// A product on a device with the checks it has to pass, whatever kernels multiply.
final class CheckedProduct {
    /// The operands, row-major without gaps, and their product.
    let a, b, c: Buffer
    /// What multiplies.
    var launches: [Launch] = []
    /// What has to run whenever B has changed; part of no timed run.
    var ahead: [Launch] = []
    private let shape: GEMMShape
    private let data: MatrixData
    private let isRounded: Bool
    private let queue: DeviceQueue
    private let filler: Filler
    private var hasRun = false

    /// Makes room for C and fills the operands with what products are timed on.
    ///
    /// - Parameters:
    ///   - product: The dimensions and formats.
    ///   - a: A.
    ///   - b: B.
    ///   - isRounded: Whether every sum is rounded as f32 is, which those of matrix engines are not.
    ///   - queue: The device.
    ///   - seed: The seed of the data.
    /// - Throws: `TrialFailure` when the device fails or has no such memory.
    init(_ product: EngineProduct, a: Buffer, b: Buffer, isRounded: Bool, queue: DeviceQueue, seed: UInt32) throws {
        (self.a, self.b, shape) = (a, b, product.shape)
        (self.isRounded, self.queue) = (isRounded, queue)
        data = MatrixData(product, seed: seed)
        filler = try Filler(queue: queue)
        c = try queue.buffer(bytes: 4 * shape.m * shape.n)
        try fill(data.timed)
    }

    private func fill(_ kind: FillKind) throws {
        queue.announce("filling the operands of \(shape)", .prepare)
        try filler.fill(a, kind, count: data.fillCount(.a), key: data.key(.a))
        try filler.fill(b, kind, count: data.fillCount(.b), key: data.key(.b))
        if !ahead.isEmpty { try queue.run(ahead) }
    }

    /// Multiplies, and waits.
    func run(repetitions: Int) throws -> TimedBatch {
        hasRun = true
        return try queue.run(launches, repetitions: repetitions)
    }

    /// Checks what timed runs left, a run on integers exactly, and one on the timed data.
    func verify() throws -> Verification {
        let timed = hasRun ? try checkTimed() : nil
        try fill(data.integers)
        try runPoisoned()
        let exact = data.freivalds(try result())
        try fill(data.timed)
        try runPoisoned()
        let own = try checkTimed()
        // What is found here after the timed runs must be theirs.
        try poison()
        hasRun = false
        return exact.and(timed.map { $0.and(own) } ?? own)
    }

    private func runPoisoned() throws {
        try poison()
        queue.announce("checking \(shape)", .verify)
        try queue.run(launches)
    }

    /// Makes every element of C one that no product leaves.
    func poison() throws { try filler.poison(c) }

    /// Checks C as a product of the timed data; int8 is the same in all runs, so it can be checked whole.
    func checkTimed() throws -> Verification {
        data.isInteger ? data.freivalds(try result()) : data.sampled(try result(), isRounded: isRounded)
    }

    private func result() throws -> [UInt32] { try queue.read(c, UInt32.self, count: shape.m * shape.n) }

    /// Refuses dimensions that kernels cannot count.
    static func validate(_ shape: GEMMShape) throws {
        guard [shape.m, shape.n, shape.k].allSatisfy({ (1...65_536).contains($0) }) else {
            throw TrialFailure(.unsupported, "\(shape): each dimension must be between 1 and 65536")
        }
    }
}
