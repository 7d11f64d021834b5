import Glibc
import HostProbe
import NodeModel

/// A zone of the tree, with what its meter needs to know.
struct RAPLZone {
    var address: PowercapAddress
    var domain: EnergyDomain
    var rangeMicrojoules: UInt64
    var plausibleWatts: Watts
}

extension RAPLMeter {
    /// The catalogue's entry.
    public static let kind = MeterKind(
        name: "rapl", file: "RAPLMeter.swift", summary: "RAPL energy counters through libpowercap"
    ) { options in
        guard let root = options.capturedRoot else { return discover(LibpowercapSource(), "rapl", options) }
        return discover(CapturedPowercapSource(path: root), "captured", options)
    }

    /// The power limit of each package in watts, in the order of the packages.
    ///
    /// The long-term limit is taken where a constraint has that name, else the first one. Constraints of any other
    /// name, such as `peak_power`, are left alone.
    ///
    /// - Parameter options: Where to read, and how many packages count.
    /// - Returns: One limit for each package that has one; empty where there is no powercap tree.
    public static func packagePowerCaps(_ options: MeterOptions = MeterOptions()) -> [Double] {
        guard let root = options.capturedRoot else { return powerCaps(LibpowercapSource(), options) }
        return powerCaps(CapturedPowercapSource(path: root), options)
    }

    private static func powerCaps(_ source: some PowercapSource, _ options: MeterOptions) -> [Double] {
        let zones = RAPLTree.controlTypes.flatMap { RAPLTree.zones($0, in: source) }
        let packages = zones.filter { $0.path.count == 1 }.compactMap { zone in
            (try? source.name(of: zone)).map { (zone, RAPLTree.domain($0, in: nil)) }
        }.filter { $0.1.kind == .package }
        let isOne = options.processor?.countsPerPackage == true
        let mirrors = RAPLTree.mirrors(
            packages.map(\.1), twins: isOne ? RAPLTree.dieTwins(packages.map(\.1)) : [:])
        return zip(packages, mirrors).filter { $0.1 == nil }.compactMap { package, _ in
            let limits = limits(of: package.0, in: source)
            return limits.first { $0.name == "long_term" }?.watts ?? limits.first?.watts
        }
    }

    /// The constraints of a zone that have a limit.
    private static func limits(of zone: PowercapAddress, in source: some PowercapSource) -> [(
        name: String, watts: Double
    )] {
        // The kernel numbers at most 10 constraints, without holes; RAPL has up to 3.
        (UInt32(0)..<10).compactMap { index in
            guard let limit = try? source.limitMicrowatts(index, of: zone), limit > 0 else { return nil }
            return ((try? source.constraintName(index, of: zone)) ?? "", Double(limit) * 1e-6)
        }
    }

    private static func discover(_ source: some PowercapSource, _ prefix: String, _ options: MeterOptions)
        -> MeterInventory
    {
        var found = Zones()
        for controlType in RAPLTree.controlTypes { collect(controlType, source, &found) }
        var inventory = MeterInventory(
            unavailable: RAPLPermission.note(found.failures, rules: options.permissionsDirectory))
        let mirrors = RAPLTree.mirrors(found.readable.map(\.zone.domain), twins: twins(found, source, options))
        for (entry, mirrored) in zip(found.readable, mirrors) {
            if let mirrored {
                inventory.unavailable.append(
                    Unavailable(
                        subject: "rapl \(entry.zone.address.name)",
                        reason: "shows the same energy as \(mirrored), which is counted already"))
            } else {
                inventory.meters.append(
                    RAPLMeter(entry.zone, counter: entry.counter, options: options, label: source.label, prefix: prefix)
                )
            }
        }
        inventory.unavailable += coverage(inventory.meters, found, source, options)
        return inventory
    }

