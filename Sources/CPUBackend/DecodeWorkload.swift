import Analysis
import CPUKernels
package import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

/// One LLM decode step: the operations of ``NodeModel/DecodeProgram`` as one job of the team.
package final class DecodeWorkload: PreparedWorkload, InspectableDecodeStep {
    package let program: DecodeProgram
    private let context: KernelContext
    private let handle: OpaquePointer
    private let operations: [nw_operation]
    private var hasTimedOutput = false

    package var seed: UInt32 { context.seed }
    private var model: ModelShape { program.step.model }

    /// Bytes for a step: weights, cache, gains and activations, with room for alignment.
    static func bytesNeeded(_ step: DecodeStep) -> Int {
        let cache = 2 * 2 * step.model.layers * step.model.keyValueWidth * (step.contextTokens + 1)
        return 2 * step.model.matrixParametersPerToken + cache + (64 << 20)
    }

    init(_ context: KernelContext, program: DecodeProgram) throws {
        self.context = context
        self.program = program
        operations =
            [nw_operation(NW_OP_RESET)] + program.operations.map { nw_operation($0, layers: program.step.model.layers) }
        handle = try Self.create(context, program)
    }

    deinit { nw_decode_destroy(handle) }

    package var work: Work { program.work }

    package var notes: [String: String] {
        context.notes.merging(["rows": "contiguous rows per thread, one arena each"]) { first, _ in first }
    }

    package func run(repetitions: Int) throws -> TimedBatch {
        let batch = try execute(operations, repetitions: max(repetitions, 1))
        hasTimedOutput = true
        return batch
    }

    package func measuredClock() -> ClockSpread? { context.measuredClock }

    package func verify() throws -> Verification {
        let timed = hasTimedOutput ? try read(.logits) : nil
        var outcome = try DecodeCheck.verify(self)
        let checked = try read(.logits)
        hasTimedOutput = false
        if let timed { outcome = outcome.and(sameBits(timed, checked)) }
        poisonLogits()
        return outcome
    }

    /// What is found in the logits after the timed steps must be theirs.
    private func poisonLogits() {
        var count = 0
        let start = nw_decode_buffer(handle, nw_buffer(.logits), &count)
        start?.update(repeating: .nan, count: count)
    }

    /// The logits of the timed step must be those of the checked one to the bit: every sum has a fixed order.
    private func sameBits(_ timed: [Float], _ checked: [Float]) -> Verification {
        let place = timed.indices.first { timed[$0].bitPattern != checked[$0].bitPattern || !timed[$0].isFinite }
        return Verification(
            passed: place == nil, method: "logits of the timed step equal the checked ones to the bit",
            worst: place == nil ? 0 : .infinity, detail: place.map { "logit \($0) differs between two runs" })
    }

    // MARK: InspectableDecodeStep

    package func reset() throws { _ = try execute([nw_operation(NW_OP_RESET)], repetitions: 1) }

    package func run(_ operation: DecodeOperation) throws {
        _ = try execute([nw_operation(operation, layers: model.layers)], repetitions: 1)
    }

    package func read(_ buffer: ActivationBuffer) throws -> [Float] {
        var count = 0
        let start = nw_decode_buffer(handle, nw_buffer(buffer), &count)
        return Array(UnsafeBufferPointer(start: start, count: count))
    }

    package func readCache(layer: Int) throws -> (key: [Float], value: [Float]) {
        guard (0..<model.layers).contains(layer) else { throw UsageError("the model has no layer \(layer)") }
        func widened(_ start: UnsafePointer<UInt16>?) -> [Float] {
            UnsafeBufferPointer(start: start, count: model.keyValueWidth).map { bits in
                program.step.weights == .bf16 ? SixteenBit.float(bf16Bits: bits) : Float(Float16(bitPattern: bits))
            }
        }
        return (widened(nw_decode_key_row(handle, Int32(layer))), widened(nw_decode_value_row(handle, Int32(layer))))
    }

    /// Overwrites one stored weight, so that tests can see the checks fail.
    package func corrupt(_ matrix: WeightMatrix, row: Int, column: Int, bits: UInt16) {
        nw_decode_weight(handle, matrix.kernelIndex(layers: model.layers), Int64(row), Int64(column)).pointee = bits
    }

    private func execute(_ operations: [nw_operation], repetitions: Int) throws -> TimedBatch {
        var interval = nw_interval()
        try check(
            nw_decode_run(handle, operations, Int32(operations.count), Int64(repetitions), &interval),
            "running a decode step of \(model.name)")
        return TimedBatch(interval, repetitions: repetitions)
    }
}

