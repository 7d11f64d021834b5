public import NodeModel

/// Tells cache levels that are not there from those that are.
///
/// A virtual machine may show an L3 it gets no share of, and a cache may be switched off or taken up by neighbours. The
/// next level then serves what was sized for this one, and the row would pass for a cache's.
public enum LevelCheck {
    /// Two levels whose figures differ by less than this are one.
    ///
    /// Each is known to a few percent, and real ones differ by a third or more. Of latencies a quarter, since a part of
    /// what was sized for a cache may still be served by it.
    static func margin(_ workload: WorkloadName) -> Double { workload == .latency ? 0.25 : 0.1 }

    /// Rows that differ in their level alone.
    private struct Family: Hashable {
        var device: DeviceID
        var workload: WorkloadName
        var variant: StreamVariant?
        var variation: String?
        /// A latency's pages and chains.
        var pattern: [Substring]
        /// More threads draw more bandwidth; the latency is that of one.
        var threads: [Int]

        init?(_ trial: TrialRecord) {
            guard [.bandwidth, .latency].contains(trial.workload), trial.numaNode == nil else { return nil }
            (device, workload, variant, variation) = (trial.device, trial.workload, trial.variant, trial.variation)
            let isLatency = trial.workload == .latency
            pattern = isLatency ? Array((trial.shape ?? "").split(separator: "-").suffix(2)) : []
            threads = isLatency ? [] : trial.threads
        }
    }

    /// Adds a remark to every row of L2 or L3 that the next level seems to have served.
    ///
    /// - Parameter trials: A session's trials.
    /// - Returns: The same, with remarks among the disturbances.
    public static func flagging(_ trials: [TrialRecord]) -> [TrialRecord] {
        var slowness: [Family: [MemoryLevel: Double]] = [:]
        for trial in trials {
            guard let family = Family(trial), let level = trial.level, let value = cost(of: trial) else { continue }
            slowness[family, default: [:]][level] = value
        }
        return trials.map { trial in
            guard cost(of: trial) != nil, let level = trial.level, let family = Family(trial),
                let remark = remark(level, slowness[family] ?? [:], trial.workload)
            else { return trial }
            var trial = trial
            trial.disturbances.append(remark)
            return trial
        }
    }

    /// Seconds of a load or of a byte; `nil` for what was not measured.
    private static func cost(of trial: TrialRecord) -> Double? {
        guard trial.status == .measured else { return nil }
        return trial.latencySeconds ?? trial.bytesPerSecond.flatMap { $0.rawValue > 0 ? 1 / $0.rawValue : nil }
    }

    private static func remark(_ level: MemoryLevel, _ costs: [MemoryLevel: Double], _ workload: WorkloadName)
        -> String?
    {
        let levels = MemoryLevel.allCases
        guard [.l2, .l3].contains(level), let index = levels.firstIndex(of: level), let own = costs[level],
            let next = levels[(index + 1)...].first(where: { costs[$0] != nil }), let outer = costs[next],
            own > outer * (1 - margin(workload))
        else { return nil }
        // Where the inner levels are no faster either, it is the kernel that is slow, and nothing is known.
        let inner = levels[..<index].compactMap { costs[$0] }
        guard workload == .latency || inner.isEmpty || inner.contains(where: { $0 < own * (1 - margin(workload)) })
        else {
            return nil
        }
        return "no faster than \(next.title) (\(text(own, workload)), there \(text(outer, workload))): \(next.title) "
            + "seems to serve it, as where a virtual machine shows an \(level.title) it does not get"
    }

    private static func text(_ cost: Double, _ workload: WorkloadName) -> String {
        let (value, unit) = workload == .latency ? (cost * 1e9, "ns") : (1e-9 / cost, "GB/s")
        return "\((value * 10).rounded() / 10) \(unit)"
    }
}
