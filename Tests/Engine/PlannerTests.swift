import Engine
import NodeModel
import Testing

@Suite struct PlannerTests {
    private func plans(
        _ selection: TrialSelection = TrialSelection(), quota: Double? = nil, device: Device = Simulated.device
    ) throws -> [TrialPlan] {
        let suite = try #require(Suite.all[.quick])
        return Planner(
            suite: suite, selection: selection, model: Simulated.model, topology: Simulated.topology(quota: quota),
            minimumWindow: Seconds(5)
        ).plan([device])
    }

    @Test func ceilingsComeFirst() throws {
        #expect(try plans().map(\.workload.name) == [.peak, .bandwidth, .gemm, .llm, .llm])
    }

    @Test func modelsTheStepDoesNotComputeAreRefusedByWhatTheyNeed() throws {
        func refusals(_ change: (inout ModelShape) -> Void) throws -> [String?] {
            var model = Simulated.model
            change(&model)
            let suite = try #require(Suite.all[.quick])
            let planner = Planner(
                suite: suite, selection: TrialSelection(workloads: [.llm, .gemv]), model: model,
                topology: Simulated.topology(), minimumWindow: Seconds(5))
            return planner.plan([Simulated.device]).filter { $0.workload.name == .llm || $0.refusal != nil }
                .map(\.refusal)
        }
        #expect(try refusals { _ in } == [nil, nil])
        let reason = "tiny needs attention sinks and sliding windows, which this program does not compute"
        #expect(try refusals { $0.unsupported = ["attention sinks", "sliding windows"] } == [reason, reason])
        let experts = ExpertShape(count: 4, perToken: 2, feedForward: 32, normalisesWeights: true)
        #expect(try refusals { $0.experts = experts } == [nil, nil])
    }

