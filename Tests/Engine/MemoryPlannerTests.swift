import Engine
import NodeModel
import Testing

/// Memory rows on machines this one is not.
@Suite struct MemoryPlannerTests {
    /// Builds topologies: packages with a NUMA node and an L3 each, cores with L1 and L2.
    private struct Machine {
        var threads: [Int] = []
        var root = TopologyObject(kind: .machine, logicalIndex: 0)

        private func cache(_ kind: TopologyObjectKind, _ bytes: Int?, _ threads: [Int]) -> TopologyObject {
            var object = TopologyObject(kind: kind, logicalIndex: threads.first ?? 0, threads: threads)
            object.cacheBytes = bytes
            return object
        }

        mutating func addCores(_ count: Int, l1: Int?, l2: Int?, l2Sharing: Int = 1, l3: Int?, node: Int? = nil) {
            let new = Array(threads.count..<threads.count + count)
            threads += new
            var package = TopologyObject(kind: .package, logicalIndex: root.children.count, threads: new)
            package.children = new.map { TopologyObject(kind: .core, logicalIndex: $0, threads: [$0]) }
            if let l1 { package.children += new.map { cache(.l1Cache, l1, [$0]) } }
            if let l2 {
                package.children += stride(from: 0, to: count, by: l2Sharing).map {
                    cache(.l2Cache, l2, Array(new[$0..<min($0 + l2Sharing, count)]))
                }
            }
            if let l3 { package.children.append(cache(.l3Cache, l3, new)) }
            if let node { package.memoryChildren = [memory(node, threads: new)] }
            root.children.append(package)
        }

        func memory(_ node: Int, threads: [Int]) -> TopologyObject {
            var object = TopologyObject(kind: .numaNode, logicalIndex: node, osIndex: node, threads: threads)
            object.memoryBytes = 64 << 30
            return object
        }

        var topology: Topology {
            var root = root
            root.threads = threads
            return Topology(
                origin: .synthetic(description: "test"), isThisSystem: false, root: root, allowedThreads: threads)
        }
    }

    private func plans(
        _ machine: Machine, _ suite: SuiteName = .standard, memoryBytes: Int = 128 << 30,
        _ workloads: [WorkloadName] = [.bandwidth, .latency]
    ) throws -> [TrialPlan] {
        var device = Simulated.device
        device.memoryBytes = memoryBytes
        device.maximumAllocationBytes = memoryBytes
        return Planner(
            suite: try #require(Suite.all[suite]), selection: TrialSelection(workloads: workloads),
            model: Simulated.model, topology: machine.topology, minimumWindow: Seconds(0)
        ).plan([device])
    }

    private func first(_ plans: [TrialPlan], _ level: MemoryLevel, _ variant: StreamVariant? = .read) throws
        -> TrialPlan
    {
        try #require(plans.first { $0.workload.level == level && $0.workload.variant == variant })
    }

    private var server: Machine {
        var machine = Machine()
        machine.addCores(8, l1: 48 << 10, l2: 1 << 20, l3: 32 << 20)
        return machine
    }

    @Test func quickReadsDRAMOnly() throws {
        #expect(try plans(server, .quick, [.bandwidth]).map(\.workload.shape) == ["1073741824B"])
    }

