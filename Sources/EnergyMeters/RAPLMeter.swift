import Glibc
import HostProbe
public import NodeModel

/// A RAPL energy counter: one zone of the kernel's powercap tree.
///
/// The counter has 32 bits of a unit that the kernel does not publish; the largest value it publishes is
/// (2^32 - 1) units, which gives the unit, and one unit more gives the modulus.
public final class RAPLMeter: EnergyMeter, PowerBounded {
    /// The zone, graded counter.
    public let description: MeterDescription
    /// Twice the largest power limit of the zone, or what no package draws.
    public let plausibleWatts: Watts
    private let counter: any PowercapCounter
    private let rangeMicrojoules: UInt64
    private let clock: MeterClock

    init(_ zone: RAPLZone, counter: any PowercapCounter, options: MeterOptions, label: String, prefix: String) {
        let range = Double(zone.rangeMicrojoules) * 1e-6
        let unit = range / Double(UInt32.max)
        description = MeterDescription(
            id: "\(prefix):\(zone.address.name)", source: label, domain: zone.domain, grade: .counter,
            // The files hold whole microjoules, so no finer step can be seen.
            resolutionJoules: Joules(max(unit, 1e-6)), updatePeriodSeconds: Seconds(1e-3),
            wrapRangeJoules: Joules(range + unit),
            relativeUncertainty: Self.relativeUncertainty(options.processor), boundary: Self.boundary(zone.domain))
        plausibleWatts = zone.plausibleWatts
        rangeMicrojoules = zone.rangeMicrojoules
        self.counter = counter
        self.clock = options.clock
    }

    /// Reads the meter now.
    ///
    /// - Returns: The counter, in steps of whole microjoules.
    /// - Throws: `SystemFailure` when the file cannot be read or holds no value of this counter.
    public func read() throws -> TimedReading {
        do {
            for _ in 1..<Self.tries {
                let before = clock.now()
                let reading = try readOnce()
                if reading.instant.since(before) < Self.quick { return reading }
            }
            return try readOnce()
        } catch let failure as PowercapFailure {
            throw failure.systemFailure
        }
    }

    // Whoever is taken off the processor between the value and the clock pairs the one with the wrong other.
    private static let quick = Seconds(0.0005)
    private static let tries = 4

    private func readOnce() throws -> TimedReading {
        let value = try counter.microjoules()
        let instant = clock.now()
        guard value <= rangeMicrojoules else {
            throw SystemFailure(
                action: "reading \(description.id)",
                reason: "\(value) uJ is above the zone's largest value, \(rangeMicrojoules) uJ")
        }
        return TimedReading(instant: instant, reading: .counter(Joules(Double(value) * 1e-6)))
    }

    /// Half a 95 % interval: assumed, as no vendor publishes one: Intel measures since Haswell; AMD estimates from activity.
    static func relativeUncertainty(_ processor: ProcessorKind?) -> Double {
        processor?.vendor == "GenuineIntel" ? 0.03 : 0.05
    }

    /// What a domain of RAPL does not see.
    static func boundary(_ domain: EnergyDomain) -> String {
        let rest = "no power-supply loss, fans, disks, network cards, GPUs"
        return switch domain.kind {
        case .package: "the processor package; no memory, \(rest)"
        case .dram: "the package's memory channels; \(rest)"
        case .core: "the package's cores, already part of the package"
        case .uncore: "the package's graphics or uncore, already part of the package"
        case .platform: "the platform as the board's maker wired it, packages included; reported apart"
        default: "not known; reported apart"
        }
    }
}
