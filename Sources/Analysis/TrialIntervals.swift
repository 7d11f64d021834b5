public import NodeModel

/// The 95 % intervals of a record's derived figures.
public enum TrialIntervals {
    private struct Row: Sendable {
        var key: String
        var value: @Sendable (TrialRecord) -> Double?
        /// Which intervals the figure takes over, and whether it falls when they rise.
        var scaling: Scaling
    }

    private enum Scaling: Sendable {
        case time, inverseTime, energy, inverseEnergy
    }

    private static let rows: [Row] = [
        Row(key: "flops_per_second", value: { $0.flopsPerSecond?.rawValue }, scaling: .inverseTime),
        Row(key: "bytes_per_second", value: { $0.bytesPerSecond?.rawValue }, scaling: .inverseTime),
        Row(key: "tokens_per_second", value: { $0.tokensPerSecond }, scaling: .inverseTime),
        Row(key: "latency_seconds", value: { $0.latencySeconds }, scaling: .time),
        Row(key: "energy_net_joules", value: { $0.energyNetJoules?.rawValue }, scaling: .energy),
        Row(key: "power_watts", value: { $0.powerWatts?.rawValue }, scaling: .energy),
        Row(key: "joules_per_token", value: { $0.joulesPerToken }, scaling: .energy),
        Row(key: "grams_co2e_per_million_tokens", value: { $0.gramsCo2ePerMillionTokens }, scaling: .energy),
        Row(
            key: "grams_co2e_per_million_tokens_market", value: { $0.gramsCo2ePerMillionTokensMarket }, scaling: .energy
        ),
        Row(key: "cost_per_million_tokens", value: { $0.costPerMillionTokens }, scaling: .energy),
        Row(key: "flops_per_watt", value: { $0.flopsPerWatt }, scaling: .inverseEnergy),
        Row(key: "flops_per_watt_net", value: { $0.flopsPerWattNet }, scaling: .inverseEnergy),
    ]

    /// The intervals of all figures a record has, by their keys.
    ///
    /// A rate and a latency take over the interval of the median time, everything else that of the energy, widened by how
    /// well the mean of the repetitions' times is known. Net figures take over the relative interval of the gross energy,
    /// to which the idle power's own error would have to be added.
    public static func of(_ record: TrialRecord) -> [String: Limits] {
        var result: [String: Limits] = [:]
        for row in rows {
            guard let value = row.value(record), let factors = factors(row.scaling, record) else { continue }
            result[row.key] = Limits(low: value * factors.low, high: value * factors.high)
        }
        return result
    }

    private static func factors(_ scaling: Scaling, _ record: TrialRecord) -> Limits? {
        switch scaling {
        case .time: return timeFactors(record)
        case .inverseTime:
            return timeFactors(record).flatMap { $0.low > 0 ? Limits(low: 1 / $0.high, high: 1 / $0.low) : nil }
        case .energy: return energyFactors(record)
        case .inverseEnergy:
            return energyFactors(record).flatMap { $0.low > 0 ? Limits(low: 1 / $0.high, high: 1 / $0.low) : nil }
        }
    }

    private static func timeFactors(_ record: TrialRecord) -> Limits? {
        guard let median = record.medianSeconds, let low = record.ci95LowSeconds, let high = record.ci95HighSeconds,
            median > 0
        else { return nil }
        return Limits(low: low / median, high: high / median)
    }

    private static func energyFactors(_ record: TrialRecord) -> Limits? {
        guard let energy = record.energyJoules, let low = record.energyCi95LowJoules,
            let high = record.energyCi95HighJoules, energy > .zero
        else { return nil }
        // The energy of a repetition varies at least as its time does: once more, it would come out a little different.
        let repetition = Statistics.meanPrecision(record.samplesSeconds)
        return Limits(low: max(0, low / energy - repetition), high: high / energy + repetition)
    }
}
