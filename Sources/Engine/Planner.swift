public import NodeModel

/// Turns devices and a suite into trials; pure.
public struct Planner {
    private let suite: Suite
    private let selection: TrialSelection
    private let model: ModelShape
    private let topology: Topology
    private let minimumWindow: Seconds
    private let productModels: [ModelShape]

    /// Creates a planner.
    ///
    /// - Parameters:
    ///   - suite: Sizes and times.
    ///   - selection: What the user wants instead.
    ///   - model: The model of the language-model rows.
    ///   - topology: The running machine.
    ///   - minimumWindow: The shortest energy window the meters resolve.
    ///   - productModels: The models of the suite's products of few rows, in their order.
    public init(
        suite: Suite, selection: TrialSelection, model: ModelShape, topology: Topology, minimumWindow: Seconds,
        productModels: [ModelShape] = []
    ) {
        self.productModels = productModels
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
                    refusal: sized.refusal, projection: sized.projection)
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
        var rows = candidates(of: device).filter { isSelected($0.workload) }.map { candidate in
            MemoryPlanner.Sized(
                workload: candidate.workload, threads: threads(of: device),
                caveat: caveat(of: candidate.workload, on: device), refusal: refusal(of: candidate.workload),
                projection: candidate.projection)
        }
        if selection.memory.excludesDRAMRead {
            rows.removeAll { if case .readBandwidth = $0.workload { true } else { false } }
        }
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

    /// What a device could run, and whose matrix it is.
    private struct Candidate {
        var workload: Workload
        var projection: String?
    }

    private func candidates(of device: Device) -> [Candidate] {
        let native = device.id == .cpu
        let peaks = asked(of: .peak, isPlain) ?? (native ? suite.cpuPeaks : deviceRows(.peak).peaks)
        // Kernels for processors take A and B in any format; the ordinary arithmetic of GPUs is measured in f32.
        let formats = asked(of: .gemm, isPlain) ?? (device.kind == .cpu ? suite.cpuFormats : [.f32])
        let first: [Workload] =
            peaks.map { .peak($0) } + [.readBandwidth(bytes: readBytes(of: device))]
            + (native ? [] : deviceStreams(of: device))
            + formats.flatMap { format in shapes(of: device).map { .gemm($0, format) } }
        let engine: [Workload] = engineFormats(of: device).flatMap { format in
            shapes(of: device).map { .engineProduct(EngineProduct($0, format)) }
        }
        let last: [Workload] =
            gemvFormats(of: device).flatMap { format in gemvShapes.map { .gemv($0, format) } }
            + (native ? namedDeviceRows(of: device) : ownRows(of: device)) + inferenceSteps.map { .inference($0) }
        return (first + engine).map { Candidate(workload: $0) } + (native ? modelProducts : [])
            + last.map { Candidate(workload: $0) }
    }

    /// No processor shows its matrix engine to OpenCL C; the CPU's own kernels use theirs unasked.
    private func engineFormats(of device: Device) -> [EngineFormat] {
        guard device.kind != .cpu else { return [] }
        guard let wanted = asked(of: .gemm, isPlain) else { return suite.engineFormats }
        return EngineFormat.all.filter { wanted.contains($0.precision) }
    }

