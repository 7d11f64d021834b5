import Analysis
import NodeModel
import Testing

/// Levels that the next one served, from figures made up.
@Suite struct LevelCheckTests {
    private func latency(
        _ level: MemoryLevel, nanoseconds: Double, pages: PageSize = .huge, placement: NUMAPlacement? = nil
    ) -> TrialRecord {
        let chase = PointerChase(level: level, bytes: 1 << 20, pages: pages, placement: placement)
        var record = record(.latency(chase), threads: [level == .l3 ? 1 : 0])
        record.latencySeconds = nanoseconds * 1e-9
        return record
    }

    private func read(_ level: MemoryLevel, gigabytes: Double, threads: [Int] = [0, 1]) -> TrialRecord {
        let stream = MemoryStream(.read, level: level, bytesPerThread: 1 << 20, threads: threads.count)
        var record = record(level == .dram ? .readBandwidth(bytes: 1 << 30) : .stream(stream), threads: threads)
        record.bytesPerSecond = BytesPerSecond(gigabytes * 1e9)
        return record
    }

    private func record(_ workload: Workload, threads: [Int]) -> TrialRecord {
        TrialRecord(
            plan: TrialPlan(
                workload: workload, device: .cpu, threads: threads, budget: Seconds(1), minimumWindow: Seconds(0)),
            status: .measured)
    }

    /// The levels that are flagged.
    private func flagged(_ trials: [TrialRecord]) -> [MemoryLevel?] {
        LevelCheck.flagging(trials).filter { !$0.disturbances.isEmpty }.map(\.level)
    }

    @Test func anHonestHierarchyIsNotFlagged() {
        let latencies = zip(MemoryLevel.allCases, [1.1, 3.4, 12, 110]).map { latency($0, nanoseconds: $1) }
        let reads = zip(MemoryLevel.allCases, [500.0, 250, 90, 45]).map { read($0, gigabytes: $1) }
        #expect(LevelCheck.flagging(latencies + reads) == latencies + reads)
    }

    @Test func aCacheAsSlowAsMemoryIsFlagged() throws {
        let trials = zip(MemoryLevel.allCases, [1.1, 3.4, 108, 110]).map { latency($0, nanoseconds: $1) }
        #expect(flagged(trials) == [.l3])
        let remark = try #require(LevelCheck.flagging(trials)[2].disturbances.first)
        #expect(remark.hasPrefix("no faster than DRAM (108.0 ns, there 110.0 ns)") && remark.contains("an L3"))
        #expect(flagged([read(.dram, gigabytes: 45), read(.l2, gigabytes: 250), read(.l3, gigabytes: 46)]) == [.l3])
        // Slower than the next one is no less suspicious.
        #expect(flagged([latency(.l3, nanoseconds: 150), latency(.dram, nanoseconds: 110)]) == [.l3])
        #expect(flagged([latency(.l3, nanoseconds: 153), latency(.dram, nanoseconds: 189)]) == [.l3])
        // A mesh's L3 is slow, and is one.
        #expect(flagged([latency(.l3, nanoseconds: 78), latency(.dram, nanoseconds: 110)]) == [])
    }

    @Test func theNextLevelIsTheNextThatWasMeasured() {
        var missing = latency(.l3, nanoseconds: 110)
        missing.status = .unsupported
        #expect(flagged([latency(.l2, nanoseconds: 108), missing, latency(.dram, nanoseconds: 110)]) == [.l2])
        #expect(flagged([latency(.l2, nanoseconds: 108)]) == [])
    }

    @Test func aSlowKernelSaysNothingOfTheCaches() {
        let scalar = zip(MemoryLevel.allCases, [31.0, 31, 30, 29]).map { read($0, gigabytes: $1) }
        #expect(flagged(scalar) == [])
    }

    @Test func onlyTheLikeIsCompared() {
        #expect(flagged([latency(.l3, nanoseconds: 110), latency(.dram, nanoseconds: 110, pages: .small)]) == [])
        let place = NUMAPlacement(computeNode: 0, memoryNode: 1, memoryThreads: [2])
        #expect(flagged([latency(.l3, nanoseconds: 110), latency(.dram, nanoseconds: 110, placement: place)]) == [])
        #expect(flagged([read(.l3, gigabytes: 40, threads: [0]), read(.dram, gigabytes: 45)]) == [])
        var variation = latency(.dram, nanoseconds: 110)
        variation.variation = "1 thread"
        #expect(flagged([latency(.l3, nanoseconds: 110), variation]) == [])
    }
}
