public import NodeModel

/// What the user wants to know of a language model, where the suite is not to decide.
public struct InferenceSelection: Hashable, Sendable {
    /// Tokens of each prompt.
    public var prompt: Int?
    /// Tokens generated behind each prompt.
    public var generate: Int?
    /// Tokens in the cache before the prompt.
    public var context: Int?
    /// Numbers of sequences side by side; empty for the suite's.
    public var batches: [Int]
    /// The only phase that is measured; `nil` for both.
    public var phase: InferencePhase?
    /// The file with the model's weights; `nil` for random ones.
    public var file: ModelFileSelection?

    /// Creates a selection; everything defaults to the suite's choice.
    public init(
        prompt: Int? = nil, generate: Int? = nil, context: Int? = nil, batches: [Int] = [], phase: InferencePhase? = nil
    ) {
        self.prompt = prompt
        self.generate = generate
        self.context = context
        self.batches = batches
        self.phase = phase
    }
}

/// A file with a model's weights.
public struct ModelFileSelection: Hashable, Sendable {
    /// Where it is.
    public var path: String
    /// The format of most of its weights.
    public var format: WeightFormat

    /// Names a file.
    public init(path: String, format: WeightFormat) {
        self.path = path
        self.format = format
    }
}

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
    /// What is measured of language models, in place of the suite's.
    public var inference: InferenceSelection
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
        gemvShape: GEMVShape? = nil, quantization: WeightFormat? = nil,
        inference: InferenceSelection = InferenceSelection(),
        threads: Int? = nil,
        memory: MemorySelection = MemorySelection()
    ) {
        self.memory = memory
        self.workloads = workloads
        self.precisions = precisions
        self.shape = shape
        self.gemvShape = gemvShape
        self.quantization = quantization
        self.inference = inference
        self.threads = threads
    }
}
