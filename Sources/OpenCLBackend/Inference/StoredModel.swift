import NodeModel

/// A model's matrices and vectors in a device's memory.
final class StoredModel {
    /// Rows of a matrix that are stored alike.
    struct Part {
        let matrix: StoredMatrix
        /// The first of them in the matrix.
        let firstRow: Int
    }

    /// The same matrix of several experts, one below the other.
    struct Experts {
        let matrix: StoredMatrix
        let range: Range<Int>
        /// Rows of one expert's matrix.
        let rows: Int
    }

    let weights: any ModelWeights
    private(set) var matrices: [ModelMatrix: [Part]] = [:]
    /// Gate and up, and down, of each layer's experts.
    private(set) var expertsGateUp: [Int: [Experts]] = [:]
    private(set) var expertsDown: [Int: [Experts]] = [:]
    private(set) var vectors: [ModelVector: Buffer] = [:]
    private let queue: DeviceQueue
    private let device: Device
    private let tuning: Tuning
    private var fillers: [WeightFormat: MatrixFiller] = [:]

    /// Copies or makes all numbers of a model but the embedding's.
    ///
    /// - Parameters:
    ///   - weights: The model's numbers.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - tuning: How its kernels are shaped.
    /// - Throws: `TrialFailure` when the device fails, and what reading the model's file throws.
    init(_ weights: any ModelWeights, queue: DeviceQueue, device: Device, tuning: Tuning) throws {
        (self.weights, self.queue, self.device, self.tuning) = (weights, queue, device, tuning)
        for matrix in Self.matrices(of: weights.shape) { matrices[matrix] = try stored(matrix) }
        for layer in 0..<weights.shape.layers { try storeExperts(layer) }
        for vector in Self.vectors(of: weights.shape) {
            vectors[vector] = try weights.values(of: vector).map { try queue.buffer($0) }
        }
    }

    /// The matrices a pass multiplies with, but for experts'.
    static func matrices(of model: ModelShape) -> [ModelMatrix] {
        (0..<model.layers).flatMap { layer -> [ModelMatrix] in
            let feedForward: [ModelMatrix] =
                model.experts == nil ? [.gateUp(layer: layer), .down(layer: layer)] : [.router(layer: layer)]
            return [.queryKeyValue(layer: layer), .attentionOutput(layer: layer)] + feedForward
        } + [.outputHead]
    }

    private static func vectors(of model: ModelShape) -> [ModelVector] {
        (0..<model.layers).flatMap { layer -> [ModelVector] in
            [
                .gain(.attention(layer: layer)), .gain(.feedForward(layer: layer)), .bias(layer: layer),
                .queryGain(layer: layer), .keyGain(layer: layer),
            ]
        } + [.gain(.output)]
    }

    /// What the matrices take on a device.
    ///
    /// - Parameters:
    ///   - weights: The model's numbers.
    ///   - tuning: How the device's kernels are shaped.
    /// - Returns: Bytes.
    static func bytes(_ weights: any ModelWeights, tuning: Tuning) -> Int {
        let model = weights.shape
        func bytes(_ matrix: ModelMatrix) -> Int {
            weights.parts(of: matrix).reduce(0) { sum, part in
                let rows = part.rows + (tuning.isProcessor ? 0 : EngineProducts.mostColumns)
                let shape = GEMVShape(rows: rows, columns: model.size(of: matrix).columns)
                return sum + MatrixLayout(shape, part.format, tuning: tuning).bytes
            }
        }
        let plain = matrices(of: model).reduce(0) { $0 + bytes($1) }
        guard let experts = model.experts else { return plain }
        return (0..<model.layers).reduce(plain) { sum, layer in
            sum + experts.count
                * (bytes(.expertGateUp(layer: layer, expert: 0)) + bytes(.expertDown(layer: layer, expert: 0)))
        }
    }

    /// The formats of all matrices.
    static func formats(_ weights: any ModelWeights) -> Set<WeightFormat> {
        let model = weights.shape
        var all = matrices(of: model) + [.embedding]
        if model.experts != nil {
            all += (0..<model.layers).flatMap {
                [ModelMatrix.expertGateUp(layer: $0, expert: 0), .expertDown(layer: $0, expert: 0)]
            }
        }
        return Set(all.flatMap { weights.parts(of: $0).map(\.format) })
    }

    private func stored(_ matrix: ModelMatrix) throws -> [Part] {
        queue.announce("making the weights \(matrix)", .prepare)
        let columns = weights.shape.size(of: matrix).columns
        var first = 0
        return try weights.parts(of: matrix).enumerated().map { index, part in
            let layout = MatrixLayout(GEMVShape(rows: part.rows, columns: columns), part.format, tuning: tuning)
            let stored = try StoredMatrix(
                layout, queue: queue, device: device, wholeRows: tuning.isProcessor ? 1 : EngineProducts.mostColumns)
            try weights.withContent(of: matrix, part: index) { content in
                switch content {
                case .seeded(let words, let scales):
                    guard first == 0 else { throw TrialFailure(.failed, "seeded weights of \(matrix) in parts") }
                    try filler(layout).fill(stored, keys: (words, scales))
                case .bytes: throw Self.noFile
                }
            }
            defer { first += part.rows }
            return Part(matrix: stored, firstRow: first)
        }
    }

    private static let noFile = TrialFailure(
        .unsupported, "weights of a file; the OpenCL kernels make seeded ones so far")

    private func filler(_ layout: MatrixLayout) throws -> MatrixFiller {
        let filler = try fillers[layout.format] ?? MatrixFiller(layout, queue: queue)
        fillers[layout.format] = filler
        return filler
    }

    private func storeExperts(_ layer: Int) throws {
        guard let experts = weights.shape.experts else { return }
        expertsGateUp[layer] = try stored(experts.count) { .expertGateUp(layer: layer, expert: $0) }
        expertsDown[layer] = try stored(experts.count) { .expertDown(layer: layer, expert: $0) }
    }

    /// One matrix of all experts, as many in an allocation as it holds.
    private func stored(_ experts: Int, _ matrix: (Int) -> ModelMatrix) throws -> [Experts] {
        let size = weights.shape.size(of: matrix(0))
        guard let part = weights.parts(of: matrix(0)).first,
            (0..<experts).allSatisfy({ weights.parts(of: matrix($0)) == [part] })
        else { throw TrialFailure(.unsupported, "experts of one layer in several formats") }
        queue.announce("making the weights \(matrix(0)) and those of its fellows", .prepare)
        let own = MatrixLayout(
            GEMVShape(rows: size.rows, columns: size.columns), part.format, tuning: tuning)
        let most = max(1, MemoryGuard.largestBuffer(device) / max(own.bytes, 1))
        return try MemoryGuard.pieces(experts, of: min(most, experts), on: device).map { range in
            let layout = MatrixLayout(
                GEMVShape(rows: range.count * size.rows, columns: size.columns), part.format, tuning: tuning)
            let stored = try StoredMatrix(layout, queue: queue, device: device)
            for (place, expert) in range.enumerated() {
                try weights.withContent(of: matrix(expert), part: 0) { content in
                    guard case .seeded(let words, let scales) = content else { throw Self.noFile }
                    let rows = place * size.rows..<(place + 1) * size.rows
                    try filler(layout).fill(stored, rows: rows, keys: (words, scales))
                }
            }
            return Experts(matrix: stored, range: range, rows: size.rows)
        }
    }
}
