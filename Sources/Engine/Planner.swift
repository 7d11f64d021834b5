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

/// Turns devices and a suite into trials; pure.
public struct Planner {
    private let suite: Suite
    private let selection: TrialSelection
    private let model: ModelShape
    private let topology: Topology
    private let minimumWindow: Seconds

    /// Creates a planner.
    ///
    /// - Parameters:
    ///   - suite: Sizes and times.
    ///   - selection: What the user wants instead.
    ///   - model: The model of the decode step.
    ///   - topology: The running machine.
    ///   - minimumWindow: The shortest energy window the meters resolve.
    public init(
        suite: Suite, selection: TrialSelection, model: ModelShape, topology: Topology, minimumWindow: Seconds
    ) {
        self.suite = suite
        self.selection = selection
        self.model = model
        self.topology = topology
        self.minimumWindow = minimumWindow
    }

    /// Lists the trials of some devices, ceilings first, device by device.
    public func plan(_ devices: [Device]) -> [TrialPlan] {
        devices.flatMap { device -> [TrialPlan] in
            let usual = sizedWorkloads(of: device).map { sized in
                TrialPlan(
                    workload: sized.workload, device: device.id, threads: sized.threads, budget: budget,
                    minimumWindow: max(minimumWindow, min(suite.minimumTime, budget)), caveat: sized.caveat,
                    refusal: sized.refusal)
            }
            guard device.id == .cpu else { return usual }
            let variations = ThreadVariations(topology: topology, usual: threads(of: device))
            return perInstructionSet(usual) + (selection.scales || suite.scales ? variations.plans(of: usual) : [])
        }
    }

    private var budget: Seconds { selection.trialTime ?? suite.budget }

    /// The CPU's trials once for each instruction set that was asked for.
    private func perInstructionSet(_ plans: [TrialPlan]) -> [TrialPlan] {
        guard !selection.instructionSets.isEmpty else { return plans }
        return selection.instructionSets.flatMap { name in
            plans.map { plan in
                var plan = plan
                (plan.instructionSet, plan.variation) = (name, name)
                return plan
            }
        }
    }

    /// Workloads with their threads; memory rows follow the read of DRAM, which is a ceiling and so comes early.
    private func sizedWorkloads(of device: Device) -> [MemoryPlanner.Sized] {
        let memory = memoryRows(of: device)
        var rows = workloads(of: device).map { workload in
            MemoryPlanner.Sized(
                workload: workload, threads: threads(of: device), caveat: caveat(of: workload, on: device))
        }
        if selection.memory.excludesDRAMRead { rows.removeAll { $0.workload.name == .bandwidth } }
        let ceilings = rows.prefix { [.peak, .bandwidth].contains($0.workload.name) }.count
        rows.insert(contentsOf: memory.filter { isSelected($0.workload) }, at: ceilings)
        return rows
    }

    /// Only the processors' own kernels know more of memory than to read DRAM.
    private func memoryRows(of device: Device) -> [MemoryPlanner.Sized] {
        guard device.id == .cpu else { return [] }
        let planner = MemoryPlanner(
            topology: topology, threads: threads(of: device), memoryBytes: device.memoryBytes)
        return selection.memory.rows(planner, suite: suite, named: selection.workloads)
    }

    private func workloads(of device: Device) -> [Workload] {
        let native = device.id == .cpu
        let peaks = asked(of: .peak, isPlain) ?? (native ? suite.cpuPeaks : [.f32])
        let formats = asked(of: .gemm, isPlain) ?? (native ? suite.cpuFormats : [.f32])
        let candidates: [Workload] =
            peaks.map { .peak($0) } + [.readBandwidth(bytes: readBytes(of: device))]
            + formats.flatMap { format in shapes(of: device, format).map { .gemm($0, format) } }
            + gemvFormats.flatMap { format in gemvShapes.map { .gemv($0, format) } } + decodeSteps.map { .decode($0) }
        return candidates.filter(isSelected)
    }

    /// The formats that were asked for; `nil` for the suite's.
    ///
    /// A workload that is named gets all of them, even those nothing computes it in: the backend says so in a row. One
    /// that is not named gets those it makes sense in.
    private func asked(of name: WorkloadName, _ makesSense: (Precision) -> Bool) -> [Precision]? {
        guard !selection.precisions.isEmpty else { return nil }
        return selection.workloads.contains(name) ? selection.precisions : selection.precisions.filter(makesSense)
    }

