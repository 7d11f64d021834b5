import CPUBackend
import CPUKernels
import NodeModel
import Testing

@Suite struct StreamTests {
    /// Sizes around the kernels' steps: one line, a few lines, more than a step and not a multiple of it.
    private static let sizes = [3 * 64, 3 * 640, 3 * (64 * 33), 3 << 20]

    private func prepare(
        _ variant: StreamVariant, bytes: Int, isa: String, placement: NUMAPlacement? = nil
    ) throws -> StreamWorkload {
        let threads = Here.processors.count
        let stream = MemoryStream(
            variant, level: nil, bytesPerThread: bytes, threads: threads, placement: placement)
        return try #require(
            try Here.prepare(.stream(stream), isa: isa, threads: Here.processors) as? StreamWorkload)
    }

    @Test(arguments: StreamVariant.allCases) func everyInstructionSetIsRight(variant: StreamVariant) throws {
        for name in Here.instructionSets {
            for bytes in Self.sizes {
                let workload = try prepare(variant, bytes: bytes, isa: name)
                #expect(try workload.verify().passed)
                let batch = try workload.run(repetitions: 3)
                #expect(batch.end > batch.start && batch.repetitions == 3)
                let outcome = try workload.verify()
                #expect(outcome.passed, "\(name) \(variant) \(bytes): \(outcome.detail ?? "")")
                // Both the timed runs' outputs and a run of its own were looked at.
                #expect(outcome.method.split(separator: ";").count == 2)
                let lines = bytes / variant.arrays / 64 * 64 * variant.arrays
                #expect(workload.work.bytes == Double(lines * Here.processors.count))
            }
        }
    }

    @Test func readsOfAllMemoryAreOfWholeLines() throws {
        let bytes = (3 << 20) + 64 * Here.processors.count + 1
        let workload = try Here.prepare(.readBandwidth(bytes: bytes), isa: "scalar")
        #expect(try workload.verify().passed)
        let counted = try #require(workload.work.bytes)
        #expect(counted <= Double(bytes) && counted > Double(bytes - 64 * Here.processors.count))
    }

    @Test func wrongSumIsCaught() throws {
        for name in Here.instructionSets {
            let workload = try prepare(.read, bytes: 1 << 20, isa: name)
            _ = try workload.run(repetitions: 2)
            #expect(workload.verification(of: workload.results).passed)
            #expect(!workload.verification(of: workload.results.map { $0 &+ 1 }).passed)
            #expect(!workload.verification(of: []).passed)
        }
    }

    @Test(arguments: StreamVariant.allCases) func oneWrongBitIsCaught(variant: StreamVariant) throws {
        for name in Here.instructionSets {
            for array in 0..<variant.arrays {
                let workload = try prepare(variant, bytes: 3 << 18, isa: name)
                _ = try workload.run(repetitions: 1)
                // Not one of the sampled words: only looking at every word finds it.
                workload.corrupt(thread: 0, array: array, word: 12_345)
                #expect(!workload.verification(of: workload.results).passed, "\(name) \(variant) array \(array)")
            }
        }
    }

    @Test(arguments: [StreamVariant.copy, .triadPastCaches]) func outputNobodyWroteIsCaught(variant: StreamVariant)
        throws
    {
        let workload = try prepare(variant, bytes: 1 << 16, isa: Here.instructionSets[0])
        #expect(try workload.verify().passed)
        // Verified outputs are poisoned, so they cannot pass for those of a later run.
        #expect(!workload.verification(of: workload.results).passed)
    }

    @Test func memoryTouchedByOthersIsTheSame() throws {
        let placement = NUMAPlacement(
            computeNode: 0, memoryNode: 1, memoryThreads: Array(Here.processors.prefix(1)))
        for variant in StreamVariant.allCases {
            #expect(
                try prepare(variant, bytes: 1 << 18, isa: Here.instructionSets[0], placement: placement).verify()
                    .passed)
        }
    }

    @Test(arguments: [0, -64, 63, 128]) func tooSmallIsUnsupported(bytes: Int) {
        let error = #expect(throws: TrialFailure.self) { try prepare(.triad, bytes: bytes, isa: "scalar") }
        #expect(error?.status == .unsupported)
    }

    @Test(arguments: [1 << 45, Int.max]) func moreThanThereIsIsSaidBeforeAllocating(bytes: Int) {
        let error = #expect(throws: TrialFailure.self) { try prepare(.copy, bytes: bytes, isa: "scalar") }
        #expect(error?.status == .skipped && error?.reason.contains("GiB available") == true)
    }
}

