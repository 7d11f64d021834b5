import Analysis
import CPUKernels
import ModelFiles
public import NodeModel

/// Runs workloads on the processors of this node with nodewatt's own kernels.
public final class CPUBackend: ComputeBackend {
    /// The instruction set all kernels use.
    public let instructionSet: InstructionSet
    /// The model of the last trial, kept for the next one of the same model: loading takes longer than most trials.
    private var loaded: (key: LoadedModelKey, model: LoadedModel)?

    /// Chooses the instruction set.
    ///
    /// - Parameter environment: The process's environment; `NODEWATT_ISA` forces an instruction set.
    /// - Throws: `UsageError` when the one named is unknown or not supported here.
    public init(environment: [String: String]) throws {
        instructionSet = try InstructionSet.resolve(environment: environment)
    }

    /// `native`.
    public var name: String { "native" }

    /// The hardware threads a trial uses by default: one per core, no more than the control group's quota keeps busy.
    ///
    /// - Parameter topology: The running machine.
    /// - Returns: Operating-system numbers, at least one unless nothing is allowed.
    public static func threads(in topology: Topology) -> [Int] {
        let all = topology.oneThreadPerCore
        guard let quota = topology.cgroup.cpuQuota, quota > 0, quota < Double(all.count) else { return all }
        return Array(all.prefix(max(1, Int(quota.rounded(.up)))))
    }

    /// Offers the processors of the running machine as one device.
    ///
    /// - Parameter topology: The running machine.
    /// - Returns: The device `cpu`, or why there is none.
    public func devices(in topology: Topology) -> DeviceInventory {
        guard topology.isThisSystem else {
            return DeviceInventory(unavailable: [
                Unavailable(
                    subject: "cpu", reason: "the topology is not of this machine, so its processors cannot be used")
            ])
        }
        let threads = Self.threads(in: topology)
        let caches = CacheShares(topology: topology, threads: threads)
        let information = topology.root.flattened.map(\.information).reduce(into: [:]) { all, some in
            all.merge(some) { first, _ in first }
        }
        let device = Device(
            id: .cpu, kind: .cpu, backend: name, name: information["CPUModel"] ?? "CPU",
            vendor: information["CPUVendor"] ?? "unknown", driver: instructionSet.name, computeUnits: threads.count,
            memoryBytes: topology.memoryBytes, maximumAllocationBytes: topology.memoryBytes, topologyObject: "machine",
            properties: [
                "isa": instructionSet.name, "isa_features": instructionSet.features,
                "isa_available": InstructionSet.all.filter(\.isSupported).map(\.name).joined(separator: " "),
                "threads": threads.map(String.init).joined(separator: " "),
                "l1_bytes_per_thread": "\(caches.l1)", "l2_bytes_per_thread": "\(caches.l2)",
                "l3_bytes_per_thread": "\(caches.l3)",
            ])
        return DeviceInventory(devices: [device])
    }

