import NodeModel

/// A sweep as people read it.
struct SweepText {
    private let document: SweepDocument
    private var sweep: OperatingPoints { document.operatingPoints }

    init(_ document: SweepDocument) { self.document = document }

    var lines: [String] { [heading, ""] + table + [""] + (verdict + notes).map(Terminal.printable) }

    private var heading: String {
        let what = [sweep.workload.rawValue, sweep.precision?.rawValue, sweep.model ?? sweep.shape].compactMap(\.self)
        let marks = document.simulated ? ", SIMULATED power" : ""
        return
            "\(what.joined(separator: " ")) on \(sweep.device), \(UnitFormat.digits(sweep.secondsPerPoint)) s a point\(marks)"
    }

    private var isRated: Bool { !sweep.paretoFront.isEmpty }

    private var table: [String] {
        let numbers = Array(repeating: TextTable.Alignment.right, count: settingHeads.count + 6)
        var table = TextTable(numbers + [.left, .left])
        table.add(
            ["point"] + settingHeads + ["speed", "±", "power", "work per J", "clock", "energy is", ""])
        for point in sweep.points { table.add(row(point)) }
        return table.lines
    }

    private var settingHeads: [String] {
        ["threads", "cap", "clock limit", "GPU cap"].enumerated().map { index, head in varies(index) ? head : "" }
            .filter { !$0.isEmpty }
    }

    private func varies(_ axis: Int) -> Bool {
        sweep.points.contains { point in
            let setting = point.inForce
            return [
                setting.threads != nil, setting.powerCapWatts != nil, setting.frequencyHertz != nil,
                setting.gpuPowerWatts != nil,
            ][axis]
        }
    }

    private func settings(_ point: OperatingPointRecord) -> [String] {
        let setting = point.status == .measured ? point.inForce : point.wanted
        let cells = [
            setting.threads.map { "\($0)" }, setting.powerCapWatts.map { UnitFormat.digits($0) + " W" },
            setting.frequencyHertz.map { UnitFormat.scaled($0, "Hz") },
            setting.gpuPowerWatts.map { UnitFormat.digits($0) + " W" },
        ]
        return cells.enumerated().filter { varies($0.offset) }.map { $0.element ?? "" }
    }

    private func row(_ point: OperatingPointRecord) -> [String] {
        let start = ["\(point.number)"] + settings(point)
        guard let speed = point.workPerSecond else {
            return start + [
                "", "", "", "", "", "", Terminal.printable("\(point.status.rawValue): \(point.reason ?? "")"),
            ]
        }
        return start + [
            UnitFormat.scaled(speed.value, Self.rates[sweep.workUnit] ?? "/s"), Self.uncertainty(speed),
            point.powerWatts.map { UnitFormat.digits($0.value) + " W" } ?? "",
            isRated
                ? point.workPerJoule.map { UnitFormat.scaled($0.value, Self.amounts[sweep.workUnit] ?? "") } ?? "" : "",
            point.clockHertz.map { UnitFormat.scaled($0, "Hz") } ?? "", point.energyGrade.rawValue, marks(point),
        ]
    }

    private func marks(_ point: OperatingPointRecord) -> String {
        let marks: [(Bool, String)] = [
            (point.number == 0, "as found"), (point.onParetoFront == true, "on the front"),
            (
                point.number == sweep.mostEfficient,
                sweep.asEfficient.isEmpty ? "MOST EFFICIENT" : "best, not told apart"
            ),
            (sweep.asEfficient.contains(point.number), "as efficient"),
            (point.number == sweep.knee, "knee"), (point.throttled == true, "throttled"),
            (!point.disturbances.isEmpty, "disturbed"),
        ]
        return marks.filter(\.0).map(\.1).joined(separator: ", ")
    }

    private var verdict: [String] {
        var lines: [String] = []
        if let best = sweep.mostEfficient {
            let rivals = sweep.asEfficient.map(String.init).joined(separator: ", ")
            lines.append(
                "Most efficient: point \(best)"
                    + (rivals.isEmpty ? "" : "; the intervals do not tell it apart from \(rivals)"))
        }
        if let knee = sweep.knee {
            lines.append("Knee of the front: point \(knee) (farthest from the line between its ends)")
        }
        if let drift = sweep.drift {
            let means =
                sweep.driftIsSignificant == true
                ? "more than the intervals: compare points with care" : "within the intervals"
            lines.append("Drift of the setting as found, end against beginning: \(UnitFormat.percent(drift)), \(means)")
        }
        return lines
    }

    private var notes: [String] {
        let disturbed = sweep.points.filter { !$0.disturbances.isEmpty }.map {
            "Point \($0.number): \($0.disturbances.joined(separator: "; "))"
        }
        return sweep.notes.map { "Note: \($0)" } + disturbed
            + (document.restored ? [] : ["NOT PUT BACK: " + document.restoreProblems.joined(separator: "; ")])
            + (document.interrupted ? ["Interrupted: what was changed is put back."] : [])
    }

    private static func uncertainty(_ value: ProfileValue) -> String {
        guard let low = value.ci95Low, let high = value.ci95High, value.value > 0 else { return "" }
        return UnitFormat.percent((high - low) / 2 / value.value)
    }

    private static let rates: [WorkUnit: String] = [
        .flop: "FLOPS", .operation: "OPS", .byte: "B/s", .token: "tokens/s", .access: "accesses/s",
        .launch: "launches/s",
    ]
    private static let amounts: [WorkUnit: String] = [
        .flop: "FLOP", .operation: "operations", .byte: "B", .token: "tokens", .access: "accesses", .launch: "launches",
    ]
}
