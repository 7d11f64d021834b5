import EnergyMeters
import Exporters
import FoundationEssentials
import HostProbe
import NodeModel

/// The idle power a command's energy is held against.
struct IdlePower {
    /// An idle power and where it comes from.
    struct Baseline {
        var watts: Watts
        var origin: String
    }

    let metering: EnergyAccumulator
    let seconds: Seconds
    let signals: ForwardedSignals

    /// Meters the node while nothing of ours runs; nothing where no time was asked for.
    ///
    /// A signal ends it early.
    ///
    /// - Returns: The window, and the signal that ended it or came before.
    func measure() -> (window: WindowEnergy?, signal: Int32?) {
        guard seconds > .zero else { return (nil, signals.pause(.zero)) }
        metering.beginWindow()
        let signal = signals.pause(seconds)
        return (metering.endWindow(), signal)
    }

    /// The mean of what was measured, else what the node's own profile says.
    ///
    /// - Parameters:
    ///   - before: The window before the command.
    ///   - after: The window after it.
    ///   - grade: The grade of the command's energy; figures of another grade are not held against it.
    ///   - node: The running node.
    /// - Returns: The idle power; `nil` where none is known.
    func baseline(_ before: WindowEnergy?, after: WindowEnergy?, grade: EnergyGrade, _ node: MeterAssembly) -> Baseline?
    {
        let powers = [before, after].compactMap(\.self).filter { $0.grade == grade }.compactMap(\.power?.value)
        if !powers.isEmpty {
            let mean = powers.reduce(.zero, +) / Double(powers.count)
            return Baseline(watts: mean, origin: powers.count == 2 ? "measured before and after" : "measured")
        }
        return before == nil ? fromProfile(grade, node) : nil
    }

    private func fromProfile(_ grade: EnergyGrade, _ node: MeterAssembly) -> Baseline? {
        let host = node.probe.hostName
        let directory = ResultsDirectory.resolve(nil, environment: node.environment)
        let path = ResultsDirectory.profilePath(host: host, in: directory)
        // A profile that is not there, or is not one, is no reason to say nothing of the command.
        guard FileManager.default.fileExists(atPath: path), let profile = try? ProfileWriter.read(path),
            profile.node.host == host, !profile.simulated, profile.idle.grade == grade, let watts = profile.idle.watts
        else { return nil }
        return Baseline(watts: watts, origin: "profile of \(profile.measuredAt)")
    }
}
