public import NodeModel

/// What the user wants measured, where the suite is not to decide.
public struct TrialSelection: Hashable, Sendable {
    /// Workloads to run; empty for all.
    public var workloads: [WorkloadName]
    /// Formats to keep, for an LLM that of its weights; empty for all.
    public var precisions: [Precision]
    /// The size of matrix products, in place of the suite's.
    public var shape: GEMMShape?
    /// The format of LLM weights, in place of the suite's.
    public var quantization: Precision?
    /// Tokens in the cache, in place of the suite's.
    public var contextTokens: Int?
    /// How many threads CPU trials use, in place of one per core.
    public var threads: Int?

    /// Creates a selection; everything defaults to the suite's choice.
    public init(
        workloads: [WorkloadName] = [], precisions: [Precision] = [], shape: GEMMShape? = nil,
        quantization: Precision? = nil, contextTokens: Int? = nil, threads: Int? = nil
    ) {
        self.workloads = workloads
        self.precisions = precisions
        self.shape = shape
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
        devices.flatMap { device in
            workloads(of: device).map { workload in
                TrialPlan(
                    workload: workload, device: device.id, threads: threads(of: device), budget: suite.budget,
                    minimumWindow: max(minimumWindow, suite.minimumTime))
            }
        }
    }

    private func workloads(of device: Device) -> [Workload] {
        let candidates: [Workload] =
            [.peak(.f32), .readBandwidth(bytes: readBytes(of: device))]
            + shapes(of: device).map { .gemm($0, .f32) } + decodeSteps.map { .decode($0) }
        return candidates.filter(isSelected)
    }

    private func isSelected(_ workload: Workload) -> Bool {
        let named = selection.workloads.isEmpty || selection.workloads.contains(workload.name)
        guard named, let precision = workload.precision, !selection.precisions.isEmpty else { return named }
        return selection.precisions.contains(precision)
    }

    private func shapes(of device: Device) -> [GEMMShape] {
        if let shape = selection.shape { return [shape] }
        let edges = device.kind == .cpu ? suite.cpuMatrixEdges : suite.acceleratorMatrixEdges
        return edges.map { GEMMShape(m: $0, n: $0, k: $0) }
    }

    private var decodeSteps: [DecodeStep] {
        let formats = selection.quantization.map { [$0] } ?? suite.weightFormats
        let contexts = selection.contextTokens.map { [$0] } ?? suite.contextTokens
        return formats.flatMap { format in
            contexts.map { DecodeStep(model: model, weights: format, contextTokens: $0) }
        }
    }

    /// At least four times all last-level caches, and a gibibyte where memory allows: what STREAM asks for.
    private func readBytes(of device: Device) -> Int {
        let gibibyte = 1 << 30
        let wanted = max(gibibyte, 4 * (device.kind == .cpu ? topology.lastLevelCacheBytes : 0))
        let allowed = min(device.memoryBytes / 8, device.maximumAllocationBytes)
        let bytes = max(min(wanted, allowed), 1 << 20)
        return bytes & ~((1 << 20) - 1)
    }

    /// One hardware thread per core, bounded by the control group's quota, or as many as asked for.
    private func threads(of device: Device) -> [Int] {
        guard device.id == .cpu else { return [] }
        let cores = topology.oneThreadPerCore
        if let wanted = selection.threads {
            let others = topology.allowedThreads.filter { !cores.contains($0) }
            return Array((cores + others).prefix(wanted))
        }
        let quota = topology.cgroup.cpuQuota.map { max(1, Int($0.rounded(.up))) } ?? cores.count
        return Array(cores.prefix(quota))
    }
}