@Suite struct ChaseTests {
    private func prepare(
        _ bytes: Int, pages: PageSize = .huge, chains: Int = 1, placement: NUMAPlacement? = nil
    ) throws -> ChaseWorkload {
        let chase = PointerChase(level: .l2, bytes: bytes, pages: pages, chains: chains, placement: placement)
        let thread = Array(Here.processors.prefix(1))
        return try #require(
            try Here.prepare(.latency(chase), isa: Here.instructionSets[0], threads: thread) as? ChaseWorkload)
    }

    @Test(arguments: [1, 2, 4, 8], PageSize.allCases) func everyChainEndsWhereItShould(chains: Int, pages: PageSize)
        throws
    {
        for nodes in [8, 9, 100, 4_097, 100_003] {
            let workload = try prepare(64 * nodes, pages: pages, chains: chains)
            #expect(try workload.verify().passed)
            _ = try workload.run(repetitions: 3)
            let outcome = try workload.verify()
            #expect(outcome.passed, "\(nodes) nodes, \(chains) chains: \(outcome.detail ?? "")")
        }
    }

    @Test func wrongPositionIsCaught() throws {
        let workload = try prepare(64 * 1_000, chains: 2)
        _ = try workload.run(repetitions: 1)
        let right = workload.positions
        #expect(workload.verification(of: right).passed)
        #expect(!workload.verification(of: [right[0], (right[1] + 1) % 1_000]).passed)
        #expect(!workload.verification(of: [right[1], right[0]]).passed)
        #expect(!workload.verification(of: [right[0], -1]).passed)
        #expect(!workload.verification(of: [right[0]]).passed)
    }

    @Test func oneWrongPointerIsCaught() throws {
        let workload = try prepare(64 * 1_000)
        _ = try workload.run(repetitions: 1)
        workload.corrupt(node: 777)
        #expect(!workload.verification(of: workload.positions).passed)
    }

    @Test func ordersDependOnTheSeed() throws {
        let workload = try prepare(64 * 1_000)
        _ = try workload.run(repetitions: 1)
        #expect(workload.positions != [0])
        #expect(try prepare(64 * 1_000).positions == [0])
    }

    @Test func memoryTouchedByAnotherIsTheSame() throws {
        let placement = NUMAPlacement(computeNode: 0, memoryNode: 1, memoryThreads: Array(Here.processors.suffix(1)))
        #expect(try prepare(64 * 1_000, placement: placement).verify().passed)
    }

    @Test func impossibleOnesAreUnsupported() {
        for (bytes, chains) in [(0, 1), (-64, 1), (100, 1), (64, 2), (6_400, 3), (6_400, 0)] {
            let error = #expect(throws: TrialFailure.self) { try prepare(bytes, chains: chains) }
            #expect(error?.status == .unsupported, "\(bytes) bytes, \(chains) chains")
        }
        let error = #expect(throws: TrialFailure.self) { try prepare(1 << 50) }
        #expect(error?.status == .skipped)
    }

    @Test(.enabled(if: Here.processors.count > 1, "this process may use one processor only"))
    func severalThreadsAreRefused() throws {
        let processors = Here.processors
        let chase = PointerChase(level: .l2, bytes: 1 << 16)
        let error = #expect(throws: TrialFailure.self) {
            try Here.prepare(.latency(chase), isa: "scalar", threads: processors)
        }
        #expect(error?.status == .unsupported)
    }
}

@Suite struct ClockTests {
    @Test(.enabled(if: nw_clock_known(), "no chain of additions for this architecture"))
    func clocksArePlausible() throws {
        let workload = try Here.prepare(.peak(.f32), isa: Here.instructionSets[0])
        let clock = try #require(workload.measuredClock())
        #expect(clock.lowHertz <= clock.medianHertz && clock.medianHertz <= clock.highHertz)
        // Slower than any processor sold this century, or faster, would mean that a chain was not followed.
        #expect(clock.lowHertz.rawValue > 2e8 && clock.highHertz.rawValue < 1e10)
    }
}
