import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

/// The buffers of an inference beside the model's numbers: activations, caches, tokens and angles.
final class InferenceTensors {
    /// Keys and values of a layer: [sequence][position][width], f16.
    struct Cache {
        let keys, values: Buffer
    }

    /// The sequence and the position of each row of the current pass.
    let places: Buffer
    /// The token of each row.
    let tokens: Buffer
    /// The tokens of the prompts: [sequence][position].
    let prompts: Buffer
    /// The token each sequence chose last.
    let chosen: Buffer
    /// The token of each row that has logits.
    private(set) var rowChosen: Buffer
    /// Cosine and sine of every pair's angle at each position, made in float64.
    let turns: Buffer
    private(set) var caches: [Cache] = []
    private var activations: [InferenceBuffer: Buffer] = [:]
    private let program: InferenceProgram
    private let queue: DeviceQueue

    /// What an inference allocates beside the model's numbers.
    static func bytes(of program: InferenceProgram, rowUnit: Int) -> Int {
        let (step, model) = (program.step, program.step.model)
        let capacity = InferenceCapacity(step)
        let cache = 2 * 2 * model.layers * step.batch * step.positions * model.keyValueWidth
        let activations = InferenceBuffer.allCases.reduce(0) {
            $0 + (capacity.rows(of: $1) + rowUnit - 1) * program.width(of: $1)
        }
        return cache + 4 * (activations + step.positions * (model.headDimension + step.batch))
    }

    /// Allocates the buffers and fills the prompts, the angles and the caches.
    ///
    /// - Parameters:
    ///   - program: What is computed.
    ///   - weights: The model's numbers.
    ///   - seed: The seed of tokens and caches.
    ///   - queue: The device.
    ///   - seeded: The program of `inference_seeded`.
    ///   - rowUnit: What numbers of rows activations have room for.
    /// - Throws: `TrialFailure` when the device fails.
    init(
        _ program: InferenceProgram, _ weights: any ModelWeights, seed: UInt32, queue: DeviceQueue, seeded: Program,
        rowUnit: Int
    ) throws {
        let (step, capacity) = (program.step, InferenceCapacity(program.step))
        (self.program, self.queue) = (program, queue)
        places = try queue.buffer(bytes: 8 * capacity.rows)
        tokens = try queue.buffer(bytes: 4 * capacity.rows)
        prompts = try queue.buffer(
            (0..<step.batch).flatMap { sequence in
                (0..<step.positions).map {
                    UInt32(program.promptToken(sequence: sequence, position: $0, seed: seed))
                }
            })
        chosen = try queue.buffer([UInt32](repeating: 0, count: step.batch))
        rowChosen = try queue.buffer(bytes: 4 * capacity.logitRows)
        turns = try queue.buffer(Self.turns(weights.rotaryFrequencies, positions: step.positions))
        for buffer in InferenceBuffer.allCases {
            let rows = (capacity.rows(of: buffer) + rowUnit - 1) / rowUnit * rowUnit
            activations[buffer] = try queue.buffer(bytes: 4 * rows * program.width(of: buffer))
        }
        for layer in 0..<step.model.layers { caches.append(try cache(layer, seeded, seed: seed)) }
    }

    private static func turns(_ frequencies: [Double], positions: Int) -> [Float] {
        (0..<positions).flatMap { position in
            frequencies.flatMap { frequency -> [Float] in
                let angle = Double(position) * frequency
                return [Float(cos(angle)), Float(sin(angle))]
            }
        }
    }

    private func cache(_ layer: Int, _ seeded: Program, seed: UInt32) throws -> Cache {
        let (step, width) = (program.step, program.step.model.keyValueWidth)
        let count = step.batch * step.positions * width
        let cache = Cache(keys: try queue.buffer(bytes: 2 * count), values: try queue.buffer(bytes: 2 * count))
        // The first of a stream's two keys, as ModelStream has it.
        func key(_ stream: UInt32) -> UInt32 {
            SeededData.key(seed: SeededData.key(seed: seed, stream: stream), stream: 0)
        }
        let kernel = try seeded.kernel(
            "fill_caches", .buffer(cache.keys), .buffer(cache.values), .uint(step.batch), .uint(step.positions),
            .uint(step.contextTokens), .uint(width), .word(key(ModelStream.keys(layer: layer))),
            .word(key(ModelStream.values(layer: layer))))
        let local = min(256, max(kernel.workGroupSize, 1))
        try queue.run([Launch(kernel: kernel, groups: [(count + local - 1) / local], local: [local])])
        return cache
    }

    /// A buffer of activations.
    func activation(_ buffer: InferenceBuffer) throws -> Buffer {
        guard let result = activations[buffer] else { throw TrialFailure(.failed, "no buffer \(buffer.rawValue)") }
        return result
    }

    /// Makes room for more rows with logits than timed passes have.
    ///
    /// - Returns: Whether there is new room, of which launches made before know nothing.
    func growLogits(to rows: Int) throws -> Bool {
        let bytes = 4 * rows * program.step.model.vocabulary
        guard try activation(.logits).bytes < bytes else { return false }
        activations[.logits] = try queue.buffer(bytes: bytes)
        rowChosen = try queue.buffer(bytes: 4 * rows)
        return true
    }
}
