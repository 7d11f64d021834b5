import NodeModel

/// What the threads of this process got and did not get of the processors.
struct RunQueueTimes {
    /// Nanoseconds that each thread ran, and that it was ready and waited while others ran.
    private var threads: [String: (ran: Int, waited: Int)]
    private let instant = MonotonicClock.now()
    /// The least part of the time this process has to want a processor for its waiting to say anything: while a child
    /// computes, what little this process does waits for the child.
    private static let leastShare = 0.1

    private init(threads: [String: (ran: Int, waited: Int)]) { self.threads = threads }

    /// Reads `/proc/self/task/*/schedstat`; `nil` where the kernel does not keep it.
    static func read(_ root: HostRoot) -> RunQueueTimes? {
        var threads: [String: (ran: Int, waited: Int)] = [:]
        for name in root.names(in: "/proc/self/task", limit: 4_096) {
            let fields = (root.line("/proc/self/task/\(name)/schedstat") ?? "").split(separator: " ").map { Int($0) }
            guard fields.count >= 2, let ran = fields[0], let waited = fields[1], ran >= 0, waited >= 0 else {
                continue
            }
            threads[name] = (ran, waited)
        }
        return threads.isEmpty ? nil : RunQueueTimes(threads: threads)
    }

    /// Of the time they wanted to run, the fraction that the threads of both readings waited for others.
    func waitingFraction(since before: RunQueueTimes) -> Double? {
        var ran = 0
        var waited = 0
        for (name, now) in threads {
            guard let then = before.threads[name], now.ran >= then.ran, now.waited >= then.waited else { continue }
            ran += now.ran - then.ran
            waited += now.waited - then.waited
        }
        let elapsed = instant.since(before.instant).rawValue * 1e9
        guard ran + waited > 0, Double(ran + waited) >= Self.leastShare * elapsed else { return nil }
        return Double(waited) / Double(ran + waited)
    }
}

/// How often the quota of a control group stopped this process.
struct QuotaStops {
    private let root: HostRoot
    private let files: [String]

    /// Finds the counters of all groups above this process that may set a quota.
    init(root: HostRoot) {
        self.root = root
        files = HostProbe(root: root).processorGroups.map { $0 + "/cpu.stat" }.filter(root.exists)
    }

    /// The stops so far, or `nil` where no group counts them.
    func read() -> Int? {
        let counts = files.compactMap { root.text($0).flatMap(Self.stops) }
        return counts.isEmpty ? nil : counts.reduce(0, +)
    }

    /// The value of `nr_throttled` in a `cpu.stat`.
    private static func stops(_ text: String) -> Int? {
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 2, fields[0] == "nr_throttled" { return Int(fields[1]) }
        }
        return nil
    }
}