    @Test func promptsComeBeforeWhatIsGenerated() throws {
        func steps(_ inference: InferenceSelection) throws -> [InferenceStep] {
            try plans(TrialSelection(workloads: [.llm], quantization: .q4, inference: inference)).compactMap { plan in
                if case .inference(let step) = plan.workload { step } else { nil }
            }
        }
        func step(_ phase: InferencePhase, batch: Int = 1, tokens: Int, context: Int) -> InferenceStep {
            InferenceStep(
                model: Simulated.model, weights: .q4, phase: phase, batch: batch, tokens: tokens, contextTokens: context
            )
        }
        #expect(
            try steps(InferenceSelection()) == [
                step(.prefill, tokens: 128, context: 0), step(.decode, tokens: 16, context: 128),
            ])
        #expect(
            try steps(InferenceSelection(prompt: 100, generate: 7, context: 20, batches: [1, 4])) == [
                step(.prefill, tokens: 100, context: 20), step(.prefill, batch: 4, tokens: 100, context: 20),
                step(.decode, tokens: 7, context: 120), step(.decode, batch: 4, tokens: 7, context: 120),
            ])
        #expect(try steps(InferenceSelection(prompt: 0, generate: 3)) == [step(.decode, tokens: 3, context: 0)])
        #expect(try steps(InferenceSelection(prompt: 9, generate: 0)) == [step(.prefill, tokens: 9, context: 0)])
        #expect(try steps(InferenceSelection(phase: .decode)) == [step(.decode, tokens: 16, context: 128)])
    }

    @Test func oneThreadPerCoreWithinTheQuota() throws {
        #expect(try plans().first?.threads == [0, 1])
        #expect(try plans(quota: 0.5).first?.threads == [0])
        #expect(try plans(TrialSelection(threads: 3)).first?.threads == [0, 1, 2])
    }

    @Test func readsAreLargerThanAllCaches() throws {
        guard case .readBandwidth(let bytes) = try plans()[1].workload else { return #expect(Bool(false)) as Void }
        #expect(bytes == 2 << 30)
    }

    @Test func readsFitTheDevice() throws {
        var device = Simulated.device
        device.maximumAllocationBytes = 300 << 20
        guard case .readBandwidth(let bytes) = try plans(device: device)[1].workload else {
            return #expect(Bool(false)) as Void
        }
        #expect(bytes == 300 << 20)
    }

    @Test func selectionNarrows() throws {
        let selection = TrialSelection(workloads: [.gemm], shape: GEMMShape("64"))
        #expect(try plans(selection).map(\.workload) == [.gemm(GEMMShape(m: 64, n: 64, k: 64), .f32)])
        #expect(try plans(TrialSelection(precisions: [.bf16])).map(\.workload.name) == [.peak, .gemm, .llm, .llm])
        #expect(try plans(TrialSelection(precisions: [.i8])).map(\.workload.precision) == [.i8, .i8])
        let named = TrialSelection(workloads: [.llm, .bandwidth], precisions: [.f32])
        #expect(try plans(named).map(\.workload.precision) == [nil, .f32, .f32])
    }

    @Test func matrixTimesVectorIsPlannedWhereItIsNamed() throws {
        let all = try plans(TrialSelection(workloads: [.gemv])).map(\.workload)
        #expect(all == WeightFormat.common.map { .gemv(.common, $0.precision) })
        let shape = try #require(GEMVShape("64x96"))
        let chosen = TrialSelection(workloads: [.gemv], gemvShape: shape, quantization: .q4)
        #expect(try plans(chosen).map(\.workload) == [.gemv(shape, .q4)])
        let formats = TrialSelection(workloads: [.gemv, .gemm], precisions: [.f32, .q8])
        #expect(try plans(formats).map(\.workload.precision) == [.f32, .q8, .f32, .q8])
        #expect(try plans(TrialSelection(quantization: .q4)).map(\.workload.precision).last == .q4)
        let standard = try #require(Suite.all[.standard])
        #expect(standard.gemvShapes == [.common] && standard.gemvFormats == WeightFormat.common)
    }

    @Test func formatsAreRowsWhereTheWorkloadIsNamed() throws {
        func planned(_ name: WorkloadName, _ formats: [Precision]) throws -> [Precision?] {
            try plans(TrialSelection(workloads: [name], precisions: formats)).map(\.workload.precision)
        }
        for name in [WorkloadName.peak, .gemm, .gemv] {
            #expect(try planned(name, Precision.allCases) == Precision.allCases)
        }
        // Of a language model each format has two phases, and there are none for what weights cannot be stored in.
        #expect(try planned(.llm, [.q8, .i8, .f16]) == [.q8, .q8, .f16, .f16])
        #expect(
            try plans(TrialSelection(precisions: [.q8])).map(\.workload.name) == [.gemv, .llm, .llm])
        let bytes = TrialSelection(workloads: [.gemv], precisions: [.i8])
        #expect(try plans(bytes).map(\.workload) == [.gemv(.common, .i8)])
    }

    @Test func matricesThatStayInTheCachesAreMarked() throws {
        let small = TrialSelection(workloads: [.gemv], gemvShape: GEMVShape(rows: 64, columns: 64), quantization: .q4)
        #expect(try plans(small).first?.caveat?.contains("caches") == true)
        #expect(try plans(TrialSelection(workloads: [.gemv])).allSatisfy { $0.caveat == nil })
    }

    @Test func matrixShapesAreTwoNumbers() {
        #expect(GEMVShape("4096X11008") == .common)
        for text in ["4096", "1x2x3", "0x4", "4x-1", "x", "4x", "4x9999999", "4 x5"] { #expect(GEMVShape(text) == nil) }
    }

    @Test func readsThatCachesMayServeAreNoCeiling() throws {
        var device = Simulated.device
        device.maximumAllocationBytes = 300 << 20
        #expect(try plans(device: device)[1].caveat == TrialPlan.noCeiling)
        #expect(try plans()[1].caveat == nil)
        device.maximumAllocationBytes = 0
        #expect(try plans(device: device)[1].caveat == nil)
    }

    @Test func windowsAreLongEnoughForTheMeters() throws {
        #expect(try plans().allSatisfy { $0.minimumWindow >= Seconds(5) })
    }

    @Test func namedLatencyIsMeasuredInAnySuite() throws {
        let selection = TrialSelection(workloads: [.latency])
        #expect(try plans(selection).map(\.workload.level) == [.l1, .l2, .l3, .dram, .dram])
        #expect(try plans(selection).allSatisfy { $0.threads == [0] })
    }

    @Test func levelsAndVariantsReplaceTheSuites() throws {
        let memory = MemorySelection(levels: [.dram, .l3], variants: [.read, .triadPastCaches])
        let rows = try plans(TrialSelection(workloads: [.bandwidth], memory: memory))
        #expect(rows.map(\.workload.variant) == [.read, .triadPastCaches, .read, .triadPastCaches])
        #expect(rows.map(\.workload.level) == [.dram, .dram, .l3, .l3])
        let own = MemorySelection(variants: [.copy], workingSetBytes: 1 << 20)
        let chosen = try plans(TrialSelection(workloads: [.bandwidth], memory: own))
        #expect(chosen.map(\.workload.shape) == ["copy-1048576Bx2"])
    }

    @Test func sizesAreRoundedToWholeLinesAndSaySo() throws {
        func rows(_ bytes: Int) throws -> [TrialPlan] {
            let memory = MemorySelection(variants: [.read, .copy, .triad], workingSetBytes: bytes)
            return try plans(TrialSelection(workloads: [.bandwidth], memory: memory))
        }
        let odd = try rows(64 * 1_001)
        #expect(odd.map(\.workload.shape) == ["read-64064Bx2", "copy-64000Bx2", "triad-63936Bx2"])
        #expect(odd[0].caveat == nil)
        for (plan, arrays) in zip(odd.dropFirst(), [2, 3]) {
            let caveat = try #require(plan.caveat)
            #expect(caveat.contains("not 64064") && caveat.contains("each of \(arrays) arrays"))
        }
        #expect(try rows(192 * 64).allSatisfy { $0.caveat == nil })
        // Too little for a line each: the backend refuses what was asked for.
        let least = try rows(128)
        #expect(least.map(\.workload.workingSetBytes) == [256, 256, 256] && least.allSatisfy { $0.caveat == nil })
    }

    @Test func onlyTheProcessorsHaveMoreMemoryRows() throws {
        var device = Simulated.device
        device.id = DeviceID(rawValue: "opencl:0:0")
        device.backend = "opencl"
        let selection = TrialSelection(workloads: [.bandwidth, .latency])
        #expect(try plans(selection, device: device).map(\.workload.shape) == ["2147483648B"])
        let copies = MemorySelection(variants: [.copy])
        let rows = try plans(TrialSelection(workloads: [.bandwidth], memory: copies), device: device)
        #expect(rows.map(\.workload.shape) == ["copy-dram-4294967296Bx1"])
        let levels = MemorySelection(levels: [.l1, .l3], variants: [.copy])
        #expect(try plans(TrialSelection(workloads: [.bandwidth], memory: levels), device: device).isEmpty)
    }

    @Test func instructionSetsRepeatTheProcessorsTrialsOnly() throws {
        var selection = TrialSelection(workloads: [.peak, .gemm])
        selection.instructionSets = ["avx2", "scalar"]
        let planned = try plans(selection)
        #expect(planned.map(\.variation) == ["avx2", "avx2", "scalar", "scalar"])
        #expect(planned.map(\.instructionSet) == planned.map(\.variation))
        var other = Simulated.device
        other.id = DeviceID(rawValue: "opencl:0:0")
        #expect(try plans(selection, device: other).map(\.variation) == [nil, nil])
    }

    @Test func matrixEnginesAreRowsOfGPUsAlone() throws {
        func engines(_ selection: TrialSelection, _ suite: SuiteName = .quick) throws -> [EngineFormat] {
            var gpu = Simulated.device
            (gpu.id, gpu.kind) = (DeviceID(rawValue: "opencl:0:0"), .gpu)
            #expect(try productPlans(suite, selection).allSatisfy { $0.workload.engine == nil })
            return try productPlans(suite, selection, device: gpu).compactMap { plan in
                if case .engineProduct(let product) = plan.workload { product.format } else { nil }
            }
        }
        #expect(try engines(TrialSelection()) == [EngineFormat(.f16, .f32)])
        #expect(Set(try engines(TrialSelection(), .standard)) == Set(EngineFormat.all))
        let half = TrialSelection(workloads: [.gemm], precisions: [.f16])
        #expect(try engines(half) == [EngineFormat(.f16, .f32), EngineFormat(.f16, .f16)])
        #expect(try engines(TrialSelection(workloads: [.peak])).isEmpty)
        let product = EngineProduct(GEMMShape(m: 2, n: 2, k: 2), EngineFormat(.f16, .f32))
        let plan = TrialPlan(
            workload: .engineProduct(product), device: .cpu, threads: [], budget: Seconds(1), minimumWindow: Seconds(1))
        let record = TrialRecord(plan: plan, status: .measured)
        #expect(record.engine == .matrix && record.accumulator == .f32 && record.precision == .f16)
    }

    @Test func scalingRepeatsCeilingsAndProductsOnFewerThreads() throws {
        var selection = TrialSelection(workloads: [.peak, .gemm, .llm, .llm])
        selection.scales = true
        let extra = try plans(selection).filter { $0.variation != nil }
        #expect(extra.prefix(2).map(\.threads) == [[0], [0]])
        #expect(extra.prefix(2).map(\.variation) == ["1 thread", "1 thread"])
        #expect(extra.allSatisfy { $0.workload.name != .llm })
    }

    // MARK: Products of few rows

    private func productPlans(
        _ name: SuiteName, _ selection: TrialSelection = TrialSelection(workloads: [.gemm]),
        device: Device = Simulated.device
    ) throws -> [TrialPlan] {
        let suite = try #require(Suite.all[name])
        return Planner(
            suite: suite, selection: selection, model: Simulated.model, topology: Simulated.topology(),
            minimumWindow: Seconds(1), productModels: suite.modelProducts.map { _ in Simulated.model }
        ).plan([device])
    }

    @Test func modelsProductsAreNamedAndOfFewRows() throws {
        let full = try productPlans(.full).filter { $0.projection != nil }
        #expect(Set(full.compactMap(\.projection)) == ["tiny attention-output", "tiny gate-up", "tiny down"])
        #expect(Set(full.compactMap(\.workload.precision)) == [.f32, .bf16])
        let shapes = Set(full.compactMap(\.workload.shape))
        #expect(shapes.isSuperset(of: ["1x64x160", "64x64x160", "4x320x64", "16x64x64"]))
        #expect(full.allSatisfy { $0.variation == nil })
        let standard = try productPlans(.standard).filter { $0.projection != nil }
        #expect(standard.map(\.workload.shape) == ["1x320x64", "16x320x64"])
        #expect(try productPlans(.quick).allSatisfy { $0.projection == nil })
        #expect(TrialRecord(plan: full[0], status: .measured).projection == full[0].projection)
    }

    @Test func modelsProductsFollowTheSelection() throws {
        let bytes = try productPlans(.full, TrialSelection(workloads: [.gemm], precisions: [.i8]))
        #expect(bytes.allSatisfy { $0.projection == nil } && !bytes.isEmpty)
        let single = try productPlans(.full, TrialSelection(precisions: [.f32])).filter { $0.projection != nil }
        #expect(!single.isEmpty && single.allSatisfy { $0.workload.precision == .f32 })
        let chosen = TrialSelection(workloads: [.gemm], shape: GEMMShape("64"))
        #expect(try productPlans(.full, chosen).allSatisfy { $0.projection == nil })
        var other = Simulated.device
        other.id = DeviceID(rawValue: "opencl:0:0")
        #expect(try productPlans(.full, device: other).allSatisfy { $0.projection == nil })
    }

    /// The topology has 512 MiB of last-level cache: four times that is 2 GiB, the B of 32768² in bf16.
    @Test func weightsThatCachesMayServeAreMarked() throws {
        func caveat(_ shape: String, _ precision: Precision) throws -> String? {
            try plans(TrialSelection(workloads: [.gemm], precisions: [precision], shape: GEMMShape(shape))).first?
                .caveat
        }
        #expect(try caveat("64x32768x32767", .bf16)?.contains("they may serve it") == true)
        #expect(try caveat("64x32768x32768", .bf16) == nil)
        #expect(try caveat("1x32768x32768", .i8) != nil)
        #expect(try caveat("65x2048x2048", .bf16) == nil)
        #expect(try caveat("1x2048x2048", .q8) == nil)
    }

    @Test func allHardwareThreadsOnRequest() throws {
        var selection = TrialSelection(workloads: [.peak])
        selection.usesSMT = true
        #expect(try plans(selection).first?.threads == Simulated.topology(quota: nil).allowedThreads)
    }

    @Test func largerSuitesMeasureAllFormats() throws {
        let standard = try #require(Suite.all[.standard])
        let planned = Planner(
            suite: standard, selection: TrialSelection(workloads: [.peak, .gemm]), model: Simulated.model,
            topology: Simulated.topology(quota: nil), minimumWindow: Seconds(1)
        ).plan([Simulated.device])
        let peaks = planned.filter { $0.workload.name == .peak }.compactMap(\.workload.precision)
        #expect(peaks == [.f64, .f32, .f16, .bf16, .i8])
        #expect(Set(planned.compactMap(\.workload.precision)) == [.f64, .f32, .f16, .bf16, .i8])
    }

    @Test func everySuiteIsThere() { #expect(Set(Suite.all.keys) == Set(SuiteName.allCases)) }
}
