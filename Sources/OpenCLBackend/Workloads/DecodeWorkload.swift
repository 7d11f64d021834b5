import Analysis
import NodeModel

/// One decode step in 16-bit weights, its operations enqueued in order and waited for once a batch.
final class DecodeWorkload: PreparedWorkload, InspectableDecodeStep {
    let work: Work
    let notes: [String: String]
    let program: DecodeProgram
    let seed: UInt32
    private let queue: DeviceQueue
    private let filler: Filler
    private let tensors: DecodeTensors
    private let kernels: DecodeKernels
    private let restart: Launch
    private let operations: [DecodeOperation: [Launch]]
    private let timed: [Launch]
    private var hasRun = false

    init(step: DecodeStep, queue: DeviceQueue, device: Device, tuning: Tuning, seed: UInt32) throws {
        guard step.weights == .bf16 || step.weights == .f16 else {
            throw TrialFailure(
                .unsupported, "weights in \(step.weights.rawValue); the OpenCL kernels have bf16 and f16")
        }
        program = DecodeProgram(step)
        self.queue = queue
        self.seed = seed
        try MemoryGuard.check(
            deviceBytes: DecodeTensors.bytes(of: program), hostBytes: 8 * step.model.vocabulary, device: device)
        filler = try Filler(queue: queue)
        tensors = try DecodeTensors(
            program, queue: queue, device: device, tuning: tuning, filler: filler, seed: seed)
        kernels = try DecodeKernels(program, queue: queue, device: device, tuning: tuning)
        restart = try kernels.restart(tensors)
        var operations: [DecodeOperation: [Launch]] = [:]
        for operation in program.operations { operations[operation] = try kernels.launches(for: operation, tensors) }
        self.operations = operations
        timed = [restart] + program.operations.flatMap { operations[$0] ?? [] }
        work = program.work
        notes = kernels.notes.merging(["launches": "\(timed.count) a token"]) { first, _ in first }
    }

    func run(repetitions: Int) throws -> TimedBatch {
        hasRun = true
        return try queue.run(timed, repetitions: repetitions)
    }

    func verify() throws -> Verification {
        if !hasRun { _ = try run(repetitions: 1) }
        let last = try read(.logits)
        for buffer in ActivationBuffer.allCases { try filler.poison(try tensors.activation(buffer)) }
        queue.announce("checking a step of \(program.step.model.name)", .verify)
        let checked = try DecodeCheck.verify(self)
        let inspected = try read(.logits)
        let differing = zip(last, inspected).enumerated().first { $0.element.0.bitPattern != $0.element.1.bitPattern }
        let same = Verification(
            passed: differing == nil, method: "timed scores equal to the checked step's, to the bit",
            worst: differing == nil ? 0 : .infinity,
            detail: differing.map { "score \($0.offset) of the timed step is \($0.element.0), not \($0.element.1)" })
        // What is found here after the timed steps must be theirs.
        try filler.poison(try tensors.activation(.logits))
        hasRun = false
        return checked.and(same)
    }

    func reset() throws { try queue.run([restart]) }

    func run(_ operation: DecodeOperation) throws {
        guard let launches = operations[operation] else {
            throw TrialFailure(.failed, "\(operation) is not part of the step")
        }
        try queue.run(launches)
    }

    func read(_ buffer: ActivationBuffer) throws -> [Float] {
        try queue.read(try tensors.activation(buffer), Float.self, count: program.count(of: buffer))
    }

    func readCache(layer: Int) throws -> (key: [Float], value: [Float]) {
        let width = program.step.model.keyValueWidth
        func row(_ cache: Buffer) throws -> [Float] {
            let bits = try queue.read(cache, UInt16.self, count: width, from: program.step.contextTokens * width)
            return program.step.weights == .bf16
                ? bits.map { SixteenBit.float(bf16Bits: $0) } : bits.map { Float(Float16(bitPattern: $0)) }
        }
        let cache = tensors.caches[layer]
        return (try row(cache.keys), try row(cache.values))
    }
}
