import NodeModel

/// Memory workloads in words.
enum MemoryText {
    /// `read L2 1 MiB`, `latency DRAM 256 MiB, small pages`.
    static func name(_ workload: Workload) -> String {
        name(
            workload.name, variant: workload.variant, level: workload.level, bytes: workload.workingSetBytes,
            shape: workload.shape, nodes: workload.placement.map { ($0.computeNode, $0.memoryNode) })
    }

    /// The same of a record; records from before there were variants are reads.
    static func name(_ trial: TrialRecord) -> String {
        var nodes: (Int, Int)?
        if let compute = trial.numaNode, let memory = trial.memoryNumaNode { nodes = (compute, memory) }
        return name(
            trial.workload, variant: trial.variant, level: trial.level,
            bytes: trial.workingSetBytes ?? trial.bytes.flatMap { Int(exactly: $0) }, shape: trial.shape, nodes: nodes)
    }

    private static func name(
        _ workload: WorkloadName, variant: StreamVariant?, level: MemoryLevel?, bytes: Int?, shape: String?,
        nodes: (compute: Int, memory: Int)?
    ) -> String {
        let what = workload == .latency ? "latency" : (variant ?? .read).rawValue
        let parts = (shape ?? "").split(separator: "-")
        let place = nodes.map { "node \($0.compute) from node \($0.memory)" }
        // The last part of a latency's shape that is a number tells its chains.
        let chains = parts.compactMap { Int($0) }.last.flatMap { $0 > 1 ? "\($0) chains" : nil }
        let pages = parts.contains("small") ? "small pages" : nil
        let size = [what, level?.title, bytes.map { UnitFormat.bytes(Double($0)) }].compactMap(\.self)
        return ([size.joined(separator: " ")] + [pages, chains, place].compactMap(\.self)).joined(separator: ", ")
    }
}
