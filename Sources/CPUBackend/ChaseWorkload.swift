import CPUKernels
import Glibc
package import NodeModel

/// Memory latency: one thread follows a ring of pointers in random order.
package final class ChaseWorkload: PreparedWorkload {
    private static let stream: UInt32 = 0xc4a5_e000
    /// Hops of each chain in one repetition.
    private static let hops = 4_096

    private let context: KernelContext
    private let handle: OpaquePointer
    private let chase: PointerChase

    /// Bytes for a chase: the nodes, and two numbers of each for the shuffle and the checks.
    static func bytesNeeded(_ chase: PointerChase) -> Int {
        let sum = chase.bytes.addingReportingOverflow(max(chase.bytes, 0) / 8)
        return sum.overflow ? .max : sum.partialValue
    }

    /// Links the ring, which takes seconds for gibibytes.
    init(_ context: KernelContext, _ chase: PointerChase, owner: ThreadTeam?) throws {
        guard context.team.threads.count == 1, owner.map({ $0.threads.count == 1 }) ?? true else {
            throw TrialFailure(.unsupported, "latency is measured by one thread, not \(context.team.threads.count)")
        }
        guard chase.bytes >= 64 * chase.chains, chase.bytes % 64 == 0 else {
            throw TrialFailure(
                .unsupported,
                "\(chase.bytes) bytes are no whole number of 64-byte nodes, at least one for each of "
                    + "\(chase.chains) chains")
        }
        self.context = context
        self.chase = chase
        var spec = nw_chase_spec(
            bytes: chase.bytes, small_pages: chase.pages == .small, chains: Int32(clamping: chase.chains),
            key: SeededData.key(seed: context.seed, stream: Self.stream))
        var handle: OpaquePointer?
        try check(
            nw_chase_create(context.team.handle, owner?.handle, &spec, &handle),
            "linking \(chase.chains) chains through \(chase.bytes) bytes")
        guard let handle else { throw TrialFailure(.failed, "the ring is missing") }
        self.handle = handle
        try requireHugePages()
    }

    deinit { nw_chase_destroy(handle) }

    /// Without huge pages a row that claims them would show the cost of ordinary ones.
    private func requireHugePages() throws {
        guard chase.pages == .huge, chase.level == nil || chase.level == .dram, chase.bytes >= 4 << 20,
            let fraction = hugeFraction, fraction < 0.5
        else { return }
        throw TrialFailure(
            .unsupported,
            "the system gave huge pages for \(Int(fraction * 100)) % of the memory. "
                + "Allow them: echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled")
    }

    private var hugeFraction: Double? { nw_chase_memory(handle).flatMap { HugePages.fraction(at: $0) } }

    package var work: Work { Work(hops: Double(Self.hops)) }

    package var notes: [String: String] {
        var notes = context.notes
        notes["pages"] = chase.pages == .small ? "\(getpagesize()) bytes" : "transparent huge pages"
        notes["chains"] = "\(chase.chains)"
        notes["huge pages"] = hugeFraction.map { "\(Int($0 * 100)) % of the nodes" }
        return notes
    }

    package func run(repetitions: Int) throws -> TimedBatch {
        var interval = nw_interval()
        let repetitions = max(repetitions, 1)
        try check(nw_chase_run(handle, Int64(repetitions * Self.hops), &interval), "following pointers")
        return TimedBatch(interval, repetitions: repetitions)
    }

    package func measuredClock() -> ClockSpread? { context.measuredClock }

    package func verify() throws -> Verification {
        if nw_chase_hops(handle) == 0 { _ = try run(repetitions: 1) }
        return verification(of: positions)
    }

    /// The number of the node each chain has come to; -1 for an address that is no node's.
    package var positions: [Int] {
        (0..<Int32(chase.chains)).map { Int(exactly: nw_chase_position(handle, $0)) ?? -1 }
    }

    /// Checks positions claimed to be those after all hops so far, the ring, and every node's pointer.
    package func verification(of positions: [Int]) -> Verification {
        let failure = wrongRing ?? wrongPosition(positions)
        return Verification(
            passed: failure == nil,
            method: "one ring through every node, every pointer, and where all hops end, against a walk by numbers",
            worst: failure == nil ? 0 : .infinity, detail: failure)
    }

    private var wrongRing: String? {
        if !nw_chase_is_ring(handle) { return "the order is not one ring through all nodes" }
        let wrong = nw_chase_wrong_nodes(handle)
        return wrong == 0 ? nil : "\(wrong) nodes point elsewhere"
    }

    private func wrongPosition(_ positions: [Int]) -> String? {
        guard positions.count == chase.chains else { return "\(positions.count) positions of \(chase.chains) chains" }
        let nodes = nw_chase_nodes(handle)
        let hops = Int(nw_chase_hops(handle) % UInt64(nodes))
        for (chain, position) in positions.enumerated() {
            guard (0..<nodes).contains(position) else { return "chain \(chain) left the ring" }
            let start = nw_chase_rank(handle, nw_chase_start(handle, Int32(chain)))
            if nw_chase_rank(handle, position) != (start + hops) % nodes {
                return "chain \(chain) is at node \(position), which is not \(hops) hops from its start"
            }
        }
        return nil
    }

    /// Makes a node point to itself, for tests; nothing may be run afterwards.
    package func corrupt(node: Int) {
        guard let memory = nw_chase_memory(handle) else { return }
        (memory + 64 * node).storeBytes(of: memory + 64 * node, as: UnsafeMutableRawPointer.self)
    }
}
