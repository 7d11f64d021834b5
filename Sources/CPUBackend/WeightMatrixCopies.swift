import Analysis
import CPUKernels
import NodeModel

/// Copies of a weight matrix with different seeded weights, used in turn so that no cache serves them.
final class WeightMatrixCopies {
    private let handle: OpaquePointer
    private let context: KernelContext
    private let shape: GEMVShape
    private let format: WeightFormat

    /// Reserves as many copies as `rotatedBytes` asks for, at least one; they hold nothing yet.
    init(_ context: KernelContext, _ shape: GEMVShape, _ format: WeightFormat, rotatedBytes: Int) throws {
        self.context = context
        self.shape = shape
        self.format = format
        var handle: OpaquePointer?
        try check(
            nw_gemv_create(
                context.team.handle, context.isa.handle, nw_weight_format(format), NW_BLOCKS_PANELS,
                Int64(shape.rows), Int64(shape.columns), rotatedBytes, &handle),
            "allocating copies of a matrix of \(shape) weights")
        guard let handle else { throw TrialFailure(.failed, "the matrix is missing") }
        self.handle = handle
    }

    deinit { nw_gemv_destroy(handle) }

    /// How many copies there are.
    var count: Int { Int(nw_gemv_copies(handle)) }
    /// How many rows lie side by side.
    var panelRows: Int { Int(nw_gemv_panel_rows(handle)) }
    /// The copy the last product was made with, 0 before the first.
    var lastCopy: Int { max(0, Int(nw_gemv_last_copy(handle))) }

    /// Fills all copies by the threads that read them.
    func fill(_ data: nw_weight_data, stream: UInt32) throws {
        let keys = (0..<count).flatMap { copy -> [UInt32] in
            let both = streamKeys(copy: copy, stream: stream)
            return [both.weights, both.scales]
        }
        try check(nw_gemv_fill(handle, data, keys), "filling a matrix of \(shape) weights")
    }

    /// Multiplies by the vector `repetitions` times, each time with the next copy.
    func multiply(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, repetitions: Int) throws -> TimedBatch {
        var interval = nw_interval()
        try check(
            nw_gemv_run(handle, x, y, Int64(repetitions), &interval), "multiplying \(shape) weights by a vector")
        return TimedBatch(interval, repetitions: repetitions)
    }

    /// The float64 oracle of a copy.
    func oracle(copy: Int, _ data: GEMVOracle.Data, stream: UInt32) -> GEMVOracle {
        GEMVOracle(shape: shape, format: format, data: data, keys: streamKeys(copy: copy, stream: stream))
    }

    /// Changes the stored bytes of a row, which are given in the format's own layout.
    func change(copy: Int, row: Int, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = [UInt8](repeating: 0, count: format.bytes(of: shape.columns))
        try check(nw_gemv_read_row(handle, Int32(copy), Int64(row), &bytes), "reading row \(row)")
        body(&bytes)
        try check(nw_gemv_write_row(handle, Int32(copy), Int64(row), bytes), "writing row \(row)")
    }

    private func streamKeys(copy: Int, stream: UInt32) -> (weights: UInt32, scales: UInt32) {
        let seed = SeededData.key(seed: context.seed, stream: stream)
        let first = UInt32(truncatingIfNeeded: 2 * copy)
        return (SeededData.key(seed: seed, stream: first), SeededData.key(seed: seed, stream: first + 1))
    }
}

extension nw_weight_format {
    /// The format as the kernels know it.
    init(_ format: WeightFormat) {
        self =
            switch format {
            case .f32: NW_WEIGHT_F32
            case .f16: NW_WEIGHT_F16
            case .bf16: NW_WEIGHT_BF16
            case .q8: NW_WEIGHT_Q8_0
            case .q4: NW_WEIGHT_Q4_0
            }
    }
}
