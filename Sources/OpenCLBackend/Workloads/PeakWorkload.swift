import Analysis
import NodeModel

/// How a format is written in OpenCL C, and what a device must be able to do to compute in it.
struct RealFormat {
    var type: String
    var bytes: Int
    var macro: [String]
    var needs: Capability?

    static let all: [Precision: RealFormat] = [
        .f64: RealFormat(type: "double", bytes: 8, macro: ["NEEDS_DOUBLE"], needs: .double),
        .f32: RealFormat(type: "float", bytes: 4, macro: [], needs: nil),
        .f16: RealFormat(type: "half", bytes: 2, macro: ["NEEDS_HALF"], needs: .half),
    ]

    /// A vector type of so many elements.
    func vector(_ lanes: Int) -> String { lanes == 1 ? type : "\(type)\(lanes)" }
}

/// The register-only ceiling of multiply-adds in f64, f32 or f16.
final class PeakWorkload<Value: BinaryFloatingPoint & BitwiseCopyable>: PreparedWorkload {
    let work: Work
    let notes: [String: String]
    private let queue: DeviceQueue
    private let results: Buffer
    private let runs: CheckedRuns
    private let steps: Int
    /// The chain each element of the arrays belongs to, as an index of ``starts``.
    private let origin: [Int]
    private let starts: [Value]
    private let addends: [Value]

    /// Makes a peak ready.
    ///
    /// - Parameters:
    ///   - format: How `Value` is written in OpenCL C.
    ///   - queue: The device.
    ///   - tuning: How its kernels are shaped.
    ///   - seed: The seed of starts and addends.
    /// - Throws: `TrialFailure`, unsupported where the device has no such arithmetic.
    init(_ format: RealFormat, queue: DeviceQueue, tuning: Tuning, seed: UInt32) throws {
        try format.needs?.require(on: queue)
        self.queue = queue
        let shape = tuning.peakShape(bytes: format.bytes)
        let type = format.vector(shape.lanes)
        let (program, local) = try queue.build(
            ["peak"], kernels: ["peak_fma"], options: ["REALV=\(type)", "CHAINS=\(shape.chains)"] + format.macro,
            localSizes: tuning.localSizes(from: 256))
        let group = local * shape.chains * shape.lanes
        let count = shape.groups * group
        steps = shape.steps
        // All groups follow the same chains, so that few have to be followed on the host however many there are.
        let (items, lanes) = (shape.groups * local, shape.lanes)
        let chains = (0..<count).map { element in
            let (vector, lane) = element.quotientAndRemainder(dividingBy: lanes)
            let (chain, item) = vector.quotientAndRemainder(dividingBy: items)
            return (chain * local + item % local) * lanes + lane
        }
        origin = chains
        let first = (0..<group).map { Value(PeakCheck.start(seed: seed, index: $0)) }
        let second = (0..<group).map { Value(PeakCheck.addend(seed: seed, index: $0)) }
        (starts, addends) = (first, second)
        results = try queue.buffer(bytes: count * format.bytes)
        let kernel = try program.kernel(
            "peak_fma", .buffer(try queue.buffer(chains.map { first[$0] })),
            .buffer(try queue.buffer(chains.map { second[$0] })), .buffer(results), .uint(steps))
        runs = CheckedRuns(
            [Launch(kernel: kernel, groups: [shape.groups], local: [local])], outputs: [results], queue: queue,
            filler: try Filler(queue: queue))
        work = Work(flops: Flops(2 * Double(count) * Double(steps)))
        notes = [
            "kernel": "\(shape.chains) chains of \(type), \(local) items a group", "options": program.options,
        ]
    }

    func run(repetitions: Int) throws -> TimedBatch { try runs.run(repetitions: repetitions) }

    func verify() throws -> Verification { try runs.verify(check) }

    private func check() throws -> Verification {
        let values = try queue.read(results, Value.self, count: origin.count)
        let first = starts.indices.map { values[owners[$0]] }
        let followed = PeakCheck.follow(steps: steps, starts: starts, addends: addends, results: first)
        // Compared as bits: a NaN differs from itself.
        let wrong = values.indices.first { bits(values[$0]) != bits(first[origin[$0]]) }
        guard let wrong, followed.passed else { return followed }
        return Verification(
            passed: false, method: followed.method, worst: .infinity,
            detail: "element \(wrong) is \(values[wrong]), other groups have \(first[origin[wrong]])")
    }

    private func bits(_ value: Value) -> UInt64 { UInt64(truncatingIfNeeded: Double(value).bitPattern) }

    /// An element of each chain.
    private lazy var owners: [Int] = {
        var result = [Int](repeating: 0, count: starts.count)
        for (element, chain) in origin.enumerated().reversed() { result[chain] = element }
        return result
    }()
}

extension Tuning {
    /// The shape of a peak: the lanes of an item's vectors, its chains, steps, and the work-groups of a run.
    func peakShape(bytes: Int) -> (lanes: Int, chains: Int, steps: Int, groups: Int) {
        guard isProcessor else { return (1, 8, 65_536, units * 16) }
        // As many elements as one of their registers holds. Twelve chains and their addends fill 24 of 32 registers and
        // hide 6 cycles on two ports.
        let wide = lanes == 16
        return (min(lanes * 4 / bytes, 16), wide ? 12 : 6, 1 << 19, units * 16)
    }
}
