public import NodeModel

/// One meter over a window.
struct MeterWindow {
    var description: MeterDescription
    var joules: Double?
    var halfWidth: Double
    /// The part of the half width that resolution and the edges' timing make.
    var edgeWidth = 0.0
    var problem: String?
}

/// Turns the tracks' edges into the energy of a window; pure.
public enum WindowAssembly {
    /// A counter that does not step for longer than this has stopped.
    static let standingSeconds = 1.0
    /// A window and a meter's own edges that differ by more are not taken for the same time.
    static let believableStretch = 0.9...1.1

    /// The edges of all meters at one end of a window.
    public struct Moment: Sendable {
        /// When the window began or ended.
        public var instant: MonotonicInstant
        /// One edge for each meter.
        public var edges: [MeterTrack.Edge]
        /// How long the machine had been suspended by then.
        public var suspended: Seconds

        /// Creates one end of a window.
        public init(instant: MonotonicInstant, edges: [MeterTrack.Edge], suspended: Seconds = .zero) {
            self.instant = instant
            self.edges = edges
            self.suspended = suspended
        }
    }

    /// The energy between two moments.
    ///
    /// The total is that of the first of ``DomainCover``'s candidates when its parts all gave energy, but for those that
    /// can be left out; else a meter of the whole node or a model stands in; without one the total is unknown. The interval adds up, for each meter in
    /// the total: its resolution, mean power times its update period and the time between the window's edges and its
    /// own readings, mean power times interpolated time, and its own relative uncertainty. They are added, not
    /// combined as independent, because they are bounds rather than deviations.
    ///
    /// - Parameters:
    ///   - begin: The window's begin.
    ///   - end: The window's end.
    ///   - meters: What is metered, in the order of the edges.
    ///   - expectedPackages: How many packages the node has, where that is known.
    /// - Returns: The energy of each domain and of their cover. The row of a power model is left out
    ///   beside a total of counters.
    public static func energy(
        from begin: Moment, to end: Moment, meters: [MeterDescription], expectedPackages: Int?
    ) -> WindowEnergy {
        let seconds = end.instant.since(begin.instant).rawValue
        let metered = crossChecked(
            meters.indices.map { index in
                row(meters[index], begin.edges[index], end.edges[index], begin.instant, end.instant)
            })
        let rows = asleep(from: begin, to: end, metered)
        let chosen = total(rows, expectedPackages)
        let domains = rows.indices.compactMap { index -> DomainEnergy? in
            let row = rows[index]
            let inTotal = chosen.contains(index)
            if row.description.grade == .modelled, !inTotal, rows.count > 1, !chosen.isEmpty { return nil }
            return DomainEnergy(
                name: row.description.domain.name, kind: row.description.domain.kind, source: row.description.source,
                grade: row.description.grade,
                energyJoules: row.joules.map { Joules($0) }, inTotal: inTotal, problem: row.problem)
        }
        guard !chosen.isEmpty else {
            return WindowEnergy(durationSeconds: Seconds(seconds), total: nil, grade: .none, domains: domains)
        }
        let sum = chosen.compactMap { rows[$0].joules }.reduce(0, +)
        let half = chosen.map { rows[$0].halfWidth }.reduce(0, +)
        let isFactor = chosen.contains { rows[$0].description.relativeUncertainty >= 1 }
        return WindowEnergy(
            durationSeconds: Seconds(seconds),
            total: Estimate(
                Joules(sum), low: Joules(lowerLimit(sum, half, isFactor: isFactor)), high: Joules(sum + half)),
            grade: chosen.map { rows[$0].description.grade }.min() ?? .none, domains: domains)
    }

    /// The two clocks are read one after the other; less than this is no suspension.
    private static let awakeSeconds = 0.1

    /// Takes the energy off every row where the machine was suspended: counters may stand, run on or begin anew.
    private static func asleep(from begin: Moment, to end: Moment, _ rows: [MeterWindow]) -> [MeterWindow] {
        let seconds = (end.suspended - begin.suspended).rawValue
        guard seconds > awakeSeconds else { return rows }
        return rows.map { row in
            var row = row
            row.joules = nil
            let reason = "the machine was suspended for \((seconds * 10).rounded() / 10) s"
            row.problem = [row.problem, reason].compactMap(\.self).joined(separator: "; ")
            return row
        }
    }

