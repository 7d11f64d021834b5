import Analysis
import CPUKernels
package import NodeModel

/// An LLM at work: the passes of ``NodeModel/InferenceProgram`` as one job of the team.
package final class InferenceWorkload: PreparedWorkload, InspectableInference {
    package let program: InferenceProgram
    private let model: LoadedModel
    private let handle: OpaquePointer
    private let passes: [InferencePass]
    private let operations: (with: [nw_operation], without: [nw_operation])
    private var current: InferencePass
    private var hasTimedOutput = false
    /// Kept for the embedding, whose rows may lie in the file.
    private let preparation: InferencePreparation

    package var seed: UInt32 { model.context.seed }
    package var weights: any ModelWeights { model.weights }
    private var step: InferenceStep { program.step }

    /// Reserves caches and buffers, and fills what the step finds in the caches.
    init(_ step: InferenceStep, model: LoadedModel) throws {
        program = InferenceProgram(step)
        self.model = model
        passes = step.passes
        current = passes[0]
        var with = passes[0]
        var without = with
        (with.logits, without.logits) = (.last, .none)
        operations = (
            program.operations(of: with).map(model.matrices.kernelOperation),
            program.operations(of: without).map(model.matrices.kernelOperation)
        )
        preparation = try InferencePreparation(program, model.weights, seed: model.context.seed)
        handle = try preparation.create(model)
        try fillCaches()
    }

    deinit { nw_inference_destroy(handle) }

    package var work: Work { program.work }

    package var notes: [String: String] {
        model.context.notes.merging([
            "rows": "panels of rows per thread, one arena each",
            "activations": WeightFormat.allCases.filter { $0 == step.weights }
                .map { multiplicand(for: $0).rawValue }.joined(),
        ]) { first, _ in first }
    }

    package func run(repetitions: Int) throws -> TimedBatch {
        let count = max(repetitions, 1)
        var interval = nw_interval()
        var ends = [UInt64](repeating: 0, count: count * passes.count)
        let kernelPasses = passes.map { nw_pass($0) }
        try check(
            nw_inference_run(
                handle, kernelPasses, Int32(passes.count), operations.with, Int32(operations.with.count),
                operations.without, Int32(operations.without.count), Int64(count), &ends, &interval),
            "running \(step.phase.rawValue) of \(step.model.name)")
        hasTimedOutput = true
        var batch = TimedBatch(interval, repetitions: count)
        batch.latencies = latencies(ends.map(MonotonicInstant.init(nanoseconds:)), from: batch.start)
        // A token is a part of the generation like any other, and there are more of them in a given time.
        if step.phase == .decode { batch.samples = batch.latencies?.map { $0 * Double(passes.count) } }
        return batch
    }

    /// Of decode the time of each token, of prefill the time to the first token of each prompt.
    private func latencies(_ ends: [MonotonicInstant], from start: MonotonicInstant) -> [Seconds] {
        var (repetition, last) = (start, start)
        return ends.enumerated().compactMap { index, end in
            let place = index % passes.count
            defer { last = end }
            if place == 0 { repetition = last }
            if step.phase == .decode { return end.since(last) }
            return passes[place].logits == .none ? nil : end.since(repetition)
        }
    }

    package func measuredClock() -> ClockSpread? { model.context.measuredClock }

    package func verify() throws -> Verification {
        let timed = hasTimedOutput ? try read(.logits, of: lastPass) : nil
        var outcome = try InferenceCheck.verify(self)
        let checked = try read(.logits, of: lastPass)
        hasTimedOutput = false
        if let timed { outcome = outcome.and(sameBits(timed, checked)) }
        nw_inference_poison_logits(handle)
        return outcome
    }

    private var lastPass: InferencePass { passes[passes.count - 1] }

    /// The logits of the timed passes must be those of the checked ones to the bit: every sum has a fixed order.
    private func sameBits(_ timed: [Float], _ checked: [Float]) -> Verification {
        let place = timed.indices.first { timed[$0].bitPattern != checked[$0].bitPattern || !timed[$0].isFinite }
        return Verification(
            passed: place == nil, method: "logits of the timed passes equal the checked ones to the bit",
            worst: place == nil ? 0 : .infinity, detail: place.map { "logit \($0) differs between two runs" })
    }

    // MARK: InspectableInference

    package func multiplicand(for format: WeightFormat) -> Multiplicand {
        switch nw_isa_multiplicand(model.context.isa.handle, nw_weight_format(format)) {
        case NW_AS_BF16: .bf16
        case NW_AS_BLOCKS: .blocks
        default: .f32
        }
    }

    package func begin(_ pass: InferencePass, tokens: [Int]?) throws {
        var kernelPass = nw_pass(pass)
        let place = "a pass of \(pass.rows) tokens"
        if let tokens {
            guard tokens.count == pass.rows else { throw UsageError("\(place) takes as many, not \(tokens.count)") }
            try check(nw_inference_begin(handle, &kernelPass, tokens.map(Int32.init(clamping:))), place)
        } else {
            try check(nw_inference_begin(handle, &kernelPass, nil), place)
        }
        current = pass
    }

    package func run(_ operation: InferenceOperation) throws {
        var kernelOperation = model.matrices.kernelOperation(operation)
        try check(nw_inference_run_operation(handle, &kernelOperation), "running \(operation)")
    }

    package func read(_ buffer: InferenceBuffer) throws -> [Float] { try read(buffer, of: current) }

    private func read(_ buffer: InferenceBuffer, of pass: InferencePass) throws -> [Float] {
        let width = program.width(of: buffer)
        return (0..<program.rows(of: buffer, in: pass)).flatMap { row in
            Array(UnsafeBufferPointer(start: nw_inference_row(handle, nw_buffer(buffer), Int64(row)), count: width))
        }
    }

    package func readCache(layer: Int, sequence: Int, positions: Range<Int>) throws -> (
        keys: [[Float]], values: [[Float]]
    ) {
        (
            try positions.map { try cacheRow(layer, isValue: false, sequence, $0) },
            try positions.map { try cacheRow(layer, isValue: true, sequence, $0) }
        )
    }

    private func cacheRow(_ layer: Int, isValue: Bool, _ sequence: Int, _ position: Int) throws -> [Float] {
        var bits = [UInt16](repeating: 0, count: step.model.keyValueWidth)
        try check(
            nw_inference_read_cache(handle, Int32(layer), isValue, Int32(sequence), Int64(position), &bits),
            "reading the cache of layer \(layer), sequence \(sequence), position \(position)")
        return bits.map { Float(Float16(bitPattern: $0)) }
    }

    package func readRoutes() throws -> [[(expert: Int, weight: Float)]] {
        let count = step.model.experts?.perToken ?? 0
        return (0..<current.rows).map { row in
            var experts = [Int32](repeating: 0, count: count)
            var weights = [Float](repeating: 0, count: count)
            nw_inference_read_routes(handle, Int64(row), &experts, &weights)
            return zip(experts, weights).map { (expert: Int($0), weight: $1) }
        }
    }

    package func chosenTokens() throws -> [Int] {
        current.logitRows.indices.map { Int(nw_inference_chosen(handle, Int32($0))) }
    }

    // MARK: Tests

    /// Changes a stored row, so that tests can see the checks fail.
    package func corrupt(_ matrix: ModelMatrix, row: Int, _ body: (inout [UInt8]) -> Void) throws {
        try model.change(matrix, row: row, body)
    }

    private func fillCaches() throws {
        guard step.contextTokens > 0 else { return }
        func key(_ stream: UInt32) -> UInt32 {
            SeededData.key(seed: SeededData.key(seed: seed, stream: stream), stream: 0)
        }
        for layer in 0..<step.model.layers {
            try check(
                nw_inference_fill_cache(
                    handle, Int32(layer), Int64(step.contextTokens), key(ModelStream.keys(layer: layer)),
                    key(ModelStream.values(layer: layer))),
                "filling the cache of layer \(layer)")
        }
    }
}
