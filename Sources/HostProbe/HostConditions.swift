public import NodeModel

/// Watches stolen time, load, clock and throttling from `/proc` and `/sys` while something is measured.
///
/// Not thread-safe: one caller at a time. One observation costs a few small file reads per processor at each end,
/// none in between.
public final class HostConditions: ConditionObserver {
    private let root: HostRoot
    private let threads: [Int]?
    private let clock: ClockReader
    private let throttle: ThrottleCounters
    private let quota: QuotaStops
    private var turns: RunQueueTimes?
    private var stopsBefore: Int?
    private var times: ProcessorTimes?
    private var throttledBefore: Int?
    private var clocks: [Double] = []
    private var sampledAt: MonotonicInstant?

    /// Reading many processors' clocks takes work of its own, which must not show in what is measured.
    private static let sampleInterval = Seconds(0.5)

    /// Creates an observer.
    ///
    /// - Parameters:
    ///   - root: Where `/proc` and `/sys` are.
    ///   - threads: The processors to watch; `nil` for all that are online.
    public init(root: HostRoot = HostRoot(), threads: [Int]? = nil) {
        self.root = root
        self.threads = threads
        let watched = threads ?? root.line("/sys/devices/system/cpu/online").flatMap(CPUList.parse) ?? []
        clock = ClockReader(root: root, threads: watched)
        throttle = ThrottleCounters(root: root, threads: watched)
        quota = QuotaStops(root: root)
    }

    /// Starts an observation.
    public func begin() {
        times = try? ProcessorTimes.read(root, threads: threads)
        throttledBefore = throttle.read()
        turns = RunQueueTimes.read(root)
        stopsBefore = quota.read()
        clocks = []
        sampledAt = nil
    }

    /// Takes one more sample of the clock; useful while the processors work, since it falls as soon as they stop.
    ///
    /// Does nothing within half a second of the last sample.
    public func sample() {
        let now = MonotonicClock.now()
        if let sampledAt, now.since(sampledAt) < Self.sampleInterval { return }
        sampledAt = now
        if let hertz = clock.read() { clocks.append(hertz) }
    }

    /// Ends the observation.
    ///
    /// - Returns: Fractions of processor time and stops by a quota since ``begin()``; the mean clock of the samples taken by
    ///   ``sample()`` or, without any, of the moment of this call; throttling events since ``begin()``.
    ///   What the kernel does not tell is `nil`.
    public func end() -> MeasurementConditions {
        if clocks.isEmpty { sample() }
        let now = try? ProcessorTimes.read(root, threads: threads)
        let passed = times.flatMap { before in now.map { $0.since(before) } }
        let waiting = turns.flatMap { before in RunQueueTimes.read(root)?.waitingFraction(since: before) }
        let stops = stopsBefore.flatMap { before in quota.read().map { max($0 - before, 0) } }
        let events = throttledBefore.flatMap { before in throttle.read().map { max($0 - before, 0) } }
        return MeasurementConditions(
            stealFraction: passed?.stealFraction, busyFraction: passed?.busyFraction,
            waitingFraction: waiting, quotaStops: stops, clockHertz: meanClock.map { Hertz($0) },
            clockVariation: clockVariation,
            throttleEvents: events)
    }
}

extension HostConditions {
    private var meanClock: Double? { clocks.isEmpty ? nil : clocks.reduce(0, +) / Double(clocks.count) }

    private var clockVariation: Double? {
        guard clocks.count > 1, let low = clocks.min(), let high = clocks.max(), let mean = meanClock else {
            return nil
        }
        return (high - low) / mean
    }
}

/// The mean clock of some processors.
struct ClockReader {
    private let root: HostRoot
    private let files: [String]
    private let threads: Set<Int>
    private let informationIsLive: Bool

    init(root: HostRoot, threads: [Int]) {
        self.root = root
        self.threads = Set(threads)
        files = threads.map { "/sys/devices/system/cpu/cpu\($0)/cpufreq/scaling_cur_freq" }.filter(root.exists)
        // Without APERF/MPERF, and in a virtual machine, `cpu MHz` is a constant from boot and tells nothing.
        let flags = HostProbe(root: root).processorFlags
        informationIsLive = flags.contains("aperfmperf") && !flags.contains("hypervisor")
    }

    /// Hertz, or `nil` where the kernel does not measure the clock.
    func read() -> Double? {
        let kilohertz = files.compactMap { root.integer($0) }.filter { $0 > 0 }
        if !kilohertz.isEmpty { return Double(kilohertz.reduce(0, +)) / Double(kilohertz.count) * 1e3 }
        guard informationIsLive, let text = root.text("/proc/cpuinfo", limit: 8 << 20) else { return nil }
        let megahertz = Self.megahertz(in: text, of: threads)
        return megahertz.isEmpty ? nil : megahertz.reduce(0, +) / Double(megahertz.count) * 1e6
    }

    private static func megahertz(in text: String, of threads: Set<Int>) -> [Double] {
        var current = -1
        return text.split(separator: "\n").compactMap { line in
            guard let middle = line.firstIndex(of: ":") else { return nil }
            let value = OutsideText.printable(String(line[line.index(after: middle)...]))
            if line.hasPrefix("processor") { current = Int(value) ?? -1 }
            guard line.hasPrefix("cpu MHz"), threads.contains(current), let number = Double(value), number > 0,
                number < 1e5
            else { return nil }
            return number
        }
    }
}

/// Thermal throttling events, each core's and each package's counted once though every thread shows them.
struct ThrottleCounters {
    private let root: HostRoot
    private let files: [String]

    init(root: HostRoot, threads: [Int]) {
        self.root = root
        var seen: Set<String> = []
        files = threads.flatMap { thread -> [String] in
            let base = "/sys/devices/system/cpu/cpu\(thread)"
            let package = root.line("\(base)/topology/physical_package_id") ?? "0"
            let core = root.line("\(base)/topology/core_id") ?? "thread \(thread)"
            var files: [String] = []
            if seen.insert("\(package)/\(core)").inserted {
                files.append("\(base)/thermal_throttle/core_throttle_count")
            }
            if seen.insert(package).inserted { files.append("\(base)/thermal_throttle/package_throttle_count") }
            return files.filter(root.exists)
        }
    }

    /// The events since the machine started, or `nil` where the kernel does not count them.
    func read() -> Int? {
        let counts = files.compactMap { root.integer($0) }.filter { $0 >= 0 && $0 < 1 << 48 }
        return counts.isEmpty ? nil : counts.reduce(0, +)
    }
}
