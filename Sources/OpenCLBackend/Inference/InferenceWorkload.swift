import Analysis
package import NodeModel

/// Prefill or decode of an LLM, its operations enqueued in order; the host waits for each pass.
package final class InferenceWorkload: PreparedWorkload, InspectableInference {
    package let work: Work
    package private(set) var notes: [String: String]
    package let program: InferenceProgram
    package let weights: any ModelWeights
    package let seed: UInt32
    private let queue: DeviceQueue
    private let filler: Filler
    private let tensors: InferenceTensors
    private let kernels: InferenceKernels
    private var launches: [PassRows: [InferenceOperation: [Launch]]] = [:]
    private var timed: [[Launch]] = []
    /// The pass that is inspected, and the one that ended last.
    private var current: InferencePass
    private var hasRun = false

    /// Makes a model's numbers and everything else ready.
    ///
    /// - Parameters:
    ///   - step: What to compute.
    ///   - weights: The model's numbers.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - tuning: How its kernels are shaped.
    ///   - seed: The seed of tokens and caches.
    ///   - emulated: A matrix engine to emulate, in tests.
    /// - Throws: `TrialFailure`, unsupported for what the kernels lack, skipped where memory is short.
    init(
        step: InferenceStep, weights: any ModelWeights, queue: DeviceQueue, device: Device, tuning: Tuning,
        seed: UInt32, emulated: MatrixEngine? = nil
    ) throws {
        try Self.validate(step, weights)
        program = InferenceProgram(step)
        (self.weights, self.seed, self.queue) = (weights, seed, queue)
        try Self.checkMemory(program, weights, device: device, tuning: tuning)
        filler = try Filler(queue: queue)
        let format = MatrixLayout(GEMVShape(rows: 1, columns: 32), step.weights, tuning: tuning)
        let (seeded, local) = try queue.build(
            ["fill", "inference_seeded"], kernels: ["embed_rows"], options: format.macros,
            localSizes: tuning.localSizes(from: 256))
        let stored = try StoredModel(weights, queue: queue, device: device, tuning: tuning)
        tensors = try InferenceTensors(
            program, weights, seed: seed, queue: queue, seeded: seeded,
            rowUnit: Self.rowUnit(step, tuning))
        kernels = try InferenceKernels(
            program, tensors, stored, seeded: (seeded, local),
            products: try InferenceProducts(step, queue: queue, device: device, tuning: tuning, emulated: emulated),
            queue: queue,
            tuning: tuning)
        guard let first = step.passes.first else {
            throw TrialFailure(.unsupported, "no tokens in no sequences: expected at least one of each")
        }
        current = first
        work = program.work
        notes = [:]
        try makeLaunches()
        notes = kernels.notes
        notes["launches"] = "\(timed.last?.count ?? 0) a pass, \(timed.count) passes"
    }

    /// The launches of all passes, those of passes with the same rows being the same.
    private func makeLaunches() throws {
        launches = [:]
        timed = try program.step.passes.map { pass in
            try [kernels.begin(pass)]
                + program.operations(of: pass).flatMap { try self.launches(of: $0, PassRows(pass)) }
        }
    }

    private func launches(of operation: InferenceOperation, _ rows: PassRows) throws -> [Launch] {
        if let known = launches[rows]?[operation] { return known }
        let own = try kernels.launches(operation, rows)
        launches[rows, default: [:]][operation] = own
        return own
    }

    /// Where a matrix engine may make a pass's products, whole tiles of rows.
    private static func rowUnit(_ step: InferenceStep, _ tuning: Tuning) -> Int {
        tuning.isProcessor || InferenceCapacity(step).rows == 1 ? 1 : 128
    }

    private static func validate(_ step: InferenceStep, _ weights: any ModelWeights) throws {
        guard step.file == nil else {
            throw TrialFailure(.unsupported, "weights of a file; so far there are seeded ones")
        }
        try step.requireComputable()
        let model = step.model
        if StoredModel.formats(weights).contains(where: \.isBlocked) {
            for (name, width) in [
                ("hidden", model.hidden), ("query width", model.queryWidth), ("feed_forward", model.feedForwardWidth),
            ] where !width.isMultiple(of: WeightFormat.blockLength) {
                throw TrialFailure(
                    .unsupported,
                    "\(name) \(width) is no whole number of blocks of \(WeightFormat.blockLength) weights")
            }
        }
    }

    /// Says how much is needed before anything is allocated.
    private static func checkMemory(
        _ program: InferenceProgram, _ weights: any ModelWeights, device: Device, tuning: Tuning
    ) throws {
        let (step, model) = (program.step, program.step.model)
        let bytes =
            StoredModel.bytes(weights, tuning: tuning)
            + InferenceTensors.bytes(of: program, rowUnit: rowUnit(step, tuning))
            + 4 * InferenceProducts.packedFloats(step, tuning)
            + (tuning.isProcessor ? 0 : EngineProducts.bytes(step))
        let cache = 2 * step.batch * step.positions * model.keyValueWidth
        try MemoryGuard.checkWhole(cache, on: device)
        try MemoryGuard.check(
            deviceBytes: bytes, hostBytes: 8 * InferenceCapacity(step).logitRows * model.vocabulary, device: device)
    }

    package func run(repetitions: Int) throws -> TimedBatch {
        guard repetitions > 0 else { throw TrialFailure(.failed, "\(repetitions) repetitions: expected at least 1") }
        hasRun = true
        let times = try (0..<repetitions).map { _ in try queue.run(lists: timed) }
        let (passes, first) = (program.step.passes, times[0].start)
        current = passes.last ?? current
        var batch = TimedBatch(
            start: first, end: times.last?.ends.last ?? first, repetitions: repetitions)
        batch.latencies = times.flatMap { latencies($0.ends, from: $0.start) }
        // A token is a part of the generation like any other, and there are more of them in a given time.
        if program.step.phase == .decode { batch.samples = batch.latencies?.map { $0 * Double(passes.count) } }
        return batch
    }

    /// Of decode the time of each token, of prefill the time to the first token of each prompt.
    private func latencies(_ ends: [MonotonicInstant], from start: MonotonicInstant) -> [Seconds] {
        let starts = program.step.phase == .decode ? [start] + ends.dropLast() : ends.map { _ in start }
        return zip(program.step.passes, zip(ends, starts)).compactMap { pass, times in
            pass.logits == .none ? nil : times.0.since(times.1)
        }
    }

    package func verify() throws -> Verification {
        if !hasRun { _ = try run(repetitions: 1) }
        let (tokens, logits) = (try chosenTokens(), try read(.logits))
        try poison()
        queue.announce("checking \(program.step.phase.rawValue) of \(program.step.model.name)", .verify)
        let checked = try InferenceCheck.verify(self)
        let inspected = try read(.logits)
        let differing = zip(logits, inspected).enumerated().first { $0.element.0.bitPattern != $0.element.1.bitPattern }
        let isSame = try differing == nil && tokens == chosenTokens() && logits.count == inspected.count
        let same = Verification(
            passed: isSame, method: "timed scores and tokens equal to those of the checked passes, to the bit",
            worst: isSame ? 0 : .infinity,
            detail: isSame
                ? nil
                : differing.map { "score \($0.offset) of timed passes is \($0.element.0), not \($0.element.1)" }
                    ?? "the tokens differ")
        // What is found here after the timed passes must be theirs.
        try poison()
        hasRun = false
        return checked.and(same)
    }

    private func poison() throws {
        for buffer in InferenceBuffer.allCases { try filler.poison(try tensors.activation(buffer)) }
    }

    // MARK: Inspection

    package func multiplicand(for format: WeightFormat) -> Multiplicand { kernels.products.multiplicand(for: format) }

    package func begin(_ pass: InferencePass, tokens: [Int]?) throws {
        let (capacity, step) = (InferenceCapacity(program.step), program.step)
        guard pass.rows <= capacity.rows, pass.firstSequence + pass.sequences <= step.batch,
            pass.contextTokens + pass.tokens <= step.positions
        else { throw TrialFailure(.failed, "a pass of \(pass.rows) rows does not fit the step") }
        if try tensors.growLogits(to: pass.logitRows.count) { try makeLaunches() }
        current = pass
        try queue.run([try kernels.begin(pass)])
        if let tokens { try queue.write(tokens.map { UInt32(truncatingIfNeeded: $0) }, to: tensors.tokens) }
    }

    package func run(_ operation: InferenceOperation) throws {
        try queue.run(try launches(of: operation, PassRows(current)))
    }

    package func read(_ buffer: InferenceBuffer) throws -> [Float] {
        let count = program.rows(of: buffer, in: current) * program.width(of: buffer)
        return try queue.read(try tensors.activation(buffer), Float.self, count: count)
    }

    package func readCache(layer: Int, sequence: Int, positions: Range<Int>) throws -> (
        keys: [[Float]], values: [[Float]]
    ) {
        let width = program.step.model.keyValueWidth
        let first = (sequence * program.step.positions + positions.lowerBound) * width
        func rows(_ buffer: Buffer) throws -> [[Float]] {
            let bits = try queue.read(buffer, UInt16.self, count: positions.count * width, from: first)
            return positions.indices.map { place in
                let start = (place - positions.lowerBound) * width
                return bits[start..<start + width].map { Float(Float16(bitPattern: $0)) }
            }
        }
        let cache = tensors.caches[layer]
        return (try rows(cache.keys), try rows(cache.values))
    }

    package func readRoutes() throws -> [[(expert: Int, weight: Float)]] {
        try kernels.routes(rows: current.rows, queue)
    }

    package func chosenTokens() throws -> [Int] {
        try queue.read(tensors.rowChosen, UInt32.self, count: current.logitRows.count).map(Int.init)
    }
}
