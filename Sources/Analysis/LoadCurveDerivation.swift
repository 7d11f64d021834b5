public import NodeModel

/// Turns what was gathered at load levels into a curve; pure.
public enum LoadCurveDerivation {
    /// The record of one level.
    ///
    /// - Parameters:
    ///   - target: The level asked for, 0 to 1.
    ///   - duty: The fraction of all threads' time that the load worked.
    ///   - rates: The work per second of all threads in equal parts of the window.
    ///   - energy: The window's energy.
    ///   - conditions: How the machine was.
    /// - Returns: The record.
    public static func level(
        target: Double, duty: Double, rates: [Double], energy: WindowEnergy, conditions: MeasurementConditions
    ) -> LoadLevelRecord {
        var record = LoadLevelRecord(
            targetFraction: target, utilisationFraction: conditions.busyFraction, dutyFraction: duty,
            workPerSecond: speed(rates), energyGrade: energy.power == nil ? .none : energy.grade)
        record.powerWatts = energy.power.map {
            ProfileValue($0.value.rawValue, low: $0.low.rawValue, high: $0.high.rawValue)
        }
        record.clockHertz = target > 0 ? conditions.clockHertz?.rawValue : nil
        record.throttled = conditions.throttleEvents.map { $0 > 0 }
        if let steal = conditions.stealFraction, steal > 0.01 {
            record.disturbances.append("the hypervisor took \(percent(steal)) of the processors' time")
        }
        if let busy = conditions.busyFraction, abs(busy - target) > tolerance {
            record.disturbances.append(
                "the processors were busy for \(percent(busy)) of the time, not \(percent(target))")
        }
        return record
    }

    /// The mean of the parts; its interval needs at least two of them.
    private static func speed(_ rates: [Double]) -> ProfileValue {
        let mean = rates.isEmpty ? 0 : rates.reduce(0, +) / Double(rates.count)
        guard rates.count >= 2, mean > 0 else { return ProfileValue(mean) }
        let half = mean * Statistics.meanPrecision(rates)
        return ProfileValue(mean, low: max(mean - half, 0), high: mean + half)
    }

    /// A level that is missed by more than this is not the level.
    private static let tolerance = 0.05

    /// Fits P = k0 + k1·exp(k2·x) to a curve's levels, where each level has a utilisation and a power.
    ///
    /// - Parameter curve: The curve with its levels.
    /// - Returns: The curve with the fit, or with a note why there is none.
    public static func fitted(_ curve: LoadCurve) -> LoadCurve {
        var curve = curve
        curve.energyGrade = curve.levels.map(\.energyGrade).min() ?? .none
        let points = curve.levels.compactMap { level -> (percent: Double, watts: Double)? in
            guard let load = level.utilisationFraction, let power = level.powerWatts?.value else { return nil }
            return (load * 100, power)
        }
        if curve.energyGrade == .modelled {
            curve.notes.append("power is modelled from the same utilisation, so this curve only repeats the model")
        }
        guard points.count == curve.levels.count, Set(curve.levels.map(\.energyGrade)).count == 1 else {
            curve.notes.append("no fit: not every level has a utilisation and a power of the same grade")
            return curve
        }
        switch ExponentialFit.fit(points) {
        case .undetermined(let reason): curve.notes.append("no fit: \(reason)")
        case .fitted(let fit):
            curve.k0Watts = fit.curve.k0Watts
            curve.k1Watts = fit.curve.k1Watts
            curve.k2PerPercent = fit.curve.k2PerPercent
            curve.rSquared = fit.rSquared
            curve.residualsWatts = fit.residualsWatts
        }
        return curve
    }

    private static func percent(_ fraction: Double) -> String { "\((fraction * 1000).rounded() / 10) %" }
}
