import CPUKernels
import NodeModel

/// What makes two trials share a loaded model.
struct LoadedModelKey: Hashable {
    private let model: ModelShape
    private let file: String?
    private let weights: WeightFormat
    private let isa: String
    private let threads: [Int]
    private let seed: UInt32

    init(_ step: InferenceStep, isa: String, threads: [Int], seed: UInt32) {
        (model, file, weights) = (step.model, step.file, step.weights)
        (self.isa, self.threads, self.seed) = (isa, threads, seed)
    }
}

/// A model's weights in the memory of a team, in the layout its kernels multiply fastest.
final class LoadedModel {
    let handle: OpaquePointer
    let weights: any ModelWeights
    let matrices: ModelMatrices
    /// Kept because the kernels run on it.
    let context: KernelContext

    /// Reserves memory and fills it by the threads that will read it.
    init(_ context: KernelContext, _ weights: any ModelWeights) throws {
        self.context = context
        self.weights = weights
        matrices = ModelMatrices(weights.shape)
        let layout = Self.layout(matrices, weights)
        var handle: OpaquePointer?
        try check(
            nw_model_create(
                context.team.handle, context.isa.handle, layout.matrices, Int32(layout.matrices.count), layout.parts,
                &handle),
            "allocating the weights of \(weights.shape.name)")
        guard let handle else { throw TrialFailure(.failed, "the model is missing") }
        self.handle = handle
        for (index, matrix) in matrices.all.enumerated() { try load(matrix, at: index) }
    }

    deinit { nw_model_destroy(handle) }

    /// Bytes the weights take in memory.
    static func bytesNeeded(_ weights: any ModelWeights, isa: InstructionSet, threads: Int) -> Int {
        let layout = layout(ModelMatrices(weights.shape), weights)
        return nw_model_bytes(isa.handle, layout.matrices, Int32(layout.matrices.count), layout.parts, Int32(threads))
    }

    /// The formats of all matrices, a bit for each.
    static func formats(_ weights: any ModelWeights) -> UInt32 {
        ModelMatrices(weights.shape).all.reduce(0) { bits, matrix in
            weights.parts(of: matrix).reduce(bits) { $0 | 1 << nw_weight_format($1.format).rawValue }
        }
    }

    /// Whether the weights are still those that were loaded.
    private(set) var isUnchanged = true

    /// A stored row in its format's own layout, changed; so that tests can see the checks fail.
    func change(_ matrix: ModelMatrix, row: Int, _ body: (inout [UInt8]) -> Void) throws {
        guard let index = matrices.index(of: matrix) else { throw UsageError("\(matrix) is not stored") }
        var bytes = [UInt8](repeating: 0, count: 4 * weights.shape.size(of: matrix).columns)
        try check(nw_model_read_row(handle, Int32(index), Int64(row), &bytes), "reading row \(row)")
        body(&bytes)
        isUnchanged = false
        try check(nw_model_write_row(handle, Int32(index), Int64(row), bytes), "writing row \(row)")
    }

    private static func layout(_ matrices: ModelMatrices, _ weights: any ModelWeights) -> (
        matrices: [nw_matrix_spec], parts: [nw_part_spec]
    ) {
        let parts = matrices.all.map { weights.parts(of: $0) }
        return (
            zip(matrices.all, parts).map { matrix, parts in
                nw_matrix_spec(columns: Int64(weights.shape.size(of: matrix).columns), parts: Int32(parts.count))
            },
            parts.joined().map { nw_part_spec(format: nw_weight_format($0.format), rows: Int64($0.rows)) }
        )
    }

    private func load(_ matrix: ModelMatrix, at index: Int) throws {
        var firstRow = 0
        for (place, part) in weights.parts(of: matrix).enumerated() {
            try weights.withContent(of: matrix, part: place) { content in
                let status: nw_status =
                    switch content {
                    case .bytes(let bytes): nw_model_copy(handle, Int32(index), Int32(place), bytes.baseAddress)
                    case .seeded(let weights, let scales):
                        nw_model_fill(handle, Int32(index), Int32(place), Int64(firstRow), [weights, scales])
                    }
                try check(status, "loading \(matrix)")
            }
            firstRow += part.rows
        }
    }
}