    /// The top-level zones that show what another one shows: by their values where they run, else by who made the
    /// processor.
    private static func twins(_ found: Zones, _ source: some PowercapSource, _ options: MeterOptions) -> [String:
        String]
    {
        let domains = found.readable.map(\.zone.domain)
        let check = MirrorCheck(clock: options.clock)
        return RAPLTree.doubtful(domains, packages: options.expectedPackages).filter { name, holder in
            guard let one = found.readable.first(where: { $0.zone.domain.name == holder }),
                let other = found.readable.first(where: { $0.zone.domain.name == name })
            else { return false }
            let isDie = one.zone.domain.package == other.zone.domain.package
            let isRule = isDie && options.processor?.countsPerPackage == true
            // A copy was not taken at one moment, and does not run.
            guard source.isThisSystem, one.zone.rangeMicrojoules == other.zone.rangeMicrojoules else { return isRule }
            let evidence = check.compare(
                one.counter, other.counter, range: one.zone.rangeMicrojoules, watts: one.zone.plausibleWatts)
            return evidence == .same || (evidence == .unknown && isRule)
        }
    }

    private struct Zones {
        var readable: [(zone: RAPLZone, counter: any PowercapCounter)] = []
        var failures: [(zone: PowercapAddress, failure: PowercapFailure)] = []
        var seen = 0
    }

    private static func collect(_ controlType: String, _ source: some PowercapSource, _ found: inout Zones) {
        var parents: [PowercapAddress: (domain: EnergyDomain, watts: Watts)] = [:]
        for address in RAPLTree.zones(controlType, in: source) {
            found.seen += 1
            do {
                let parent = parents[PowercapAddress(controlType: controlType, path: address.path.dropLast())]
                let domain = RAPLTree.domain(try source.name(of: address), in: parent?.domain)
                let watts =
                    plausibleWatts(limits(of: address, in: source).map(\.watts)) ?? parent?.watts
                    ?? PlausiblePower.watts(domain.kind)
                parents[address] = (domain, watts)
                let range = try source.rangeMicrojoules(of: address)
                guard range > 0 else {
                    throw PowercapFailure(
                        path: source.path(address, "max_energy_range_uj"), errorNumber: EBADMSG, detail: "it is 0")
                }
                let counter = try source.counter(of: address)
                let value = try counter.microjoules()
                guard value <= range else {
                    throw PowercapFailure(
                        path: source.path(address, "energy_uj"), errorNumber: EBADMSG,
                        detail: "\(value) is above the zone's largest value, \(range)")
                }
                let zone = RAPLZone(
                    address: address, domain: domain, rangeMicrojoules: range,
                    plausibleWatts: watts)
                found.readable.append((zone, counter))
            } catch let failure as PowercapFailure {
                found.failures.append((address, failure))
            } catch {
                continue
            }
        }
    }

    /// The power above which a zone's reading is an error: twice its largest limit.
    ///
    /// A limit may be set lower than what the processor can fall to, and firmware without one shows absurd figures.
    private static func plausibleWatts(_ limits: [Double]) -> Watts? {
        limits.filter { $0 <= PlausiblePower.watts(.package).rawValue }.max().map { Watts(max(500, 2 * $0)) }
    }

    /// Says why there is no RAPL at all, or that it does not see every package.
    private static func coverage(
        _ meters: [any EnergyMeter], _ found: Zones, _ source: some PowercapSource, _ options: MeterOptions
    ) -> [Unavailable] {
        if found.seen == 0 {
            let place = (source.isThisSystem ? "" : source.root.path) + source.folder
            let isThere = source.root.exists(source.folder)
            let absence = "\(place) " + (isThere ? "holds no RAPL zone" : "does not exist")
            let remedy =
                (isThere ? ";" : ": virtual machines and containers usually have none;")
                + " on a bare machine try: sudo modprobe intel_rapl_msr"
            let reason = absence + (source.isThisSystem ? remedy : ", so nothing of RAPL was captured")
            return [Unavailable(subject: "rapl", reason: reason)]
        }
        let packages = Set(meters.map(\.description.domain).filter { $0.kind == .package }.compactMap(\.package)).count
        guard let expected = options.expectedPackages, packages > 0, packages < expected else { return [] }
        let reason =
            "counters of \(packages) of \(expected) packages are readable, so their sum is not the node's energy"
        return [Unavailable(subject: "rapl packages", reason: reason)]
    }
}
