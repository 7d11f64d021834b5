import Analysis
import NodeModel

/// A session as people read it: devices and their trials, energy, carbon, warnings.
struct ResultText {
    let session: SessionRecord

    /// The columns of the table: a title, an alignment, and what stands in them.
    private struct Column: Sendable {
        var title: String
        var alignment: TextTable.Alignment
        var cell: @Sendable (TrialRecord) -> String
    }

    private static let columns: [Column] = [
        Column(title: "  workload", alignment: .left) { "  " + TrialText.name($0) },
        Column(title: "speed", alignment: .right) { $0.status == .measured ? TrialText.speed($0) : $0.status.rawValue },
        Column(title: "±95 %", alignment: .right, cell: precision),
        Column(title: "of ceiling", alignment: .right) { trial in
            trial.fractionOfPeak.map { UnitFormat.percent($0) + ($0 > 1 ? " !" : "") } ?? ""
        },
        Column(title: "power", alignment: .right) { trial in
            trial.powerWatts.map { UnitFormat.digits($0.rawValue) + " W" } ?? ""
        },
        Column(title: "efficiency", alignment: .right, cell: efficiency),
        Column(title: "net of idle", alignment: .right) { trial in
            trial.workload.isCountedInBytes || trial.workload == .llm
                ? ""
                : trial.flopsPerWattNet.map { UnitFormat.scaled($0, TrialText.operations(trial.precision) + "/W") }
                    ?? ""
        },
        Column(title: "energy is", alignment: .left) { $0.energyGrade == .none ? "" : $0.energyGrade.rawValue },
    ]

    private static func precision(_ trial: TrialRecord) -> String {
        guard trial.status == .measured else { return "" }
        let value = Statistics.relativePrecision(trial.samplesSeconds)
        return value.isFinite ? UnitFormat.percent(value) : ""
    }

    private static func efficiency(_ trial: TrialRecord) -> String {
        if let joules = trial.joulesPerToken { return "\(UnitFormat.digits(joules)) J/token" }
        if let bytes = trial.bytes, trial.workload.isCountedInBytes, let energy = trial.energyJoules,
            let repetitions = trial.energyRepetitions
        {
            return "\(UnitFormat.digits(energy.rawValue * 1e9 / (bytes * Double(repetitions)))) J/GB"
        }
        return trial.flopsPerWatt.map { UnitFormat.scaled($0, TrialText.operations(trial.precision) + "/W") } ?? ""
    }

    /// All lines.
    var lines: [String] {
        [header, ""] + table + [""] + clockLines + energyLines + carbonLines + problemLines + warningLines
    }

    private var header: String {
        let fingerprint = session.node.fingerprint
        let virtual = fingerprint.hypervisor.map { ", virtual (\($0))" } ?? ""
        return Terminal.printable(
            "\(session.node.host): \(fingerprint.cpuModel), \(fingerprint.shape), "
                + "\(UnitFormat.bytes(Double(fingerprint.memoryBytes)))\(virtual)")
    }

    private var table: [String] {
        var table = TextTable(Self.columns.map(\.alignment))
        table.add(Self.columns.map(\.title))
        var titles: [Int: String] = [:]
        var count = 1
        for device in session.devices {
            let trials = session.trials.filter { $0.device == device.id }
            guard !trials.isEmpty else { continue }
            titles[count] = Terminal.printable("\(device.id)  \(device.name) (\(device.driver))")
            for trial in trials { table.add(Self.columns.map { $0.cell(trial) }) }
            count += trials.count
        }
        return table.lines.enumerated().flatMap { index, line in (titles[index].map { [$0] } ?? []) + [line] }
    }

    /// The processors' clocks as measured beside the trials, slowest to fastest.
    private var clockLines: [String] {
        let spreads = session.trials.compactMap(\.conditions).flatMap {
            [$0.measuredClockBefore, $0.measuredClockAfter].compactMap(\.self)
        }
        guard let low = spreads.map(\.lowHertz.rawValue).min(), let high = spreads.map(\.highHertz.rawValue).max(),
            let median = Statistics.median(spreads.map(\.medianHertz.rawValue))
        else { return [] }
        let gigahertz = [median, low, high].map { UnitFormat.fixed($0 / 1e9, places: 2) }
        return ["Clock: \(gigahertz[0]) GHz measured beside the trials, from \(gigahertz[1]) to \(gigahertz[2])."]
    }

