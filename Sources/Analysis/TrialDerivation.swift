public import NodeModel

/// The measured ceilings of one device, against which its other figures are held.
public struct DeviceCeilings: Hashable, Sendable {
    /// The register-only peaks by format.
    public var flopsPerSecond: [Precision: FlopsPerSecond]
    /// Formats without arithmetic of their own: what is computed in them runs as f32.
    public var computedAsF32: Set<Precision> = []
    /// The DRAM read bandwidth.
    public var bytesPerSecond: BytesPerSecond?

    /// Creates ceilings; unknown until measured.
    public init(flopsPerSecond: [Precision: FlopsPerSecond] = [:], bytesPerSecond: BytesPerSecond? = nil) {
        self.flopsPerSecond = flopsPerSecond
        self.bytesPerSecond = bytesPerSecond
    }

    /// Takes a measured trial in: a peak or a read of DRAM raises its ceiling.
    ///
    /// A figure that says of itself that it is no ceiling is left out.
    public mutating func absorb(_ trial: TrialRecord) {
        if trial.workload == .peak, trial.status == .unsupported, let format = trial.precision,
            [.f16, .bf16].contains(format)
        {
            computedAsF32.insert(format)
        }
        guard trial.status == .measured, !trial.disturbances.contains(TrialPlan.noCeiling) else { return }
        if trial.workload == .peak, let rate = trial.flopsPerSecond, let format = trial.precision {
            flopsPerSecond[format] = max(rate, flopsPerSecond[format] ?? .zero)
        }
        if trial.isDRAMRead, let rate = trial.bytesPerSecond {
            bytesPerSecond = max(rate, bytesPerSecond ?? .zero)
        }
    }

    /// Takes the better of each ceiling.
    public mutating func raise(to other: DeviceCeilings) {
        flopsPerSecond.merge(other.flopsPerSecond, uniquingKeysWith: max)
        bytesPerSecond = [bytesPerSecond, other.bytesPerSecond].compactMap(\.self).max()
    }

    /// The peak that bounds a computation in some format; `nil` when it was not measured.
    public func peak(of format: Precision) -> FlopsPerSecond? {
        flopsPerSecond[computedAsF32.contains(format) ? .f32 : format]
    }
}

/// Turns a measurement into a record: pure arithmetic, no clock, no meter, no printing.
public enum TrialDerivation {
    /// Derives the record of a trial.
    ///
    /// - Parameters:
    ///   - plan: What was asked.
    ///   - device: What the device is made for; its energy is only known when a meter sees it.
    ///   - measurement: What was gathered.
    ///   - ceilings: What the same device reached before.
    ///   - idle: Idle power, for net energy.
    ///   - site: The site's facts.
    /// - Returns: A measured record, or a failed one without any speed when the verification failed.
    public static func record(
        plan: TrialPlan, device: DeviceKind, measurement: Measurement, ceilings: DeviceCeilings, idle: IdleBaseline,
        site: SiteFacts
    ) -> TrialRecord {
        var record = TrialRecord(plan: plan, status: .measured)
        record.verification = measurement.verification.finite
        record.verified = measurement.verification.passed
        record.notes = measurement.notes
        record.conditions = measurement.conditions
        guard record.verified else {
            record.status = .failed
            record.reason = "result wrong: \(measurement.verification.detail ?? measurement.verification.method)"
            return record
        }
        addSpeed(to: &record, measurement)
        if measurement.energy.sees(device) {
            addEnergy(to: &record, measurement)
        } else {
            record.disturbances.append("no meter sees this device, so its energy is not known")
        }
        addFraction(to: &record, ceilings)
        record.disturbances += plan.caveat.map { [$0] } ?? []
        record.disturbances += Disturbance.find(in: record)
        return addingSiteFigures(to: record, idle: idle, site: site)
    }

