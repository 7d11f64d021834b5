import CPUBackend
import CPUKernels
import NodeModel
import Testing

@Suite struct InstructionSetTests {
    @Test func bestSupportedOneIsTheDefault() throws {
        #expect(try InstructionSet.resolve(environment: [:]).name == Here.instructionSets.first)
        #expect(try InstructionSet.resolve(environment: ["NODEWATT_ISA": ""]).name == Here.instructionSets.first)
    }

    /// An option that says nothing is a mistake; a variable that says nothing is one that was undone.
    @Test func anEmptyNameIsNoName() {
        let error = #expect(throws: UsageError.self) { try InstructionSet.named("", source: "--isa ") }
        #expect(error?.description.hasPrefix("--isa '': an empty name") == true)
        #expect(error?.description.contains("scalar") == true)
    }

    @Test func scalarIsAlwaysThere() { #expect(Here.instructionSets.contains("scalar")) }

    @Test func everySupportedOneCanBeForced() throws {
        for name in Here.instructionSets {
            let backend = try CPUBackend(environment: ["NODEWATT_ISA": name])
            #expect(backend.instructionSet.name == name)
            #expect(backend.devices(in: Here.topology()).devices.first?.driver == name)
        }
    }

    @Test func unknownNameSaysWhatCanBeHad() throws {
        let error = #expect(throws: UsageError.self) { try CPUBackend(environment: ["NODEWATT_ISA": "mmx\u{1b}"]) }
        #expect(error?.description.contains("NODEWATT_ISA=mmx:") == true)
        #expect(error?.description.contains("scalar") == true)
    }

    @Test func unsupportedOneIsRefusedAndNotRun() throws {
        for isa in InstructionSet.all where !isa.isSupported {
            let error = #expect(throws: UsageError.self) { try CPUBackend(environment: ["NODEWATT_ISA": isa.name]) }
            #expect(error?.description.contains("lacks") == true)
        }
    }

    @Test func foreignTopologyOffersNothingAndRunsNothing() throws {
        let backend = try CPUBackend(environment: [:])
        let foreign = Here.topology(system: false)
        #expect(backend.devices(in: foreign).devices.isEmpty)
        let device = try #require(backend.devices(in: Here.topology()).devices.first)
        let plan = TrialPlan(
            workload: .peak(.f32), device: .cpu, threads: [], budget: Seconds(1), minimumWindow: Seconds(0))
        #expect(throws: UsageError.self) { try backend.prepare(plan, on: device, in: foreign, seed: 1) }
    }

    @Test func unservedWorkloadsAreUnsupported() throws {
        let (product, matrix) = (GEMMShape(m: 4, n: 4, k: 32), GEMVShape(rows: 4, columns: 32))
        let workloads: [Workload] =
            [.peak(.f16), .peak(.i8), .peak(.q8), .gemv(matrix, .i8), .gemv(matrix, .f64)]
            + [.f64, .q8, .q4].map { .gemm(product, $0) }
        for workload in workloads {
            let error = #expect(throws: TrialFailure.self) { try Here.prepare(workload, isa: "scalar") }
            #expect(error?.status == .unsupported && error?.reason.contains(workload.precision?.rawValue ?? "") == true)
        }
    }

    @Test func processorsOutsideTheCpusetAreRefused() {
        #expect(throws: UsageError.self) { try Here.prepare(.peak(.f32), isa: "scalar", threads: [99_999]) }
        let first = Here.processors[0]
        #expect(throws: UsageError.self) { try Here.prepare(.peak(.f32), isa: "scalar", threads: [first, first]) }
    }

    @Test func quotaBoundsTheThreads() {
        var topology = Here.topology()
        let cores = (0..<8).map { TopologyObject(kind: .core, logicalIndex: $0, threads: [$0]) }
        topology.root.children = cores
        topology.allowedThreads = Array(0..<8)
        topology.cgroup.cpuQuota = 2.5
        #expect(CPUBackend.threads(in: topology) == [0, 1, 2])
        topology.cgroup.cpuQuota = nil
        #expect(CPUBackend.threads(in: topology) == Array(0..<8))
    }

    @Test func teamThatCannotBePinnedIsAStatus() {
        var handle: OpaquePointer?
        var failed: Int32 = -1
        #expect(nw_team_create([99_999], 1, &handle, &failed) == NW_NOT_PINNED)
        #expect(failed == 99_999)
        #expect(nw_team_create([-1], 1, &handle, &failed) == NW_INVALID_ARGUMENT)
    }
}

@Suite struct MemoryGuardTests {
    @Test func refusesMoreThanItsShareAndNamesBothAmounts() throws {
        let memory = MemoryGuard(availableBytes: 10 << 30)
        try memory.require(8 << 30)
        let error = #expect(throws: TrialFailure.self) { try memory.require(9 << 30) }
        #expect(error?.status == .skipped)
        #expect(error?.reason.hasPrefix("needs 9.00 GiB, 10.00 GiB available") == true)
    }