    /// Whether numbers of the format stand for themselves, without a scale.
    private func isPlain(_ format: Precision) -> Bool { WeightFormat(format)?.isBlocked != true }

    /// A read has no format: with formats named it has to be named itself.
    private func isSelected(_ workload: Workload) -> Bool {
        if workload.precision == nil, !selection.precisions.isEmpty {
            return selection.workloads.contains(workload.name)
        }
        return selection.workloads.isEmpty || selection.workloads.contains(workload.name)
    }

    private func shapes(of device: Device, _ format: Precision) -> [GEMMShape] {
        if let shape = selection.shape { return [shape] }
        let edges = device.kind == .cpu ? suite.cpuMatrixEdges : suite.acceleratorMatrixEdges
        let skinny = device.id == .cpu && [.f32, .bf16].contains(format) ? suite.skinnyRows : []
        return edges.map { GEMMShape(m: $0, n: $0, k: $0) } + skinny.map { GEMMShape(m: $0, n: 4_096, k: 4_096) }
    }

    /// Where the suite has none, one is measured for those who name the workload, or a format only it has.
    private var gemvShapes: [GEMVShape] {
        if let shape = selection.gemvShape { return [shape] }
        let isWanted = selection.workloads.contains(.gemv) || !selection.precisions.allSatisfy(isPlain)
        return suite.gemvShapes.isEmpty && isWanted ? [.common] : suite.gemvShapes
    }

    private var gemvFormats: [Precision] {
        if let quantization = selection.quantization { return [quantization.precision] }
        return asked(of: .gemv) { WeightFormat($0) != nil } ?? suite.gemvFormats.map(\.precision)
    }

    private var decodeSteps: [DecodeStep] {
        let contexts = selection.contextTokens.map { [$0] } ?? suite.contextTokens
        return weightFormats.flatMap { format in
            contexts.map { DecodeStep(model: model, weights: format, contextTokens: $0) }
        }
    }

    /// The weights' formats: the one asked for, else those of the formats asked for that weights can have.
    private var weightFormats: [Precision] {
        if let quantization = selection.quantization { return [quantization.precision] }
        return asked(of: .llm) { [.bf16, .f16].contains($0) } ?? suite.weightFormats
    }

    /// At least four times all last-level caches, and a gibibyte where memory allows: what STREAM asks for.
    private func readBytes(of device: Device) -> Int {
        // Drivers that do not know a limit say 0.
        let limits = [device.memoryBytes / 8, device.maximumAllocationBytes].filter { $0 > 0 }
        let bytes = max(min(max(1 << 30, cacheBytes(of: device)), limits.min() ?? .max), 1 << 20)
        return bytes & ~((1 << 20) - 1)
    }

    private func cacheBytes(of device: Device) -> Int { device.kind == .cpu ? 4 * topology.lastLevelCacheBytes : 0 }

    private func caveat(of workload: Workload, on device: Device) -> String? {
        switch workload {
        case .readBandwidth(let bytes) where bytes < cacheBytes(of: device): TrialPlan.noCeiling
        case .gemv(let shape, let precision):
            staysInCaches(shape, precision, on: device)
                ? "so small a matrix stays in the caches: this is not a figure of the memory" : nil
        default: nil
        }
    }

    private func staysInCaches(_ shape: GEMVShape, _ precision: Precision, on device: Device) -> Bool {
        guard let format = WeightFormat(precision) else { return false }
        return format.bytes(of: shape.rows * shape.columns) * GEMVShape.mostCopies < cacheBytes(of: device)
    }

    /// One hardware thread per core, bounded by the control group's quota, or as many as asked for.
    private func threads(of device: Device) -> [Int] {
        guard device.id == .cpu else { return [] }
        if selection.usesSMT { return topology.allowedThreads }
        let cores = topology.oneThreadPerCore
        if let wanted = selection.threads {
            let others = topology.allowedThreads.filter { !cores.contains($0) }
            return Array((cores + others).prefix(wanted))
        }
        let quota =
            topology.cgroup.cpuQuota.map { max(1, Int(min($0, Double(cores.count)).rounded(.up))) } ?? cores.count
        return Array(cores.prefix(quota))
    }
}