    private static func addSpeed(to record: inout TrialRecord, _ measurement: Measurement) {
        record.samplesSeconds = measurement.samples.map(\.rawValue)
        record.stopReason = measurement.stop
        record.repetitions = measurement.repetitionsPerBatch
        record.flops = measurement.work.flops
        record.bytes = measurement.work.bytes
        guard let median = Statistics.median(record.samplesSeconds), median > 0,
            let interval = Statistics.medianInterval(record.samplesSeconds)
        else { return }
        record.medianSeconds = median
        record.burstSeconds = measurement.burst?.rawValue
        record.ci95LowSeconds = interval.lowerBound
        record.ci95HighSeconds = interval.upperBound
        record.flopsPerSecond = measurement.work.flops.map { $0 / Seconds(median) }
        // The operands of a product over its time say nothing of the memory: caches serve them many times.
        if record.workload.isCountedInBytes || record.workload == .llm {
            record.bytesPerSecond = measurement.work.bytes.map { BytesPerSecond($0 / median) }
        }
        record.tokensPerSecond = measurement.work.tokens.map { $0 / median }
        record.latencySeconds = measurement.work.hops.map { median / $0 }
        let latencies = Percentiles(measurement.latencies.map(\.rawValue))
        if record.phase == InferencePhase.prefill.rawValue { record.timeToFirstTokenSeconds = latencies }
        if record.phase == InferencePhase.decode.rawValue { record.timePerOutputTokenSeconds = latencies }
    }

    private static func addEnergy(to record: inout TrialRecord, _ measurement: Measurement) {
        let energy = measurement.energy
        record.energyDomains = energy.domains
        record.energyWindowSeconds = energy.durationSeconds
        record.energyRepetitions = measurement.windowRepetitions
        guard let total = energy.total, total.value > .zero else { return }
        record.energyGrade = energy.grade
        record.energySources = energy.sources
        record.energyJoules = total.value
        record.energyCi95LowJoules = total.low
        record.energyCi95HighJoules = total.high
        record.powerWatts = energy.power?.value
        let repetitions = Double(measurement.windowRepetitions)
        record.flopsPerWatt = measurement.work.flops.map { $0.rawValue * repetitions / total.value.rawValue }
        record.joulesPerToken = measurement.work.tokens.map { total.value.rawValue / ($0 * repetitions) }
    }

    /// LLM decode, its parts and matrix times vector are held against the read bandwidth, compute against the peak.
    private static func addFraction(to record: inout TrialRecord, _ ceilings: DeviceCeilings) {
        switch record.workload {
        case .peak, .bandwidth, .latency, .transfer, .launch: record.fractionOfPeak = nil
        case .gemm:
            // The peaks are of a device's ordinary arithmetic, which bounds nothing of its matrix engine.
            if record.engine == nil, let rate = record.flopsPerSecond,
                let peak = record.precision.flatMap(ceilings.peak)
            {
                record.fractionOfPeak = rate / peak
            }
        case .llm: addRoofline(to: &record, ceilings)
        case .gemv, .softmax, .rmsnorm, .attention:
            if let rate = record.bytesPerSecond, let peak = ceilings.bytesPerSecond {
                record.fractionOfPeak = rate / peak
            }
        }
    }

    /// A pass can be no faster than its bytes at the read bandwidth, nor than its operations at the peak; the later of the
    /// two is the limit, and what it leaves of the measured time the fraction.
    ///
    /// Without the peak a prompt's limit is not known: it may be either.
    private static func addRoofline(to record: inout TrialRecord, _ ceilings: DeviceCeilings) {
        guard let seconds = record.medianSeconds, let bytes = record.bytes, let flops = record.flops,
            let bandwidth = ceilings.bytesPerSecond, seconds > 0
        else { return }
        let peak = record.precision.flatMap { ceilings.peak(of: computed($0)) }
        let reading = bytes / bandwidth.rawValue
        let computing = peak.map { flops.rawValue / $0.rawValue }
        if let computing {
            record.rooflineLimit = computing > reading ? .compute : .memory
            record.fractionOfPeak = max(computing, reading) / seconds
        } else if record.phase == InferencePhase.decode.rawValue, record.batch == 1 {
            (record.rooflineLimit, record.fractionOfPeak) = (.memory, reading / seconds)
        }
    }

    /// The format a model's products are computed in: weights in blocks meet activations of eight bits.
    private static func computed(_ weights: Precision) -> Precision {
        switch weights {
        case .q8, .q4: .i8
        case .f16: .f32
        default: weights
        }
    }

    /// The least share of the gross energy that counts as energy above idle.
    static let smallestNetShare = 0.02

