import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

/// The buffers of a decode step: weights, caches, gains and activations, filled on the device from the seed.
final class DecodeTensors {
    private let program: DecodeProgram
    private var activations: [ActivationBuffer: Buffer] = [:]
    private(set) var matrices: [WeightMatrix: StoredMatrix] = [:]
    private(set) var caches: [(keys: Buffer, values: Buffer)] = []
    private(set) var gains: [Buffer] = []
    /// The seeded residual a step starts from.
    let start: Buffer
    /// Cosine and sine of every pair's angle at the new token's position, made in float64.
    let turns: Buffer

    /// What a step allocates on the device.
    static func bytes(of program: DecodeProgram) -> Int {
        let model = program.step.model
        let cache = 2 * 2 * model.layers * (program.step.contextTokens + 1) * model.keyValueWidth
        let small = 4 * (ActivationBuffer.allCases.map(program.count).reduce(0, +) + 3 * model.layers * model.hidden)
        return 2 * model.matrixParametersPerToken + cache + small
    }

    init(
        _ program: DecodeProgram, queue: DeviceQueue, device: Device, tuning: Tuning, filler: Filler, seed: UInt32
    ) throws {
        self.program = program
        let model = program.step.model
        func key(_ stream: UInt32) -> UInt32 { SeededData.key(seed: seed, stream: stream) }
        start = try queue.buffer(bytes: 4 * model.hidden)
        try filler.fill(start, .uniform, count: model.hidden, key: key(program.residualStream))
        turns = try queue.buffer(Self.turns(program.step))
        for buffer in ActivationBuffer.allCases {
            activations[buffer] = try queue.buffer(bytes: 4 * program.count(of: buffer))
        }
        for index in 0...2 * model.layers {
            let gainKey = key(program.gainStream(norm: index))
            gains.append(
                try queue.buffer(
                    (0..<model.hidden).map { 1 + SeededData.uniform(key: gainKey, index: UInt32($0)) / 8 }))
        }
        try fillMatrices(queue: queue, device: device, tuning: tuning, key: key)
        try fillCaches(queue: queue, filler: filler, key: key)
    }

    private func fillMatrices(queue: DeviceQueue, device: Device, tuning: Tuning, key: (UInt32) -> UInt32) throws {
        let format = program.step.weights == .bf16 ? WeightFormat.bf16 : .f16
        var filler: MatrixFiller?
        for operation in program.operations {
            guard case .multiply(let matrix, _, _, _) = operation else { continue }
            queue.announce("making the weights \(matrix)", .prepare)
            let (rows, columns) = program.size(of: matrix)
            let layout = MatrixLayout(GEMVShape(rows: rows, columns: columns), format, tuning: tuning)
            let stored = try StoredMatrix(layout, queue: queue, device: device)
            let own = try filler ?? MatrixFiller(layout, queue: queue)
            try own.fill(stored, keys: (weights: key(program.stream(of: matrix)), scales: 0))
            filler = own
            matrices[matrix] = stored
        }
    }

    private func fillCaches(queue: DeviceQueue, filler: Filler, key: (UInt32) -> UInt32) throws {
        let kind: FillKind = program.step.weights == .bf16 ? .cacheBF16 : .cacheF16
        let count = (program.step.contextTokens + 1) * program.step.model.keyValueWidth
        for layer in 0..<program.step.model.layers {
            let keys = try queue.buffer(bytes: 2 * count)
            let values = try queue.buffer(bytes: 2 * count)
            try filler.fill(keys, kind, count: count, key: key(program.keyStream(layer: layer)))
            try filler.fill(values, kind, count: count, key: key(program.valueStream(layer: layer)))
            caches.append((keys, values))
        }
    }

    private static func turns(_ step: DecodeStep) -> [Float] {
        (0..<step.model.headDimension / 2).flatMap { pair -> [Float] in
            let exponent = -2 * Double(pair) / Double(step.model.headDimension)
            let angle = Double(step.contextTokens) * pow(step.model.ropeTheta, exponent)
            return [Float(cos(angle)), Float(sin(angle))]
        }
    }

    func activation(_ buffer: ActivationBuffer) throws -> Buffer {
        guard let result = activations[buffer] else { throw TrialFailure(.failed, "no buffer \(buffer.rawValue)") }
        return result
    }
}
