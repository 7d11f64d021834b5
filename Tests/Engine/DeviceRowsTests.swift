import Engine
import NodeModel
import Testing

/// What OpenCL devices are measured in beside what every device is.
@Suite struct DeviceRowsTests {
    private func plans(
        _ suite: SuiteName, _ selection: TrialSelection = TrialSelection(), native: Bool = false,
        change: (inout Device) -> Void = { _ in }
    ) throws -> [TrialPlan] {
        var device = Simulated.device
        if !native { (device.id, device.backend) = (DeviceID(rawValue: "opencl:0:0"), "opencl") }
        change(&device)
        return Planner(
            suite: try #require(Suite.all[suite]), selection: selection, model: Simulated.model,
            topology: Simulated.topology(), minimumWindow: Seconds(1)
        ).plan([device])
    }

    private static let own: Set<WorkloadName> = [.transfer, .launch, .softmax, .rmsnorm, .attention]

    @Test func theQuickSuiteHasNoneOfThem() throws {
        #expect(try plans(.quick).map(\.workload.name) == [.peak, .bandwidth, .gemm, .llm, .llm])
        #expect(try plans(.quick).first?.workload == .peak(.f32))
    }

    @Test func theStandardSuiteHasPeaksStreamsVectorsAndTransfers() throws {
        let all = try plans(.standard).map(\.workload)
        #expect(all.filter { $0.name == .peak }.map(\.precision) == [.f64, .f32, .f16, .i8])
        #expect(all.filter { $0.name == .bandwidth }.map(\.variant) == [.read, .copy, .triad])
        #expect(all.filter { $0.name == .gemv }.map(\.precision) == [.f16, .q8, .q4])
        #expect(
            all.filter { $0.name == .transfer }.map(\.shape) == [
                "write-pageable-268435456B", "write-pinned-268435456B", "read-pageable-268435456B",
                "read-pinned-268435456B",
            ])
        #expect(all.filter { $0.name == .launch } == [.launch(.queued), .launch(.roundTrip)])
        #expect(all.allSatisfy { ![.softmax, .rmsnorm, .attention].contains($0.name) })
        // Ceilings come before what is held against them.
        let names = all.map(\.name)
        let lastCeiling = try #require(names.lastIndex { [.peak, .bandwidth].contains($0) })
        #expect(lastCeiling == 6)
    }

    @Test func theFullSuiteHasAll() throws {
        let all = try plans(.full).map(\.workload)
        #expect(Set(all.map(\.name)).isSuperset(of: Self.own))
        #expect(Set(all.filter { $0.name == .gemv }.compactMap(\.precision)) == [.f32, .f16, .bf16, .q8, .q4])
        #expect(Set(all.filter { $0.name == .attention }.compactMap(\.precision)) == [.f16, .bf16])
    }

    @Test func whatIsNamedIsMeasuredInAnySuite() throws {
        for suite in SuiteName.allCases {
            for name in Self.own {
                let planned = try plans(suite, TrialSelection(workloads: [name]))
                #expect(!planned.isEmpty && planned.allSatisfy { $0.workload.name == name }, "\(suite) \(name)")
            }
            #expect(try !plans(suite, TrialSelection(workloads: [.gemv])).isEmpty)
        }
    }

    @Test func theProcessorsHaveARowOnlyWhereTheyAreNamed() throws {
        for suite in SuiteName.allCases {
            #expect(try plans(suite, native: true).allSatisfy { !Self.own.contains($0.workload.name) })
            let named = try plans(suite, TrialSelection(workloads: [.transfer, .attention]), native: true)
            #expect(named.filter { $0.variation == nil }.map(\.workload.name) == [.transfer, .attention])
        }
    }

    @Test func formatsNarrowWhatIsNotNamed() throws {
        let halves = try plans(.full, TrialSelection(precisions: [.f16])).map(\.workload)
        #expect(halves.allSatisfy { $0.precision == .f16 } && halves.contains { $0.name == .attention })
        #expect(!halves.contains { Self.own.subtracting([.attention]).contains($0.name) })
        let named = try plans(.full, TrialSelection(workloads: [.attention, .softmax], precisions: [.bf16])).map(
            \.workload)
        #expect(named.filter { $0.name == .attention }.allSatisfy { $0.precision == .bf16 })
        #expect(named.contains { $0.name == .softmax })
    }

    @Test func streamsFitTheDevice() throws {
        let streams = try plans(.standard) { $0.memoryBytes = 1 << 30 }.filter { $0.workload.name == .bandwidth }
        #expect(streams.map(\.workload.workingSetBytes) == [128 << 20, 256 << 20, 384 << 20])
        // The caches of a processor's device are those of the topology, 512 MiB.
        #expect(streams.allSatisfy { $0.caveat == TrialPlan.noCeiling })
        let large = try plans(.standard) {
            $0.memoryBytes = 1 << 40; $0.maximumAllocationBytes = 1 << 40
        }
        #expect(large.filter { $0.workload.name == .bandwidth }.allSatisfy { $0.caveat == nil })
    }

    @Test func variantsThatAreNamedReplaceTheRead() throws {
        let memory = MemorySelection(variants: [.triad])
        let rows = try plans(.quick, TrialSelection(workloads: [.bandwidth], memory: memory))
        #expect(rows.map(\.workload.variant) == [.triad])
        let level = MemorySelection(levels: [.l2], variants: [.triad])
        #expect(try plans(.quick, TrialSelection(workloads: [.bandwidth], memory: level)).isEmpty)
    }
}
