import Glibc
package import HostProbe
public import NodeModel

/// RAPL through the kernel's `power` PMU: one event on one processor of each package.
///
/// The kernel reads the registers often enough by itself that the count never wraps, which powercap leaves to its
/// reader; so this source of a domain is preferred.
public final class PerfMeter: EnergyMeter {
    /// The event, graded counter.
    public let description: MeterDescription
    private let counter: any PerfCounter
    private let scale: Double
    private let clock: MeterClock

    init(
        _ domain: EnergyDomain, _ event: PowerEvent, on processor: Int, _ counter: any PerfCounter,
        _ options: MeterOptions
    ) {
        description = MeterDescription(
            id: "perf:\(event.name):\(processor)", source: "perf_event", domain: domain, grade: .counter,
            resolutionJoules: Joules(Self.unit(domain.kind, options.processor)), updatePeriodSeconds: Seconds(1e-3),
            wrapRangeJoules: nil, relativeUncertainty: RAPLMeter.relativeUncertainty(options.processor),
            boundary: RAPLMeter.boundary(domain))
        self.counter = counter
        scale = event.scale
        clock = options.clock
    }

    /// Reads the meter now.
    ///
    /// - Returns: The energy since the event was opened.
    /// - Throws: `SystemFailure` when the event cannot be read, for example because its processor went offline.
    public func read() throws -> TimedReading {
        let count = try counter.count()
        return TimedReading(instant: clock.now(), reading: .counter(Joules(Double(count) * scale)))
    }

    /// The register's step in joules, which the count's own much smaller unit hides.
    ///
    /// 2⁻¹⁴ J is the coarsest the vendors use, but for psys on Sapphire and Emerald Rapids, where it is 1 J
    /// (arch/x86/events/rapl.c).
    private static func unit(_ kind: EnergyDomainKind, _ processor: ProcessorKind?) -> Double {
        guard kind == .platform, let processor, processor.vendor == "GenuineIntel", processor.family == 6 else {
            return 1.0 / 16_384
        }
        return [0x8f, 0xcf].contains(processor.model) ? 1 : 1.0 / 16_384
    }
}

extension PerfMeter {
    /// The catalogue's entry.
    public static let kind = MeterKind(
        name: "perf", file: "PerfMeter.swift", summary: "RAPL energy counters through perf_event (PMU power)"
    ) { options in
        // A captured tree holds no kernel that could be asked.
        options.capturedRoot == nil ? discover(HostRoot(), KernelPerf(), options) : MeterInventory()
    }

    /// Looks for the events.
    ///
    /// - Parameters:
    ///   - root: Where sysfs is.
    ///   - kernel: What opens events.
    ///   - options: What is known of the node.
    /// - Returns: One meter for each event and package, and why others are not there.
    package static func discover(_ root: HostRoot, _ kernel: some PerfOpening, _ options: MeterOptions)
        -> MeterInventory
    {
        let unit: PowerUnit
        do {
            guard let found = try PowerUnit.read(root) else { return MeterInventory() }
            unit = found
        } catch {
            return MeterInventory(unavailable: [Unavailable(subject: "perf power", reason: error.description)])
        }
        var inventory = MeterInventory()
        var refusals: [PerfRefusal: [String]] = [:]
        for place in places(unit.processors, root, options) {
            for event in unit.events {
                let domain = domain(event, at: place)
                do {
                    let counter = try kernel.open(type: unit.type, config: event.config, processor: place.processor)
                    inventory.meters.append(PerfMeter(domain, event, on: place.processor, counter, options))
                } catch {
                    refusals[error, default: []].append(domain.name)
                }
            }
        }
        inventory.unavailable = refusals.sorted { $0.key.errorNumber < $1.key.errorNumber }.map {
            PerfPermission.note($0.key, $0.value, root)
        }
        return inventory
    }

    /// A processor events are opened on, and what it stands for.
    struct Place: Hashable {
        var processor: Int
        var package: Int
        /// The die, where a package has several that count apart.
        var die: Int?
    }

    /// One place for each package, or die where dies count apart: AMD's and Hygon's all show the package's counter.
    static func places(_ processors: [Int], _ root: HostRoot, _ options: MeterOptions) -> [Place] {
        let topology = "/sys/devices/system/cpu/cpu"
        let all = processors.map { processor in
            Place(
                processor: processor,
                package: root.integer("\(topology)\(processor)/topology/physical_package_id") ?? 0,
                die: root.integer("\(topology)\(processor)/topology/die_id"))
        }
        return Dictionary(grouping: all, by: \.package).sorted { $0.key < $1.key }.flatMap { _, places -> [Place] in
            let places = places.sorted { $0.processor < $1.processor }
            let isOne = places.count == 1 || options.processor?.countsPerPackage == true
            return isOne ? places.prefix(1).map { Place(processor: $0.processor, package: $0.package) } : places
        }
    }

    /// The domain by the name powercap gives it, so that it is known to be the same.
    static func domain(_ event: PowerEvent, at place: Place) -> EnergyDomain {
        let package = "package-\(place.package)" + (place.die.map { "-die-\($0)" } ?? "")
        let name =
            switch event.kind {
            case .package: package
            case .platform: place.package == 0 ? "psys" : "psys-\(place.package)"
            default: "\(package)/\(event.kind.rawValue)"
            }
        return EnergyDomain(name: name, kind: event.kind, package: event.kind == .platform ? nil : place.package)
    }
}
