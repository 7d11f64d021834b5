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

    /// An idle power measured at another time.
    struct Recorded {
        var baseline: Baseline
        var grade: EnergyGrade
    }

    /// What is needed of a profile; reading all of it takes milliseconds of the command's processors.
    private struct Excerpt: Decodable {
        struct Host: Decodable {
            var host: String
        }
        var node: Host
        var simulated: Bool
        var measuredAt: String
        var idle: IdleBaseline
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
    ///   - recorded: What the profile says.
    ///   - grade: The grade of the command's energy; figures of another grade are not held against it.
    /// - Returns: The idle power; `nil` where none is known.
    func baseline(_ before: WindowEnergy?, after: WindowEnergy?, recorded: Recorded?, grade: EnergyGrade) -> Baseline? {
        let powers = [before, after].compactMap(\.self).filter { $0.grade == grade }.compactMap(\.power?.value)
        if !powers.isEmpty {
            let mean = powers.reduce(.zero, +) / Double(powers.count)
            return Baseline(watts: mean, origin: powers.count == 2 ? "measured before and after" : "measured")
        }
        return before == nil && recorded?.grade == grade ? recorded?.baseline : nil
    }

    /// Reads the node's own profile.
    ///
    /// - Parameter node: The running node.
    /// - Returns: Its idle power; `nil` where there is none.
    static func recorded(_ node: MeterAssembly) -> Recorded? {
        let host = node.probe.hostName
        let directory = ResultsDirectory.resolve(nil, environment: node.environment)
        let path = ResultsDirectory.profilePath(host: host, in: directory)
        // A profile that is not there, or is not one, is no reason to say nothing of the command.
        guard FileManager.default.fileExists(atPath: path),
            let profile = try? ProfileWriter.read(Excerpt.self, from: path),
            profile.node.host == host, !profile.simulated, let watts = profile.idle.watts
        else { return nil }
        return Recorded(
            baseline: Baseline(watts: watts, origin: "profile of \(profile.measuredAt)"), grade: profile.idle.grade)
    }
}
