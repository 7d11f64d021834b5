public import NodeModel

/// How much to measure.
public enum SuiteName: String, Codable, Sendable, CaseIterable {
    /// At most a minute on a small node.
    case quick
    /// Several sizes, longer samples: minutes.
    case standard
    /// Everything, for acceptance tests: tens of minutes on large nodes.
    case full
}

/// Products of a few tokens' activations with the matrices of a model's layers.
public struct ModelProducts: Hashable, Sendable {
    /// The model, by its name in `Profiles/models`.
    public var model: String
    /// Which of its matrices.
    public var projections: [Projection] = [.attentionOutput, .gateUp, .down]
    /// How many tokens at once: the rows of A.
    public var tokens: [Int]
    /// The formats of activations and weights.
    public var formats: [Precision] = [.bf16]
}

/// The sizes and times of a suite.
public struct Suite: Hashable, Sendable {
    /// Which suite it is.
    public var name: SuiteName
    /// The edges of the square matrix products on CPUs.
    public var cpuMatrixEdges: [Int]
    /// The edges of the square matrix products on GPUs and accelerators.
    public var acceleratorMatrixEdges: [Int]
    /// Formats of the CPU's own peaks; other devices compute f32.
    public var cpuPeaks: [Precision] = [.f32]
    /// Formats of the CPU's own products.
    public var cpuFormats: [Precision] = [.f32]
    /// Formats of the products on matrix engines of GPUs and accelerators.
    public var engineFormats: [EngineFormat] = [EngineFormat(.f16, .f32)]
    /// The CPU's own products of few rows, as LLMs make them.
    public var modelProducts: [ModelProducts] = []
    /// Whether peak, read and product are measured on other numbers of threads too.
    public var scales = false
    /// The matrices that multiply a vector; empty for none.
    public var gemvShapes: [GEMVShape] = []
    /// The formats of their weights.
    public var gemvFormats: [WeightFormat] = WeightFormat.common
    /// Tokens of the prompts of the language model.
    public var promptTokens: [Int]
    /// Tokens generated behind each.
    public var generatedTokens = 16
    /// Sequences that generate side by side.
    public var batches = [1]
    /// Formats of the language model's weights.
    public var weightFormats: [WeightFormat]
    /// The memory rows beside the read of DRAM, which every suite has.
    public var memory: [MemoryRow]
    /// How much of the matrix of NUMA nodes is measured.
    public var numa: NUMAMatrix
    /// The model of the language-model rows, by its name in `Profiles/models`.
    public var model: String
    /// The longest measured part of a trial.
    public var budget: Seconds
    /// The shortest measured part of a trial: clocks and neighbours change over seconds.
    public var minimumTime: Seconds
    /// How long idle power is watched, before and after.
    public var idleTime: Seconds
    /// The time for finding the best shapes of kernels, for each OpenCL device.
    public var tuningTime = Seconds(30)

    private static let allFormats: [Precision] = [.f64, .f32, .f16, .bf16, .i8]

    private static let usualMemory: [MemoryRow] = [
        .stream(.copyPastCaches, .dram), .stream(.triad, .dram), .stream(.triadPastCaches, .dram),
        .stream(.read, .l1), .stream(.read, .l2), .stream(.read, .l3),
        .latency(.l1, .huge, chains: 1), .latency(.l2, .huge, chains: 1), .latency(.l3, .huge, chains: 1),
        .latency(.dram, .huge, chains: 1), .latency(.dram, .small, chains: 1),
    ]

    private static let allMemory: [MemoryRow] =
        MemoryLevel.allCases.reversed().flatMap { level in
            StreamVariant.allCases.filter { level != .dram || $0 != .read }.map { .stream($0, level) }
        }
        + MemoryLevel.allCases.flatMap { level in [1, 8].map { .latency(level, .huge, chains: $0) } }
        + [.latency(.dram, .small, chains: 1), .latency(.dram, .small, chains: 8)]

    /// The latencies measured where a suite has none but the user names the workload.
    static let usualLatencies = usualMemory.filter { if case .latency = $0 { true } else { false } }

    private static let allModelProducts = [
        ModelProducts(model: "llama-3.2-1b", tokens: [1, 4, 16, 64]),
        ModelProducts(model: "llama-3.1-8b", tokens: [1, 4, 16, 64], formats: [.f32, .bf16]),
        ModelProducts(model: "llama-3.1-70b", tokens: [1, 4, 16, 64]),
    ]

    /// Matrices of models with 1, 7, 8 and 70 billion parameters.
    private static let modelMatrices = [
        GEMVShape(rows: 2_048, columns: 8_192), .common, GEMVShape(rows: 14_336, columns: 4_096),
        GEMVShape(rows: 4_096, columns: 14_336), GEMVShape(rows: 28_672, columns: 8_192),
        GEMVShape(rows: 8_192, columns: 28_672),
    ]

    /// The suites there are.
    public static let all: [SuiteName: Suite] = [
        .quick: Suite(
            name: .quick, cpuMatrixEdges: [2_048], acceleratorMatrixEdges: [4_096], promptTokens: [128],
            weightFormats: [.bf16], memory: [], numa: .none, model: "tinyllama-1.1b", budget: Seconds(3.5),
            minimumTime: Seconds(2.5),
            idleTime: Seconds(2), tuningTime: Seconds(6)),
        .standard: Suite(
            name: .standard, cpuMatrixEdges: [1_024, 2_048, 4_096], acceleratorMatrixEdges: [2_048, 4_096, 8_192],
            cpuPeaks: allFormats, cpuFormats: [.f32, .bf16, .f16, .i8], engineFormats: EngineFormat.all,
            modelProducts: [ModelProducts(model: "llama-3.1-8b", projections: [.gateUp], tokens: [1, 16])],
            gemvShapes: [.common], promptTokens: [128, 1_024], generatedTokens: 32, batches: [1, 8],
            weightFormats: WeightFormat.common, memory: usualMemory,
            numa: .firstNode,
            model: "tinyllama-1.1b", budget: Seconds(10), minimumTime: Seconds(6), idleTime: Seconds(5)),
        .full: Suite(
            name: .full, cpuMatrixEdges: [512, 1_024, 2_048, 4_096, 8_192],
            acceleratorMatrixEdges: [1_024, 2_048, 4_096, 8_192, 16_384],
            cpuPeaks: allFormats, cpuFormats: [.f32, .bf16, .f16, .i8], engineFormats: EngineFormat.all,
            modelProducts: allModelProducts, scales: true,
            gemvShapes: modelMatrices, gemvFormats: WeightFormat.allCases, promptTokens: [128, 1_024, 2_016],
            generatedTokens: 32, batches: [1, 2, 4, 8, 16, 32], weightFormats: WeightFormat.common, memory: allMemory,
            numa: .all, model: "tinyllama-1.1b", budget: Seconds(30),
            minimumTime: Seconds(20),
            idleTime: Seconds(10)),
    ]
}