    /// A relative uncertainty as large as the figure itself is one of a factor: the same factor down as up.
    private static func lowerLimit(_ sum: Double, _ half: Double, isFactor: Bool) -> Double {
        isFactor ? sum / (1 + half / sum) : max(0, sum - half)
    }

    private static func total(_ rows: [MeterWindow], _ expectedPackages: Int?) -> [Int] {
        // Where a domain's preferred source gave nothing, another of the same domain counts.
        let order = rows.indices.filter { rows[$0].joules != nil } + rows.indices.filter { rows[$0].joules == nil }
        let covers = DomainCover.candidates(
            order.map { rows[$0].description.domain }, expectedPackages: expectedPackages
        ).map { $0.map { order[$0] }.sorted() }
        func isWhole(_ cover: [Int]) -> Bool {
            cover.allSatisfy { index in
                rows[index].joules != nil || !DomainCover.isEssential(rows[index].description.domain.kind)
            }
        }
        func sees(_ cover: [Int], _ kinds: [EnergyDomainKind]) -> Bool {
            cover.contains { kinds.contains(rows[$0].description.domain.kind) }
        }
        // For a package that failed, psys would stand in with what else the board's maker wired to it, unsaid.
        let standIns = covers.dropFirst().filter { sees($0, [.node, .host]) }
        let whole = (covers.prefix(1) + standIns).first(where: isWhole) ?? []
        return whole.filter { rows[$0].joules != nil }
    }

    private static func row(
        _ meter: MeterDescription, _ begin: MeterTrack.Edge, _ end: MeterTrack.Edge, _ from: MonotonicInstant,
        _ to: MonotonicInstant
    ) -> MeterWindow {
        var problems: [String] = []
        let failed = end.failures - begin.failures
        let rejected = end.implausible - begin.implausible
        if failed > 0 { problems.append("\(failed) failed reads, last: \(end.failure ?? "unknown")") }
        if rejected > 0 { problems.append("\(rejected) implausible readings rejected") }
        var window = MeterWindow(description: meter, joules: nil, halfWidth: 0)

        guard begin.isFresh, end.isFresh, let first = begin.instant, let last = end.instant else {
            if !begin.isFresh, let failure = begin.failure, failed == 0 { problems.append(failure) }
            problems.append("not read at the window's \(begin.isFresh ? "end" : "begin")")
            return finished(window, problems)
        }
        guard end.breaks == begin.breaks else {
            problems.append("the counter was reset, or not read for so long that it may have wrapped twice")
            return finished(window, problems)
        }
        // What is averaged over longer than the window tells of the time before it.
        let period = meter.updatePeriodSeconds
        guard period.rawValue <= standingSeconds || period <= to.since(from) else {
            problems.append("it averages over \(period.rawValue) s, longer than the window")
            return finished(window, problems)
        }
        var joules = end.joules - begin.joules
        let seconds = last.since(first).rawValue
        guard joules > 0, seconds > 0 else {
            problems.append(
                seconds > standingSeconds
                    ? "counter did not advance" : "counter did not advance in a window this short")
            return finished(window, problems)
        }
        let power = joules / seconds
        // The window's edges are those of the work; the meter's own lie just outside, at the mean power.
        let stretch = to.since(from).rawValue / seconds
        if believableStretch.contains(stretch) { joules *= stretch }
        let latency = abs(first.since(from).rawValue) + abs(last.since(to).rawValue)
        let late = begin.isAtStep && end.isAtStep ? 0 : period.rawValue
        let loose = late + latency + (end.interpolatedSeconds - begin.interpolatedSeconds)
        window.joules = joules
        window.edgeWidth = meter.resolutionJoules.rawValue + power * loose
        window.halfWidth = window.edgeWidth + meter.relativeUncertainty * joules
        return finished(window, problems)
    }

    private static func finished(_ window: MeterWindow, _ problems: [String]) -> MeterWindow {
        var window = window
        window.problem = problems.isEmpty ? nil : problems.joined(separator: "; ")
        return window
    }
}