    /// Makes a workload ready on a new team of pinned threads.
    ///
    /// - Parameters:
    ///   - plan: What to run; without threads, ``threads(in:)`` are used.
    ///   - device: The device `cpu`.
    ///   - topology: The running machine.
    ///   - seed: The seed of all random data.
    /// - Returns: The workload; releasing it frees its memory and ends its threads.
    /// - Throws: `TrialFailure` with the status the row gets; `UsageError` for a foreign topology or processors this
    ///   process may not use.
    public func prepare(_ plan: TrialPlan, on device: Device, in topology: Topology, seed: UInt32) throws
        -> any PreparedWorkload
    {
        guard nw_built_optimised() else {
            throw TrialFailure(.failed, "debug build: its figures mean nothing. Build with `swift build -c release`")
        }
        guard device.id == .cpu else {
            throw TrialFailure(.unsupported, "\(device.id) is not driven by native kernels")
        }
        guard topology.isThisSystem else { throw UsageError("a foreign topology cannot be benchmarked") }
        let threads = try Self.usable(plan.threads, in: topology)
        let memory = MemoryGuard(topology: topology)
        let isa = try plan.instructionSet.map { try InstructionSet.named($0, source: "--isa ") } ?? instructionSet
        if plan.workload.name != .llm { loaded = nil }
        func context() throws -> KernelContext {
            KernelContext(isa: isa, team: try ThreadTeam(threads: threads), seed: seed)
        }
        switch plan.workload {
        case .peak(let precision): return try PeakWorkload(context(), precision: precision)
        case .readBandwidth(let bytes):
            try memory.require(bytes)
            return try StreamWorkload(
                context(), .read, bytesPerThread: bytes / threads.count,
                farBytes: CacheShares(topology: topology, threads: threads).farBytes)
        case .stream(let stream):
            try memory.require(plan.workload.workingSetBytes ?? .max)
            return try StreamWorkload(
                context(), stream.variant, bytesPerThread: stream.bytesPerThread,
                farBytes: CacheShares(topology: topology, threads: threads).farBytes,
                owners: Self.owners(stream.placement, in: topology))
        case .latency(let chase):
            try memory.require(ChaseWorkload.bytesNeeded(chase))
            return try ChaseWorkload(context(), chase, owner: Self.owners(chase.placement, in: topology))
        case .gemm(let shape, let precision):
            let l2Bytes = CacheShares(topology: topology, threads: threads).l2
            try memory.require(
                ProductWorkload.bytesNeeded(shape, precision, isa: isa, threads: threads.count, l2Bytes: l2Bytes))
            return try ProductWorkload(context(), shape: shape, precision: precision, l2Bytes: l2Bytes)
        case .engineProduct:
            throw TrialFailure(.unsupported, "the native kernels choose by themselves what computes their products")
        case .gemv(let shape, let precision):
            let format = try GEMVWorkload.format(precision)
            let rotated = GEMVWorkload.rotatedBytes(topology, memory)
            try memory.require(GEMVWorkload.bytesNeeded(shape, format, rotatedBytes: rotated))
            return try GEMVWorkload(context(), shape: shape, format: format, rotatedBytes: rotated)
        case .inference(let step):
            return try InferenceWorkload(step, model: model(of: step, on: threads, isa, seed: seed, topology))
        case .transfer, .launch, .softmax, .rmsnorm, .attention:
            throw TrialFailure(
                .unsupported, "\(plan.workload.name.rawValue) is of OpenCL devices; the native kernels have none")
        }
    }

    /// The weights of a step, refused where the step or the memory it needs does not fit.
    private func model(
        of step: InferenceStep, on threads: [Int], _ isa: InstructionSet, seed: UInt32, _ topology: Topology
    )
        throws -> LoadedModel
    {
        try step.requireComputable()
        let key = LoadedModelKey(step, isa: isa.name, threads: threads, seed: seed)
        if let loaded, loaded.key == key, loaded.model.isUnchanged {
            try MemoryGuard(topology: topology).require(
                InferencePreparation.bytesNeeded(step, loaded.model.weights, threads: threads.count))
            return loaded.model
        }
        loaded = nil
        let weights: any ModelWeights =
            try step.file.map { try GGUFModelWeights(path: $0) }
            ?? SeededModelWeights(step.model, format: step.weights, seed: seed)
        try MemoryGuard(topology: topology).require(
            LoadedModel.bytesNeeded(weights, isa: isa, threads: threads.count)
                + InferencePreparation.bytesNeeded(step, weights, threads: threads.count))
        let context = KernelContext(isa: isa, team: try ThreadTeam(threads: threads), seed: seed)
        let model = try LoadedModel(context, weights)
        loaded = (key, model)
        return model
    }

    /// The threads that touch the memory first where a plan names them.
    private static func owners(_ placement: NUMAPlacement?, in topology: Topology) throws -> ThreadTeam? {
        try placement.map { try ThreadTeam(threads: usable($0.memoryThreads, in: topology)) }
    }

    /// The plan's threads, or the default ones, all allowed and each once.
    private static func usable(_ planned: [Int], in topology: Topology) throws -> [Int] {
        let threads = planned.isEmpty ? Self.threads(in: topology) : planned
        guard !threads.isEmpty else { throw UsageError("this process may use no processor") }
        let allowed = Set(topology.allowedThreads)
        if let foreign = threads.first(where: { !allowed.contains($0) }) {
            throw UsageError("processor \(foreign) is not among those this process may use: \(topology.allowedThreads)")
        }
        guard Set(threads).count == threads.count else { throw UsageError("a processor is named twice in \(threads)") }
        return threads
    }
}
