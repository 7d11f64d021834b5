import Analysis
package import NodeModel

/// Softmax or the RMS norm of rows of f32.
package final class RowsWorkload: PreparedWorkload {
    /// Which operation.
    package enum Operation: Sendable {
        case softmax
        case rmsnorm
    }

    /// The epsilon of the norm.
    private static let epsilon: Float = 1e-5
    /// Scores of a few units, as attention's are.
    private static let scale: Float = 8
    private static let stream: UInt32 = 0xb10c

    package let work: Work
    package let notes: [String: String]
    private let operation: Operation
    private let shape: RowsShape
    private let seed: UInt32
    private let key: UInt32
    private let queue: DeviceQueue
    private let filler: Filler
    private let input: Buffer
    private let output: Buffer
    private let gain: [Float]
    private let launch: Launch
    private var hasRun = false

    /// Allocates and fills the rows.
    ///
    /// - Parameters:
    ///   - operation: Which one.
    ///   - shape: The rows.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - tuning: How its kernels are shaped.
    ///   - seed: The seed of the data.
    /// - Throws: `TrialFailure`, with the status skipped where memory is short.
    init(
        _ operation: Operation, _ shape: RowsShape, queue: DeviceQueue, device: Device, tuning: Tuning, seed: UInt32
    ) throws {
        guard shape.rows > 0, shape.columns > 0 else { throw TrialFailure(.unsupported, "\(shape): no rows") }
        try MemoryGuard.checkWhole(shape.bytes, on: device)
        try MemoryGuard.check(deviceBytes: 2 * shape.bytes, hostBytes: 2 * shape.bytes, device: device)
        (self.operation, self.shape, self.seed, self.queue) = (operation, shape, seed, queue)
        key = SeededData.key(seed: seed, stream: Self.stream)
        filler = try Filler(queue: queue)
        input = try queue.buffer(bytes: shape.bytes)
        output = try queue.buffer(bytes: shape.bytes)
        let gainKey = SeededData.key(seed: seed, stream: Self.stream + 1)
        gain = (0..<shape.columns).map { 1 + SeededData.uniform(key: gainKey, index: UInt32($0)) / 8 }
        let name = operation == .softmax ? "softmax_rows" : "normalise_rows"
        let kernels = try RowKernels(
            operation == .softmax ? "softmax" : "rmsnorm", name, columns: shape.columns, queue: queue, tuning: tuning)
        let sizes: [Argument] = [.uint(shape.rows), .uint(shape.columns), .uint(kernels.run(rows: shape.rows))]
        let kernel = try kernels.program.kernel(name)
        let arguments: [Argument] =
            operation == .softmax
            ? [.buffer(input), .buffer(output)] + sizes
            : [.buffer(input), .buffer(try queue.buffer(gain)), .buffer(output)] + sizes + [
                .float(Self.epsilon), .uint(0), .uint(1),
            ]
        for (index, argument) in arguments.enumerated() { try kernel.set(index, argument) }
        launch = kernels.launch(kernel, rows: shape.rows)
        notes = kernels.notes
        // Each value is read once and written once, whatever caches serve again.
        work = Work(bytes: 2 * Double(shape.bytes))
        try write((0..<shape.rows * shape.columns).map(seeded))
        try filler.poison(output)
    }

    private func seeded(_ index: Int) -> Float {
        let value = SeededData.uniform(key: key, index: UInt32(truncatingIfNeeded: index))
        return operation == .softmax ? Self.scale * value : value
    }

    private func write(_ values: [Float]) throws {
        queue.announce("filling \(shape.bytes) bytes", .prepare)
        try queue.write(values, to: input)
    }

    package func run(repetitions: Int) throws -> TimedBatch {
        hasRun = true
        return try queue.run([launch], repetitions: repetitions)
    }

    /// What the timed runs left is checked as well as one run of its own, both on poisoned outputs.
    package func verify() throws -> Verification {
        let timed = hasRun ? try verification(of: result()) : nil
        try filler.poison(output)
        try queue.run([launch])
        let own = verification(of: try result())
        try filler.poison(output)
        hasRun = false
        return timed.map { $0.and(own) } ?? own
    }

    /// Rows of a result against the float64 oracle, and the sums of all of a softmax's.
    package func verification(of result: [Float]) -> Verification {
        queue.announce("checking \(shape) values", .verify)
        let outcome = BlockCheck.rows(shape, output: result, seed: seed) { row in
            let values = (0..<shape.columns).map { seeded(row * shape.columns + $0) }
            return expected(values)
        }
        return operation == .softmax ? outcome.and(BlockCheck.sums(shape, output: result)) : outcome
    }

    private func expected(_ row: [Float]) -> [Double] {
        operation == .softmax
            ? BlockOracle.softmax(row) : BlockOracle.normalise(row, gain: gain, epsilon: Double(Self.epsilon))
    }

    private func result() throws -> [Float] {
        try queue.read(output, Float.self, count: shape.rows * shape.columns)
    }

    /// The operation of other rows of the same shape, for tests; the seeded ones come back afterwards.
    package func apply(_ values: [Float]) throws -> [Float] {
        try write(values)
        try filler.poison(output)
        try queue.run([launch])
        let found = try result()
        try write((0..<shape.rows * shape.columns).map(seeded))
        return found
    }

    /// The gain of the norm.
    package var gains: [Float] { gain }
}