    @Test func takesTheLeastLimit() {
        var topology = Here.topology()
        topology.cgroup.memoryBytes = 1 << 20
        #expect(MemoryGuard(topology: topology).availableBytes == 1 << 20)
        #expect(MemoryGuard(topology: Here.topology(), path: "/nonexistent").availableBytes == nil)
    }

    /// Every thread of a product has huge pages of its own, which count on machines of many.
    @Test func productsCountWhatTheKernelsTake() throws {
        let shape = GEMMShape(m: 700, n: 300, k: 900)
        var spec = nw_gemm_spec(format: NW_GEMM_BF16, m: 700, n: 300, k: 900, lda: 900, ldb: 300, ldc: 300)
        for name in Here.instructionSets {
            let isa = try InstructionSet.named(name, source: "")
            func both(_ threads: Int, _ l2Bytes: Int) throws -> (needed: Int, kernels: Int) {
                let needed = ProductWorkload.bytesNeeded(shape, .bf16, isa: isa, threads: threads, l2Bytes: l2Bytes)
                return (needed, nw_gemm_bytes(try kernels(name), &spec, l2Bytes, Int32(threads)))
            }
            let (one, many, large) = (try both(1, 1 << 20), try both(256, 1 << 20), try both(256, 64 << 20))
            #expect(one.kernels >= 2 * 300 * 900 + 2 << 20 && one.kernels.isMultiple(of: 2 << 20))
            #expect(many.kernels - one.kernels == 255 * 2 << 20)
            #expect(large.kernels >= many.kernels)
            for sizes in [one, many, large] {
                #expect(sizes.needed > sizes.kernels + 2 * (700 + 300) * 900 + 16 * 700 * 300)
                #expect(sizes.needed - sizes.kernels == one.needed - one.kernels)
            }
        }
        #expect(
            ProductWorkload.bytesNeeded(
                shape, .f64, isa: try InstructionSet.named("scalar", source: ""), threads: 1, l2Bytes: 0) == 0)
    }

    @Test func productBeyondAControlGroupIsRefusedBeforeItIsMade() throws {
        let backend = try CPUBackend(environment: [:])
        var topology = Here.topology()
        let device = try #require(backend.devices(in: topology).devices.first)
        func prepare(limit: Int) throws -> any PreparedWorkload {
            topology.cgroup.memoryBytes = limit
            let plan = TrialPlan(
                workload: .gemm(GEMMShape(m: 64, n: 512, k: 512), .f32), device: .cpu, threads: [], budget: Seconds(1),
                minimumWindow: Seconds(0))
            return try backend.prepare(plan, on: device, in: topology, seed: 1)
        }
        let needed = ProductWorkload.bytesNeeded(
            GEMMShape(m: 64, n: 512, k: 512), .f32, isa: backend.instructionSet, threads: Here.processors.count,
            l2Bytes: 1 << 20)
        let limit = Int(Double(needed) / MemoryGuard.share)
        _ = try prepare(limit: limit + 1024)
        let error = #expect(throws: TrialFailure.self) { try prepare(limit: limit - 1024) }
        #expect(error?.status == .skipped)
    }

    @Test func absurdWorkloadIsSkipped() {
        let error = #expect(throws: TrialFailure.self) {
            try Here.prepare(.readBandwidth(bytes: 1 << 50), isa: "scalar")
        }
        #expect(error?.status == .skipped)
    }
}
