import Analysis
import EnergyMeters
import Glibc
import NodeModel

/// The document of `nodewatt meter`.
struct MeterDocument: Encodable {
    let schema = "nodewatt.meter/1"
    let command: [String]
    let startedAt: String
    let simulated: Bool
    let durationSeconds: Seconds
    @ExplicitNull var energyJoules: Joules?
    @ExplicitNull var energyCi95LowJoules: Joules?
    @ExplicitNull var energyCi95HighJoules: Joules?
    @ExplicitNull var energyNetJoules: Joules?
    let energyGrade: EnergyGrade
    @ExplicitNull var powerWatts: Watts?
    @ExplicitNull var peakPowerWatts: Watts?
    @ExplicitNull var idlePowerWatts: Watts?
    @ExplicitNull var idleOrigin: String?
    @ExplicitNull var gramsCo2e: Double?
    let domains: [DomainEnergy]
    let unavailable: [Unavailable]
    let site: SiteFacts
    let userSeconds: Seconds
    let systemSeconds: Seconds
    let meteringProcessorSeconds: Seconds
    @ExplicitNull var slurmJobId: String?
    @ExplicitNull var slurmStepId: String?
    let exitStatus: Int32

    init(
        _ outcome: MeteredCommand.Outcome, idle: IdlePower.Baseline?, site: SiteFacts, startedAt: String,
        command: [String], simulated: Bool, unavailable: [Unavailable], environment: [String: String]
    ) {
        self.unavailable = unavailable
        self.command = command.map(Terminal.printable)
        self.startedAt = startedAt
        self.simulated = simulated
        self.site = site
        let energy = outcome.energy
        durationSeconds = energy.durationSeconds
        energyGrade = energy.grade
        domains = energy.domains
        exitStatus = outcome.ending.status
        userSeconds = Self.seconds(outcome.ending.usage.ru_utime)
        systemSeconds = Self.seconds(outcome.ending.usage.ru_stime)
        meteringProcessorSeconds = outcome.ownProcessorSeconds
        energyJoules = energy.total?.value
        energyCi95LowJoules = energy.total?.low
        energyCi95HighJoules = energy.total?.high
        powerWatts = energy.power?.value
        // The peak of samples means nothing beside a total that came from elsewhere.
        let counted = Set(energy.domains.filter(\.inTotal).map(\.name))
        peakPowerWatts = !counted.isEmpty && counted.isSubset(of: outcome.peakDomains) ? outcome.peak : nil
        idlePowerWatts = idle?.watts
        idleOrigin = idle?.origin
        if let total = energy.total, let idle {
            energyNetJoules = total.value - idle.watts * energy.durationSeconds
        }
        gramsCo2e = energy.total.map {
            Carbon.grams(energy: $0.value, pue: site.pue.value, intensity: site.factor.value.gramsPerKwh)
        }
        slurmJobId = environment["SLURM_JOB_ID"].map(Terminal.printable)
        slurmStepId = environment["SLURM_STEP_ID"].map(Terminal.printable)
    }

    private static func seconds(_ time: timeval) -> Seconds {
        Seconds(Double(time.tv_sec) + Double(time.tv_usec) * 1e-6)
    }
}

extension MeterDocument {
    /// The summary for people.
    var lines: [String] {
        let processor = "user \(digits(userSeconds)), system \(digits(systemSeconds))"
        var lines = ["", "Duration  \(digits(durationSeconds)) s (\(processor))"]
        if simulated { lines.append("SIMULATED: the power was given on the command line") }
        lines += energyLines + domains.map(line)
        // Most nodes lack RAPL for a reason that `meters` tells; what is there and does not work matters here.
        lines += unavailable.filter { $0.subject != "rapl" }.map {
            Terminal.printable("Not metered: \($0.subject): \($0.reason)")
        }
        if let slurmJobId {
            let step = slurmStepId.map { ", step \($0)" } ?? ""
            lines.append("Slurm job \(slurmJobId)\(step): the energy is the whole node's, other jobs on it included")
        }
        return lines
    }

    private var energyLines: [String] {
        guard let energyJoules, let powerWatts, let gramsCo2e else {
            return ["Energy    not known: `nodewatt doctor` says what would enable it"]
        }
        let low = digits(energyCi95LowJoules)
        let peak = peakPowerWatts.map { ", peak \(digits($0)) W" } ?? ""
        let idle = idlePowerWatts.map { ", idle \(digits($0)) W (\(idleOrigin ?? ""))" } ?? ""
        let place = "\(site.factor.value.zone), PUE \(UnitFormat.digits(site.pue.value))"
        return [
            "Energy    \(digits(energyJoules)) J (\(low) to \(digits(energyCi95HighJoules)) J), \(energyGrade.rawValue)"
        ] + netLines + [
            "Power     mean \(digits(powerWatts)) W\(peak)\(idle)",
            "Carbon    \(UnitFormat.digits(gramsCo2e)) g \(site.factor.value.gas) (\(place))",
        ]
    }

    /// What is above idle, where that is more than the energy is uncertain by.
    private var netLines: [String] {
        guard let net = energyNetJoules, let energyJoules, let high = energyCi95HighJoules else { return [] }
        guard net > high - energyJoules else { return ["Net       not to be told from idle"] }
        return ["Net       \(digits(net)) J above idle"]
    }

    private func line(_ domain: DomainEnergy) -> String {
        let energy = domain.energyJoules.map { "\(digits($0)) J, mean \(digits($0 / durationSeconds)) W" } ?? "–"
        let note = domain.inTotal ? "" : ", not in the total"
        let problem = domain.problem.map { ": \($0)" } ?? ""
        return "  "
            + Terminal.printable(
                "\(domain.name)  \(energy)  (\(domain.grade.rawValue), \(domain.source)\(note))\(problem)")
    }

    private func digits(_ quantity: (some Quantity)?) -> String { UnitFormat.digits(quantity?.rawValue ?? .nan) }
}
