import NodeModel

/// What a suite measures on OpenCL devices beside what every device has.
struct DeviceRows: Hashable {
    /// Formats of the register peaks.
    var peaks: [Precision] = [.f32]
    /// Streams through the device's memory beside the read.
    var streams: [StreamVariant] = []
    /// Formats of matrices that multiply a vector.
    var gemvFormats: [WeightFormat] = []
    /// Copies to and from the host.
    var copies: [HostCopy.Direction] = []
    /// How launches follow one another.
    var launches: [LaunchMode] = []
    /// Whether the parts of an LLM's step are measured one by one.
    var hasBlocks = false
    /// Formats of attention's caches.
    var cacheFormats: [Precision] = []

    /// The rows of a suite.
    static func of(_ suite: SuiteName) -> DeviceRows {
        switch suite {
        case .quick: DeviceRows()
        case .standard: standard
        case .full: full
        }
    }

    private static let standard = DeviceRows(
        peaks: [.f64, .f32, .f16, .i8], streams: [.copy, .triad], gemvFormats: [.f16, .q8, .q4],
        copies: HostCopy.Direction.allCases, launches: LaunchMode.allCases)

    /// Everything; also what a suite without a workload gives those who name it.
    static let full = DeviceRows(
        peaks: standard.peaks, streams: standard.streams, gemvFormats: WeightFormat.allCases, copies: standard.copies,
        launches: standard.launches, hasBlocks: true, cacheFormats: [.f16, .bf16])

    /// Rows as wide as a model's hidden state, and scores of as many heads and tokens as a prompt has.
    private static let normRows = RowsShape(rows: 8_192, columns: 4_096)
    private static let scoreRows = [RowsShape(rows: 32_768, columns: 1_024), RowsShape(rows: 256, columns: 128_256)]

    /// The attention of a model of 8 billion parameters, with a short cache and a long one.
    private static let attentions = [4_096, 32_768].map {
        AttentionShape(heads: 32, keyValueHeads: 8, headDimension: 128, contextTokens: $0)
    }

    /// Whether any of its rows is of a workload.
    func has(_ name: WorkloadName) -> Bool {
        switch name {
        case .gemv: !gemvFormats.isEmpty
        case .transfer: !copies.isEmpty
        case .launch: !launches.isEmpty
        case .softmax, .rmsnorm, .attention: hasBlocks
        case .peak, .bandwidth, .latency, .gemm, .llm: true
        }
    }

    /// The rows of one of the workloads only OpenCL devices have.
    func workloads(_ name: WorkloadName, transferBytes: Int) -> [Workload] {
        guard has(name) else { return [] }
        switch name {
        case .transfer:
            return copies.flatMap { direction in
                HostCopy.Pages.allCases.map { .transfer(HostCopy(direction, pages: $0, bytes: transferBytes)) }
            }
        case .launch: return launches.map { .launch($0) }
        case .softmax: return Self.scoreRows.map { .softmax($0) }
        case .rmsnorm: return [.rmsnorm(Self.normRows)]
        case .attention:
            return cacheFormats.flatMap { format in Self.attentions.map { .attention($0, format) } }
        case .peak, .bandwidth, .latency, .gemm, .gemv, .llm: return []
        }
    }

    /// The workloads only OpenCL devices have.
    static let own: [WorkloadName] = [.transfer, .launch, .softmax, .rmsnorm, .attention]
}
