import FoundationEssentials
public import NodeModel

extension NodeProfile {
    /// How long a profile's figures are taken to hold.
    public static let defaultValidityDays = 30

    /// Derives a node's profile from one session; only measured and verified trials enter it, no variations.
    ///
    /// Of several trials with the same device, figure, format, size, model, batch and context the last counts.
    ///
    /// - Parameters:
    ///   - session: The session.
    ///   - validDays: How many days after the measurement the profile expires, at least 1.
    ///   - allowSimulated: Whether simulated or foreign figures are accepted; the profile is then marked so.
    /// - Throws: ``UsageError`` when the session is simulated or foreign and that was not asked for, or holds no
    ///   verified figure; ``InputError`` when its times are not RFC 3339.
    public init(session: SessionRecord, validDays: Int = defaultValidityDays, allowSimulated: Bool = false) throws {
        let simulated = session.simulated || !session.isThisSystem || session.trials.contains(where: \.simulated)
        guard !simulated || allowSimulated else {
            throw UsageError(
                "session \(session.sessionId) is simulated or of another machine, and no profile is made of such "
                    + "figures unasked")
        }
        let devices = session.devices.map { device in
            DeviceCapabilities(device, figures: Self.figures(of: device.id, in: session.trials))
        }
        guard devices.contains(where: { !$0.figures.isEmpty }) else {
            throw UsageError(
                "session \(session.sessionId) holds no measured and verified figure, so there is nothing to profile")
        }
        let measuredAt = session.endedAt ?? session.startedAt
        self.init(
            session: session, measuredAt: measuredAt,
            expiresAt: try Self.expiry(measuredAt, days: max(validDays, 1), session: session.sessionId),
            simulated: simulated, devices: devices)
    }

    private static func expiry(_ measuredAt: String, days: Int, session: String) throws -> String {
        let plain = Date.ISO8601FormatStyle()
        let fractional = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard let date = (try? plain.parse(measuredAt)) ?? (try? fractional.parse(measuredAt)) else {
            throw InputError(
                source: "session \(session)", place: "ended_at", problem: "'\(measuredAt)' is not an RFC 3339 time")
        }
        return date.addingTimeInterval(Double(days) * 86_400).formatted(plain)
    }

    private static func figures(of device: DeviceID, in trials: [TrialRecord]) -> [Capability] {
        var figures: [Capability] = []
        for trial in trials
        where trial.device == device && trial.status == .measured && trial.verified && trial.variation == nil {
            // A product's figure is that of sums as exact as f32's.
            guard trial.accumulator != .f16, let figure = Capability(trial) else { continue }
            figures.removeAll { $0.measuresTheSame(as: figure) }
            figures.append(figure)
        }
        return figures
    }
}

extension Capability {
    /// Whether the other figure was measured in the same way, so that it may replace this one.
    fileprivate func measuresTheSame(as other: Capability) -> Bool {
        name == other.name && precision == other.precision && shape == other.shape && model == other.model
            && quantization == other.quantization && batch == other.batch && contextTokens == other.contextTokens
            && newTokens == other.newTokens
    }

    /// The figure of a trial; `nil` when the trial has no rate, or is of a kind that profiles do not hold.
    fileprivate init?(_ trial: TrialRecord) {
        guard let (name, rate) = Self.rate(of: trial), rate.isFinite, rate > 0 else { return nil }
        self.init(name, measured: Self.interval(of: rate, trial: trial), verified: trial.verified)
        precision = trial.precision
        shape = trial.shape
        model = trial.model
        quantization = trial.quantization
        batch = trial.batch
        contextTokens = trial.contextTokens
        newTokens = trial.newTokens
        fractionOfPeak = trial.fractionOfPeak
        disturbances = trial.disturbances
        currency = trial.currency
        addEnergy(of: trial)
    }

    private static func rate(of trial: TrialRecord) -> (CapabilityName, Double)? {
        switch trial.workload {
        case .peak: trial.flopsPerSecond.map { (.peakFlopsPerSecond, $0.rawValue) }
        case .bandwidth: trial.isDRAMRead ? trial.bytesPerSecond.map { (.readBytesPerSecond, $0.rawValue) } : nil
        case .latency, .transfer, .launch, .softmax, .rmsnorm, .attention: nil
        case .gemm: trial.flopsPerSecond.map { (.gemmFlopsPerSecond, $0.rawValue) }
        case .gemv: trial.bytesPerSecond.map { (.gemvBytesPerSecond, $0.rawValue) }
        case .llm:
            trial.tokensPerSecond.map {
                (trial.phase == "decode" ? .decodeTokensPerSecond : .prefillTokensPerSecond, $0)
            }
        }
    }

    /// A rate is inverse to the time, so the limits swap.
    private static func interval(of rate: Double, trial: TrialRecord) -> ProfileValue {
        guard let median = trial.medianSeconds, let low = trial.ci95LowSeconds, let high = trial.ci95HighSeconds,
            median > 0, low > 0, high >= low
        else { return ProfileValue(rate) }
        return ProfileValue(rate, low: rate * median / high, high: rate * median / low)
    }

    private mutating func addEnergy(of trial: TrialRecord) {
        guard trial.energyGrade != .none, let energy = trial.energyJoules?.rawValue, energy > 0 else { return }
        energyGrade = trial.energyGrade
        energySources = trial.energySources
        let low = trial.energyCi95LowJoules.map { $0.rawValue / energy }
        let high = trial.energyCi95HighJoules.map { $0.rawValue / energy }
        func proportional(_ value: Double?) -> ProfileValue? {
            value.map { value in ProfileValue(value, low: low.map { $0 * value }, high: high.map { $0 * value }) }
        }
        powerWatts = proportional(trial.powerWatts?.rawValue)
        joulesPerToken = proportional(trial.joulesPerToken)
        gramsCo2ePerMillionTokens = proportional(trial.gramsCo2ePerMillionTokens)
        gramsCo2ePerMillionTokensMarket = proportional(trial.gramsCo2ePerMillionTokensMarket)
        costPerMillionTokens = proportional(trial.costPerMillionTokens)
        flopsPerWatt = trial.flopsPerWatt.map { value in
            ProfileValue(
                value, low: high.flatMap { $0 > 0 ? value / $0 : nil }, high: low.flatMap { $0 > 0 ? value / $0 : nil })
        }
    }
}
