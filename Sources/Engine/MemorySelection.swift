public import NodeModel

/// What of memory the user wants measured, where the suite is not to decide.
public struct MemorySelection: Hashable, Sendable {
    /// The levels; empty for the suite's.
    public var levels: [MemoryLevel]
    /// What is done in bandwidth rows; empty for the suite's.
    public var variants: [StreamVariant]
    /// The bytes of each thread, in place of what fits a level.
    public var workingSetBytes: Int?

    /// Creates a selection; everything defaults to the suite's choice.
    public init(levels: [MemoryLevel] = [], variants: [StreamVariant] = [], workingSetBytes: Int? = nil) {
        self.levels = levels
        self.variants = variants
        self.workingSetBytes = workingSetBytes
    }

    private var isEmpty: Bool { levels.isEmpty && variants.isEmpty && workingSetBytes == nil }

    /// Whether the read of DRAM, which every suite has, is not among what is wanted.
    var excludesDRAMRead: Bool {
        workingSetBytes != nil || (!levels.isEmpty && !levels.contains(.dram))
            || (!variants.isEmpty && !variants.contains(.read))
    }

    /// The rows beside the read of DRAM.
    func rows(_ planner: MemoryPlanner, suite: Suite, named: [WorkloadName]) -> [MemoryPlanner.Sized] {
        guard isEmpty else { return ownRows(planner) }
        var rows = suite.memory
        if named.contains(.latency), !rows.contains(where: \.isLatency) { rows += Suite.usualLatencies }
        return rows.map(planner.plan) + planner.matrix(suite.numa, .bandwidth) + planner.matrix(suite.numa, .latency)
    }

    private func ownRows(_ planner: MemoryPlanner) -> [MemoryPlanner.Sized] {
        let variants = variants.isEmpty ? [.read] : variants
        if let workingSetBytes {
            return planner.plan(workingSet: workingSetBytes, variants: variants)
                + planner.planChases(workingSet: workingSetBytes)
        }
        let streams = (levels.isEmpty ? [.dram] : levels).flatMap { level in
            variants.filter { level != .dram || $0 != .read }.map { MemoryRow.stream($0, level) }
        }
        let latencies = (levels.isEmpty ? MemoryLevel.allCases : levels).flatMap { level -> [MemoryRow] in
            let pages: [PageSize] = level == .dram ? [.huge, .small] : [.huge]
            return pages.map { .latency(level, $0, chains: 1) }
        }
        return (streams + latencies).map(planner.plan)
    }
}

extension MemoryRow {
    fileprivate var isLatency: Bool { if case .latency = self { true } else { false } }
}