    @Test func standardHasItsRowsInOrder() throws {
        let rows = try plans(server)
        #expect(
            rows.map { "\($0.workload.variant?.rawValue ?? "latency") \($0.workload.level?.rawValue ?? "")" } == [
                "read dram", "copy-nt dram", "triad dram", "triad-nt dram", "read l1", "read l2", "read l3",
                "latency l1", "latency l2", "latency l3", "latency dram", "latency dram",
            ])
        #expect(rows.allSatisfy { $0.refusal == nil && $0.caveat == nil })
        #expect(
            Set(try plans(server, .full).compactMap(\.workload.shape)).isSuperset(of: rows.compactMap(\.workload.shape))
        )
    }

    @Test func shapesSayWhatWasMeasured() throws {
        let rows = try plans(server)
        #expect(try first(rows, .l2).workload.shape == "read-l2-524288Bx8")
        #expect(try first(rows, .dram, .triadPastCaches).workload.shape == "triad-nt-dram-134217600Bx8")
        #expect(rows.last?.workload.shape == "dram-268435456B-small-1")
    }

    @Test func halfOfEachThreadsShare() throws {
        let rows = try plans(server)
        #expect(
            try first(rows, .l1).workload
                == .stream(MemoryStream(.read, level: .l1, bytesPerThread: 24 << 10, threads: 8)))
        #expect(
            try first(rows, .l3).workload
                == .stream(MemoryStream(.read, level: .l3, bytesPerThread: 2 << 20, threads: 8)))
        guard case .latency(let chase) = try first(rows, .l1, nil).workload else { return #expect(Bool(false)) as Void }
        #expect(chase.bytes == 24 << 10 && chase.chains == 1)
        #expect(try first(rows, .l1, nil).threads == [0])
    }

    /// Where L3 is small beside L2, fewer threads measure it, so that L2 cannot serve half of what they read.
    @Test func fewerThreadsReadASmallL3() throws {
        var machine = Machine()
        machine.addCores(56, l1: 48 << 10, l2: 2 << 20, l3: 105 << 20)
        machine.addCores(56, l1: 48 << 10, l2: 2 << 20, l3: 105 << 20)
        let row = try first(plans(machine), .l3)
        #expect(row.threads == Array(0..<13) + Array(56..<69))
        guard case .stream(let stream) = row.workload else { return #expect(Bool(false)) as Void }
        #expect(stream.bytesPerThread >= 2 * 2 << 20 && stream.bytesPerThread * 13 <= 105 << 19)
        #expect(row.refusal == nil)
    }

    @Test func anL3NoLargerThanL2IsRefused() throws {
        var machine = Machine()
        machine.addCores(4, l1: 32 << 10, l2: 1 << 20, l3: 2 << 20)
        #expect(try first(plans(machine), .l3).refusal?.contains("too little beside") == true)
    }

    /// Two fast cores and four slow ones that share an L2 and have no L3.
    @Test func hybridMachinesUseTheSmallestShare() throws {
        var machine = Machine()
        machine.addCores(2, l1: 48 << 10, l2: 2 << 20, l3: 24 << 20)
        machine.addCores(4, l1: 32 << 10, l2: 2 << 20, l2Sharing: 4, l3: nil)
        let rows = try plans(machine)
        #expect(try first(rows, .l1).workload.shape == "read-l1-16384Bx6")
        #expect(try first(rows, .l2).workload.shape == "read-l2-262144Bx6")
        #expect(try first(rows, .l3).threads == [0, 1])
        #expect(try first(rows, .dram).threads == Array(0..<6))
    }

    @Test func missingLevelsAreRefusedWithAReason() throws {
        var machine = Machine()
        machine.addCores(4, l1: nil, l2: 1 << 20, l3: nil)
        let rows = try plans(machine)
        #expect(try first(rows, .l1).refusal?.contains("no L1 data cache") == true)
        #expect(try first(rows, .l3, nil).refusal?.contains("no L3 data cache") == true)
        #expect(try first(rows, .l2).refusal == nil)
    }

    @Test func largeCachesMakeLargeArrays() throws {
        var machine = Machine()
        machine.addCores(8, l1: 32 << 10, l2: 1 << 20, l3: 1 << 30)
        let rows = try plans(machine)
        #expect(try first(rows, .dram).workload.workingSetBytes == 4 << 30)
        #expect(try first(rows, .dram, .triad).workload.workingSetBytes == 12 << 30)
        #expect(try first(rows, .dram, nil).workload.workingSetBytes == 4 << 30)
        let small = try plans(machine, memoryBytes: 8 << 30)
        #expect(try first(small, .dram, .triad).caveat == TrialPlan.noCeiling)
        #expect(try first(small, .dram, .triad).workload.workingSetBytes == (2 << 30) / (8 * 192) * (8 * 192))
    }

    /// STREAM's rule is of each array, whatever all of them are together.
    @Test func everyArrayIsHeldAgainstTheCaches() throws {
        var machine = Machine()
        machine.addCores(8, l1: 32 << 10, l2: 1 << 20, l3: 1 << 30)
        let rows = try plans(machine, memoryBytes: 32 << 30)
        let triad = try first(rows, .dram, .triad)
        #expect(triad.workload.workingSetBytes == (8 << 30) / (8 * 192) * (8 * 192))
        #expect(triad.caveat == TrialPlan.noCeiling)
        #expect(try first(rows, .dram, .copyPastCaches).workload.workingSetBytes == 8 << 30)
        #expect(try first(rows, .dram, .copyPastCaches).caveat == nil && first(rows, .dram).caveat == nil)
    }

    @Test func whatIsPlannedIsWholeLinesOfEachArray() throws {
        let streams = try plans(server, .full).compactMap { plan -> MemoryStream? in
            guard case .stream(let stream) = plan.workload else { return nil }
            return stream
        }
        #expect(streams.count == 4 * 5 - 1)
        #expect(streams.allSatisfy { $0.bytesPerThread > 0 && $0.bytesPerThread % (64 * $0.variant.arrays) == 0 })
    }

    // MARK: NUMA

    private var twoNodes: Machine {
        var machine = Machine()
        machine.addCores(4, l1: 32 << 10, l2: 1 << 20, l3: 32 << 20, node: 0)
        machine.addCores(4, l1: 32 << 10, l2: 1 << 20, l3: 32 << 20, node: 1)
        return machine
    }

    private func pairs(_ plans: [TrialPlan], _ name: WorkloadName) -> [String] {
        plans.filter { $0.workload.name == name }.compactMap(\.workload.placement).map {
            "\($0.computeNode)<\($0.memoryNode)"
        }
    }

    @Test func nodesMakeAMatrix() throws {
        for name in [WorkloadName.bandwidth, .latency] {
            #expect(pairs(try plans(server, .full), name).isEmpty)
            #expect(pairs(try plans(twoNodes, .quick), name).isEmpty)
            #expect(pairs(try plans(twoNodes), name) == ["0<0", "0<1"])
            #expect(pairs(try plans(twoNodes, .full), name) == ["0<0", "0<1", "1<0", "1<1"])
        }
    }

    @Test func matrixRowsPinBothSides() throws {
        let rows = try plans(twoNodes, .full)
        let remote = try #require(
            rows.first { $0.workload.variant == .read && $0.workload.placement?.memoryNode == 1 })
        #expect(remote.threads == [0, 1, 2, 3])
        #expect(remote.workload.placement?.memoryThreads == [4, 5, 6, 7])
        #expect(remote.workload.shape == "read-dram-268435456Bx4-node0-node1")
        let latency = try #require(
            rows.first { $0.workload.name == .latency && $0.workload.placement?.computeNode == 1 })
        #expect(latency.threads == [4] && latency.workload.placement?.memoryThreads == [0])
    }

    @Test func matrixRowsAreNoCeiling() throws {
        let plan = try #require(
            try plans(twoNodes, .full).first { $0.workload.variant == .read && $0.workload.placement != nil })
        #expect(!TrialRecord(plan: plan, status: .measured).isDRAMRead)
        let all = try first(plans(twoNodes), .dram)
        #expect(TrialRecord(plan: all, status: .measured).isDRAMRead)
        #expect(!TrialRecord(plan: try first(plans(twoNodes), .l3), status: .measured).isDRAMRead)
    }

    @Test func nodesWithoutProcessorsAreRefused() throws {
        var machine = twoNodes
        machine.root.memoryChildren = [machine.memory(2, threads: [])]
        let row = try #require(try plans(machine).first { $0.workload.placement?.memoryNode == 2 })
        #expect(row.refusal?.contains("has no processor") == true)
    }
}
