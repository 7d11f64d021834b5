public import NodeModel

/// What the user wants measured, where the suite is not to decide.
public struct TrialSelection: Hashable, Sendable {
    /// Workloads to run; empty for all.
    public var workloads: [WorkloadName]
    /// Formats to keep, for an LLM that of its weights; empty for all.
    public var precisions: [Precision]
    /// The size of matrix products, in place of the suite's.
    public var shape: GEMMShape?
    /// The size of the matrix that multiplies a vector, in place of the suite's.
    public var gemvShape: GEMVShape?
    /// The format of weights, of an LLM's and of a matrix that multiplies a vector, in place of the suite's.
    public var quantization: WeightFormat?
    /// Tokens in the cache, in place of the suite's.
    public var contextTokens: Int?
    /// How many threads CPU trials use, in place of one per core.
    public var threads: Int?
    /// Whether CPU trials use every hardware thread of a core.
    public var usesSMT = false
    /// Whether CPU trials are repeated on other numbers of threads.
    public var scales = false
    /// The instruction sets CPU trials are repeated with, by name; empty for the backend's own choice.
    public var instructionSets: [String] = []
    /// The longest measured part of a trial, in place of the suite's.
    public var trialTime: Seconds?
    /// What of memory is measured, in place of the suite's.
    public var memory: MemorySelection

    /// Creates a selection; everything defaults to the suite's choice.
    public init(
        workloads: [WorkloadName] = [], precisions: [Precision] = [], shape: GEMMShape? = nil,
        gemvShape: GEMVShape? = nil, quantization: WeightFormat? = nil, contextTokens: Int? = nil, threads: Int? = nil,
        memory: MemorySelection = MemorySelection()
    ) {
        self.memory = memory
        self.workloads = workloads
        self.precisions = precisions
        self.shape = shape
        self.gemvShape = gemvShape
        self.quantization = quantization
        self.contextTokens = contextTokens
        self.threads = threads
    }
}
