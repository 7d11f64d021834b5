public import NodeModel

/// Turns the trials of a sweep into its points; pure.
public enum OperatingPointDerivation {
    /// What the speed of a workload counts.
    public static func unit(of workload: WorkloadName, _ precision: Precision?) -> WorkUnit {
        switch workload {
        case .llm: .token
        case .latency: .access
        case .launch: .launch
        case .peak, .gemm: precision == .i8 ? .operation : .flop
        case .bandwidth, .gemv, .transfer, .softmax, .rmsnorm, .attention: .byte
        }
    }

    /// The figures of a point from its trials.
    ///
    /// Of several trials each figure is the median, with limits as wide as the trials' own together.
    ///
    /// - Parameters:
    ///   - point: The point, without figures.
    ///   - trials: What was measured at it; those without figures only say why.
    /// - Returns: The point.
    public static func record(_ point: OperatingPointRecord, from trials: [TrialRecord]) -> OperatingPointRecord {
        var record = point
        let measured = trials.filter { $0.status == .measured && $0.verified }
        guard let first = measured.first else {
            record.status = trials.first?.status ?? .skipped
            record.reason = trials.first.map { $0.reason ?? "it has no result" } ?? point.reason ?? "not measured"
            return record
        }
        record.status = .measured
        record.reason = nil
        record.verified = true
        record.repeats = measured.count
        record.workPerSecond = merged(measured.map(rate))
        record.energyGrade = measured.map(\.energyGrade).min() ?? .none
        record.energySources = first.energySources
        if record.energyGrade != .none {
            record.powerWatts = merged(measured.map { scaled($0.powerWatts?.rawValue, $0, inverse: false) })
            record.joulesPerWork = merged(
                measured.map { scaled(workPerJoule($0).map { 1 / $0 }, $0, inverse: false) })
            record.workPerJoule = merged(measured.map { scaled(workPerJoule($0), $0, inverse: true) })
        }
        record.clockHertz = Statistics.median(measured.compactMap(clock))
        let events = measured.compactMap { $0.conditions?.throttleEvents }
        record.throttled = events.isEmpty ? nil : events.contains { $0 > 0 }
        record.disturbances = measured.flatMap(\.disturbances).reduce(into: []) { all, one in
            if !all.contains(one) { all.append(one) }
        }
        return record
    }

    /// Fills in what a choice among the points can go by.
    ///
    /// - Parameters:
    ///   - sweep: The sweep with all its points.
    ///   - begin: The original setting's trial at the beginning.
    ///   - end: The same at the end.
    /// - Returns: The sweep with front, most efficient point and knee, or with notes why it has none.
    public static func rated(_ sweep: OperatingPoints, begin: TrialRecord?, end: TrialRecord?) -> OperatingPoints {
        var sweep = sweep
        if let first = begin.flatMap(rate), let second = end.flatMap(rate), first.value > 0,
            let firstLow = first.ci95Low, let firstHigh = first.ci95High, let low = second.ci95Low,
            let high = second.ci95High
        {
            sweep.drift = second.value / first.value - 1
            sweep.driftIsSignificant = low > firstHigh || high < firstLow
        }
        let measured = sweep.points.filter { $0.status == .measured }
        guard let grade = measured.map(\.energyGrade).min(), grade >= .counter else {
            sweep.notes.append(ungraded(measured))
            return sweep
        }
        let points = measured.compactMap(RatedPoint.init)
        let front = ParetoFront.of(points)
        sweep.paretoFront = front.map(\.number)
        for index in sweep.points.indices where sweep.points[index].status == .measured {
            sweep.points[index].onParetoFront = sweep.paretoFront.contains(sweep.points[index].number)
        }
        if let (best, rivals) = ParetoFront.mostEfficient(points) {
            sweep.mostEfficient = best.number
            sweep.asEfficient = rivals.map(\.number).sorted()
        }
        switch ParetoFront.knee(front) {
        case .at(let point): sweep.knee = point.number
        case .none(let reason): sweep.notes.append("no knee: \(reason)")
        }
        return sweep
    }

    private static func ungraded(_ points: [OperatingPointRecord]) -> String {
        if points.isEmpty { return "nothing was measured" }
        return points.contains { $0.energyGrade == .modelled }
            ? "power is modelled, not measured: a model says nothing of which setting is the most efficient, so only "
                + "speeds are compared"
            : "no meter covers this device, so only speeds are compared"
    }

    /// The speed of a trial with its interval.
    static func rate(_ trial: TrialRecord) -> ProfileValue? {
        let rate =
            switch unit(of: trial.workload, trial.precision) {
            case .flop, .operation: trial.flopsPerSecond?.rawValue
            case .byte: trial.bytesPerSecond?.rawValue
            case .token: trial.tokensPerSecond
            case .access: trial.latencySeconds.map { 1 / $0 }
            case .launch: trial.medianSeconds.map { 1 / $0 }
            }
        guard let rate, rate.isFinite, rate > 0, let median = trial.medianSeconds, let low = trial.ci95LowSeconds,
            let high = trial.ci95HighSeconds, low > 0, median > 0
        else { return nil }
        return ProfileValue(rate, low: rate * median / high, high: rate * median / low)
    }

    private static func workPerJoule(_ trial: TrialRecord) -> Double? {
        guard let rate = rate(trial)?.value, let median = trial.medianSeconds, let count = trial.energyRepetitions,
            let energy = trial.energyJoules?.rawValue, energy > 0
        else { return nil }
        return rate * median * Double(count) / energy
    }

    /// A figure with the relative interval of the trial's energy.
    private static func scaled(_ value: Double?, _ trial: TrialRecord, inverse: Bool) -> ProfileValue? {
        guard let value, let energy = trial.energyJoules?.rawValue, energy > 0 else { return nil }
        guard let low = trial.energyCi95LowJoules?.rawValue, let high = trial.energyCi95HighJoules?.rawValue, low > 0
        else { return ProfileValue(value) }
        return inverse
            ? ProfileValue(value, low: value * energy / high, high: value * energy / low)
            : ProfileValue(value, low: value * low / energy, high: value * high / energy)
    }

    private static func clock(_ trial: TrialRecord) -> Double? {
        trial.conditions?.measuredClockAfter?.medianHertz.rawValue ?? trial.conditions?.clockHertz?.rawValue
    }

    private static func merged(_ values: [ProfileValue?]) -> ProfileValue? {
        let known = values.compactMap(\.self)
        guard known.count == values.count, let middle = Statistics.median(known.map(\.value)) else { return nil }
        let lows = known.compactMap(\.ci95Low)
        let highs = known.compactMap(\.ci95High)
        guard lows.count == known.count, highs.count == known.count else { return ProfileValue(middle) }
        return ProfileValue(middle, low: lows.min(), high: highs.max())
    }
}

extension RatedPoint {
    /// A measured point; `nil` without speed or efficiency.
    init?(_ record: OperatingPointRecord) {
        guard let speed = record.workPerSecond, let efficiency = record.workPerJoule else { return nil }
        func limits(_ value: ProfileValue) -> Limits? {
            value.ci95Low.flatMap { low in value.ci95High.map { Limits(low: low, high: $0) } }
        }
        self.init(
            number: record.number, speed: speed.value, speedLimits: limits(speed), efficiency: efficiency.value,
            efficiencyLimits: limits(efficiency))
    }
}