    /// Adds what depends on the idle power and the site, which are known for sure only at the end of a run.
    ///
    /// - Parameters:
    ///   - record: A record, whatever its status.
    ///   - idle: Idle power.
    ///   - site: The site's facts.
    /// - Returns: The record with net energy, emissions and cost.
    public static func addingSiteFigures(to record: TrialRecord, idle: IdleBaseline, site: SiteFacts) -> TrialRecord {
        var record = record
        if let energy = record.energyJoules, let window = record.energyWindowSeconds, let watts = idle.watts,
            idle.grade == record.energyGrade
        {
            let net = energy - watts * window
            // A difference this small of two readings is noise, and a ratio to it would be any number.
            let isKnown = net > energy * Self.smallestNetShare
            record.energyNetJoules = isKnown ? net : nil
            if isKnown, let flops = record.flops, let repetitions = record.energyRepetitions {
                record.flopsPerWattNet = flops.rawValue * Double(repetitions) / net.rawValue
            }
        }
        if let joules = record.joulesPerToken {
            let figures = Carbon.perMillionTokens(energyPerToken: Joules(joules), site: site)
            record.gramsCo2ePerMillionTokens = figures.grams
            record.gramsCo2ePerMillionTokensMarket = figures.gramsMarket
            record.costPerMillionTokens = figures.cost
            record.currency = figures.cost == nil ? nil : site.currency?.value
        }
        record.ci95 = TrialIntervals.of(record)
        return record
    }
}

/// Says what disturbed a measurement.
public enum Disturbance {
    private struct Rule {
        var message: @Sendable (TrialRecord) -> String?
    }

    private static let rules: [Rule] = [
        Rule { trial in
            guard let steal = trial.conditions?.stealFraction, steal > 0.01 else { return nil }
            return "the hypervisor took \(percent(steal)) of the processors' time"
        },
        Rule { trial in
            guard let waiting = trial.conditions?.waitingFraction, waiting > 0.01 else { return nil }
            return "other programs kept its threads waiting for \(percent(waiting)) of their time"
        },
        Rule { trial in
            guard let stops = trial.conditions?.quotaStops, stops > 0 else { return nil }
            return "the control group's quota stopped it \(stops) times, so the median says what it does between stops"
        },
        Rule { trial in
            guard let variation = trial.conditions?.clockVariation, variation > 0.05 else { return nil }
            return "the clock varied by \(percent(variation))"
        },
        Rule { trial in
            guard let before = trial.conditions?.measuredClockBefore?.medianHertz.rawValue,
                let after = trial.conditions?.measuredClockAfter?.medianHertz.rawValue, before > 0,
                abs(after / before - 1) > 0.03
            else { return nil }
            return "the measured clock went from \(gigahertz(before)) to \(gigahertz(after)) GHz"
        },
        Rule { trial in
            let count = trial.samplesSeconds.count
            return (1..<6).contains(count) ? "only \(count) samples: the interval is their range, not 95 %" : nil
        },
        Rule { trial in
            guard let events = trial.conditions?.throttleEvents, events > 0 else { return nil }
            return "\(events) thermal throttling events"
        },
        Rule { trial in
            guard let gpu = trial.conditions?.gpu, !gpu.throttleReasons.isEmpty else { return nil }
            let words = gpu.throttleReasons.map { $0.split(separator: "_").joined(separator: " ") }
            return "the GPU's clocks were held back: \(words.joined(separator: ", "))"
        },
        Rule { trial in
            let spread = Statistics.relativeSpread(trial.samplesSeconds)
            return spread > 0.05 ? "samples scatter by \(percent(spread)) of the median" : nil
        },
        Rule { trial in
            let precision = Statistics.relativePrecision(trial.samplesSeconds)
            return precision > 0.03 && precision.isFinite ? "the median is only known to ±\(percent(precision))" : nil
        },
        Rule { trial in
            guard let fraction = trial.fractionOfPeak, fraction > 1 else { return nil }
            return "above the measured ceiling (\(percent(fraction))): the ceiling or this figure is wrong"
        },
        Rule { $0.notes[TrialRecord.paddingNote] },
        Rule { $0.notes[TrialRecord.tuningWarningNote] },
    ]

    /// Everything that disturbed a trial, in words.
    public static func find(in trial: TrialRecord) -> [String] { rules.compactMap { $0.message(trial) } }

    private static func percent(_ fraction: Double) -> String { "\((fraction * 1000).rounded() / 10) %" }

    private static func gigahertz(_ hertz: Double) -> String { "\((hertz / 1e7).rounded() / 100)" }
}

extension Verification {
    /// The same with a deviation that JSON can hold: what has none that counts is as far off as can be.
    fileprivate var finite: Verification {
        var result = self
        if !worst.isFinite { result.worst = .greatestFiniteMagnitude }
        return result
    }
}