// MARK: Making ready

extension DecodeWorkload {
    private static func create(_ context: KernelContext, _ program: DecodeProgram) throws -> OpaquePointer {
        let model = program.step.model
        func key(_ stream: UInt32) -> UInt32 { SeededData.key(seed: context.seed, stream: stream) }
        let matrices = program.operations.compactMap { operation -> nw_matrix? in
            guard case .multiply(let matrix, _, _, _) = operation else { return nil }
            let size = program.size(of: matrix)
            return nw_matrix(rows: Int64(size.rows), columns: Int64(size.columns), key: key(program.stream(of: matrix)))
        }
        let angles = (0..<model.headDimension / 2).map { pair in
            Double(program.step.contextTokens) * pow(model.ropeTheta, -2 * Double(pair) / Double(model.headDimension))
        }
        let (cosines, sines) = (angles.map { Float(cos($0)) }, angles.map { Float(sin($0)) })
        let gains = (0...2 * model.layers).map { key(program.gainStream(norm: $0)) }
        let keys = (0..<model.layers).map { key(program.keyStream(layer: $0)) }
        let values = (0..<model.layers).map { key(program.valueStream(layer: $0)) }
        var spec = nw_decode_spec(model, program.step)
        spec.residual_key = key(program.residualStream)
        spec.matrix_count = Int32(matrices.count)
        var handle: OpaquePointer?
        let status = withBases(gains, keys, values, cosines, sines, matrices) { bases in
            (spec.gain_keys, spec.key_cache_keys, spec.value_cache_keys) = (bases.0, bases.1, bases.2)
            (spec.cosines, spec.sines, spec.matrices) = (bases.3, bases.4, bases.5)
            return nw_decode_create(context.team.handle, context.isa.handle, &spec, &handle)
        }
        try check(status, "preparing a decode step of \(model.name)")
        guard let handle else { throw TrialFailure(.failed, "the decode step is missing") }
        return handle
    }

    private typealias Bases = (
        UnsafePointer<UInt32>?, UnsafePointer<UInt32>?, UnsafePointer<UInt32>?, UnsafePointer<Float>?,
        UnsafePointer<Float>?, UnsafePointer<nw_matrix>?
    )

    /// The arrays' addresses for the time of one call.
    private static func withBases(
        _ gains: [UInt32], _ keys: [UInt32], _ values: [UInt32], _ cosines: [Float], _ sines: [Float],
        _ matrices: [nw_matrix], _ body: (Bases) -> nw_status
    ) -> nw_status {
        gains.withUnsafeBufferPointer { g in
            keys.withUnsafeBufferPointer { k in
                values.withUnsafeBufferPointer { v in
                    cosines.withUnsafeBufferPointer { c in
                        sines.withUnsafeBufferPointer { s in
                            matrices.withUnsafeBufferPointer { m in
                                body(
                                    (
                                        g.baseAddress, k.baseAddress, v.baseAddress, c.baseAddress, s.baseAddress,
                                        m.baseAddress
                                    ))
                            }
                        }
                    }
                }
            }
        }
    }
}

extension nw_decode_spec {
    fileprivate init(_ model: ModelShape, _ step: DecodeStep) {
        self.init()
        layers = Int32(model.layers)
        hidden = Int32(model.hidden)
        feed_forward = Int32(model.feedForward)
        heads = Int32(model.heads)
        kv_heads = Int32(model.keyValueHeads)
        head_dimension = Int32(model.headDimension)
        vocabulary = Int32(model.vocabulary)
        context = Int32(clamping: step.contextTokens)
        half = step.weights == .f16
        norm_epsilon = Float(model.normEpsilon)
    }
}