    private var energyLines: [String] {
        let grades = Set(session.trials.map(\.energyGrade)).subtracting([.none])
        guard let worst = grades.min() else {
            guard session.trials.contains(where: { $0.status == .measured }) else { return ["Nothing was measured."] }
            return ["Energy: not known. `nodewatt doctor` says what would enable it."]
        }
        let sources = Set(session.trials.flatMap(\.energySources)).sorted().joined(separator: ", ")
        let idle =
            session.idle.watts.map { " Idle \(UnitFormat.digits($0.rawValue)) W (\(idleWindows))." } ?? ""
        let widest = session.trials.compactMap(Self.energyUncertainty).max()
        let spread =
            widest.map {
                $0 < 2
                    ? ", ±\(UnitFormat.fixed(($0 - 1) * 100, places: 0)) %"
                    : ", within a factor of \(UnitFormat.fixed($0, places: 1))"
            } ?? ""
        let warning = worst == .modelled ? " Computed, not measured: do not compare with counters." : ""
        return [Terminal.printable("Energy: \(worst.rawValue) (\(sources)\(spread)).\(idle)\(warning)")]
    }

    private var idleWindows: String {
        session.idle.beforeWatts != nil && session.idle.afterWatts != nil
            ? "mean of before and after"
            : session.idle.beforeWatts != nil ? "before the trials only" : "after the trials only"
    }

    /// The upper limit of the energy as a multiple of it.
    private static func energyUncertainty(_ trial: TrialRecord) -> Double? {
        guard let energy = trial.energyJoules, let high = trial.energyCi95HighJoules else { return nil }
        return high / energy
    }

    private var carbonLines: [String] {
        let factor = session.site.factor.value
        let trials = session.trials.filter { $0.gramsCo2ePerMillionTokens != nil }
        guard !trials.isEmpty else { return [] }
        let year = factor.year.map { " \($0)" } ?? ""
        let (intensity, pue) = (UnitFormat.digits(factor.gramsPerKwh.rawValue), session.site.pue)
        let place =
            "\(factor.zone)\(year) \(intensity) g \(factor.gas)/kWh, \(factor.scope) "
            + "(\(session.site.factor.source)), PUE \(UnitFormat.digits(pue.value)) (\(pue.source))"
        return ["Carbon: \(Terminal.printable(place))"] + trials.map { Self.carbonLine($0, gas: factor.gas) }
    }

    private static func carbonLine(_ trial: TrialRecord, gas: String) -> String {
        var parts = ["\(UnitFormat.digits(trial.gramsCo2ePerMillionTokens ?? .nan)) g \(gas) per million tokens"]
        if let market = trial.gramsCo2ePerMillionTokensMarket {
            parts.append("\(UnitFormat.digits(market)) g market-based")
        }
        if let cost = trial.costPerMillionTokens {
            parts.append("\(UnitFormat.digits(cost)) \(trial.currency ?? "") per million tokens")
        }
        return "  \(trial.device)  \(TrialText.name(trial)): \(parts.joined(separator: ", ")) "
            + "(energy \(trial.energyGrade.rawValue))"
    }

    private var problemLines: [String] {
        let problems = session.trials.compactMap { trial -> String? in
            let remarks = [trial.reason].compactMap(\.self) + trial.disturbances
            guard !remarks.isEmpty else { return nil }
            return
                "\(trial.device) \(TrialText.name(trial)): \(trial.status.rawValue), \(remarks.joined(separator: "; "))"
        }
        let absent = session.unavailable.map { "\($0.subject): \($0.reason)" }
        let all = (problems + absent).map { "  " + Terminal.printable($0) }
        return all.isEmpty ? [] : ["", "Notes"] + all
    }

    private var warningLines: [String] {
        guard !session.warnings.isEmpty else { return [] }
        return ["", "Warnings"]
            + session.warnings.map { warning in
                "  " + Terminal.printable(warning.message + (warning.remedy.map { "  → \($0)" } ?? ""))
            }
    }
}