    /// Products of few rows, in those of their formats that are wanted.
    private var modelProducts: [Candidate] {
        guard selection.shape == nil else { return [] }
        return zip(suite.modelProducts, productModels).flatMap { products, model in
            let formats = products.formats.filter { asked(of: .gemm, isPlain)?.contains($0) != false }
            return formats.flatMap { format in
                products.projections.flatMap { projection in
                    products.tokens.map { tokens in
                        Candidate(
                            workload: .gemm(model.product(projection, tokens: tokens), format),
                            projection: "\(model.name) \(projection.rawValue)")
                    }
                }
            }
        }
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

    private func shapes(of device: Device) -> [GEMMShape] {
        if let shape = selection.shape { return [shape] }
        let edges = device.kind == .cpu ? suite.cpuMatrixEdges : suite.acceleratorMatrixEdges
        return edges.map { GEMMShape(m: $0, n: $0, k: $0) }
    }

    /// Where the suite has none, one is measured for those who name the workload, or a format only it has.
    private var gemvShapes: [GEMVShape] {
        if let shape = selection.gemvShape { return [shape] }
        let isWanted = selection.workloads.contains(.gemv) || !selection.precisions.allSatisfy(isPlain)
        return suite.gemvShapes.isEmpty && isWanted ? [.common] : suite.gemvShapes
    }

    private func gemvFormats(of device: Device) -> [Precision] {
        if let quantization = selection.quantization { return [quantization.precision] }
        let usual = device.id == .cpu ? suite.gemvFormats : deviceRows(.gemv).gemvFormats
        return asked(of: .gemv) { WeightFormat($0) != nil } ?? usual.map(\.precision)
    }

    /// For each format the prompt, and then what is generated behind it, for each number of sequences.
    private var inferenceSteps: [InferenceStep] {
        let wanted = selection.inference
        let prompts = wanted.prompt.map { [$0] } ?? suite.promptTokens
        let batches = wanted.batches.isEmpty ? suite.batches : wanted.batches
        return weightFormats.flatMap { format in
            prompts.flatMap { prompt in
                let prefill = inferenceSteps(
                    .prefill, format, wanted.batches.isEmpty ? [1] : batches, prompt, wanted.context ?? 0)
                let decode = inferenceSteps(
                    .decode, format, batches, wanted.generate ?? suite.generatedTokens, (wanted.context ?? 0) + prompt)
                return (wanted.phase != .decode ? prefill : []) + (wanted.phase != .prefill ? decode : [])
            }
        }
    }

    private func inferenceSteps(
        _ phase: InferencePhase, _ format: WeightFormat, _ batches: [Int], _ tokens: Int, _ context: Int
    ) -> [InferenceStep] {
        guard tokens > 0 else { return [] }
        return batches.map {
            InferenceStep(
                model: model, file: selection.inference.file?.path, weights: format, phase: phase, batch: $0,
                tokens: tokens, contextTokens: context)
        }
    }

    /// The weights' formats: the one asked for, else those of the formats asked for that weights can have.
    private var weightFormats: [WeightFormat] {
        if let file = selection.inference.file { return [file.format] }
        if let quantization = selection.quantization { return [quantization] }
        return asked(of: .llm) { WeightFormat($0).map { $0 != .f32 } ?? false }?.compactMap(WeightFormat.init)
            ?? suite.weightFormats
    }

    /// At least four times all last-level caches, and a gibibyte where memory allows: what STREAM asks for.
    private func readBytes(of device: Device) -> Int {
        // Drivers that do not know a limit say 0.
        let limits = [device.memoryBytes / 8, device.maximumAllocationBytes].filter { $0 > 0 }
        let bytes = max(min(max(1 << 30, cacheBytes(of: device)), limits.min() ?? .max), 1 << 20)
        return bytes & ~((1 << 20) - 1)
    }

    private func cacheBytes(of device: Device) -> Int { device.kind == .cpu ? 4 * topology.lastLevelCacheBytes : 0 }

    /// A step that left parts of the model out would be faster than the model is.
    private func refusal(of workload: Workload) -> String? {
        guard case .inference(let step) = workload else { return nil }
        return step.model.unsupportedReason ?? step.contextReason
    }

    private func caveat(of workload: Workload, on device: Device) -> String? {
        switch workload {
        case .readBandwidth(let bytes) where bytes < cacheBytes(of: device): TrialPlan.noCeiling
        case .stream(let stream) where stream.bytesPerThread / stream.variant.arrays < cacheBytes(of: device):
            TrialPlan.noCeiling
        case .softmax(let shape), .rmsnorm(let shape):
            shape.bytes < cacheBytes(of: device)
                ? "the rows are less than four times the last-level caches: they may serve them" : nil
        case .gemv(let shape, let precision):
            staysInCaches(shape, precision, on: device)
                ? "so small a matrix stays in the caches: this is not a figure of the memory" : nil
        case .gemm(let shape, let precision):
            mayStayInCaches(shape, precision, on: device)
                ? "B is less than four times the last-level caches and the same every time: they may serve it" : nil
        default: nil
        }
    }

    /// Many rows of A use every part of B again and again: then it does not matter where B comes from.
    private func mayStayInCaches(_ shape: GEMMShape, _ precision: Precision, on device: Device) -> Bool {
        guard shape.m <= GEMMShape.fewRows, let bytes = precision.bytes else { return false }
        return bytes * shape.n * shape.k < cacheBytes(of: device)
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

// MARK: OpenCL devices

extension Planner {
    /// The suite's rows, or all there are where the suite has none and the user names the workload.
    private func deviceRows(_ name: WorkloadName) -> DeviceRows {
        let usual = DeviceRows.of(suite.name)
        return usual.has(name) || !selection.workloads.contains(name) ? usual : .full
    }

    /// Copies and triads of arrays as large as the read; sizes and levels of the user's are the processors' own.
    private func deviceStreams(of device: Device) -> [Workload] {
        let memory = selection.memory
        guard memory.workingSetBytes == nil, memory.levels.isEmpty || memory.levels.contains(.dram) else { return [] }
        let variants =
            memory.variants.isEmpty ? DeviceRows.of(suite.name).streams : memory.variants.filter { $0 != .read }
        return variants.map { variant in
            let bytes = variant.arrays * readBytes(of: device)
            return .stream(MemoryStream(variant, level: .dram, bytesPerThread: bytes, threads: 1))
        }
    }

    /// What passes between host and device, and the parts of an LLM's step.
    private func ownRows(of device: Device) -> [Workload] {
        let formats = asked(of: .attention) { [.bf16, .f16].contains($0) }
        return DeviceRows.own.flatMap { name -> [Workload] in
            var rows = deviceRows(name)
            if rows.has(name), let formats { rows.cacheFormats = formats }
            return rows.workloads(name, transferBytes: transferBytes(of: device)).filter(hasFormat)
        }
    }

    /// Rows of f32 alone are left out where other formats are asked for, unless they are named.
    private func hasFormat(_ workload: Workload) -> Bool {
        guard let precision = workload.precision, !selection.precisions.isEmpty else { return true }
        return selection.precisions.contains(precision) || selection.workloads.contains(workload.name)
    }

    /// A row for each workload that was named and that the processors' own kernels do not have: it says so.
    private func namedDeviceRows(of device: Device) -> [Workload] {
        DeviceRows.own.filter(selection.workloads.contains).compactMap { name in
            DeviceRows.full.workloads(name, transferBytes: transferBytes(of: device)).first
        }
    }

    /// A quarter of a gibibyte where memory allows: large enough that the start of a copy does not matter.
    private func transferBytes(of device: Device) -> Int { min(readBytes(of: device), 256 << 20) }
}
