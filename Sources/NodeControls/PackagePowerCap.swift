import HostProbe
import NodeModel

/// The long-term power limit of a package (PL1), or of a die that has zones of its own.
///
/// A limit set here bears beside the one the memory-mapped twin of the same package holds: the hardware keeps to the
/// lower. So a sweep, which only ever lowers, sets one of the two and leaves the other alone. The short-term limit is
/// left alone as well: the kernel does not hold the two against each other, and a long-term limit that is only lowered
/// never gets above it.
final class PackagePowerCap: Control {
    let id: String
    let kind = ControlKind.powerCap
    let label: String
    let allowed: ClosedRange<UInt64>
    let restorable: ClosedRange<UInt64>
    let obstacle: String?
    private let constraint: PowercapConstraint
    private let twins: [PowercapConstraint]

    // Below a tenth of its limit no package has a clock it could fall to.
    private static let lowestShare = 0.1
    private static let lowestMicrowatts: UInt64 = 1_000_000
    // 15 bits of an eighth of a watt: what the register holds at its usual unit.
    private static let registerMicrowatts: UInt64 = 4_096_000_000

    var lockPath: String? { constraint.limitPath }

    init(_ constraint: PowercapConstraint, label: String, twins: [PowercapConstraint], others: [UInt64]) {
        self.constraint = constraint
        self.twins = twins
        self.label = label
        id = "powercap:\(constraint.controlType):\(String(constraint.zone, radix: 16)):constraint_\(constraint.index)"
        let present = Result { try constraint.limit() }
        let ceiling = ([try? present.get()] + twins.map { try? $0.limit() }).compactMap(\.self).min() ?? 0
        let floor = max(Self.lowestMicrowatts, UInt64(Double(ceiling) * Self.lowestShare))
        allowed = floor...max(floor, ceiling)
        let known = (others + [constraint.maximum.map { 2 * min($0, Self.registerMicrowatts) } ?? 0]).max() ?? 0
        let highest = known > 0 ? min(known, Self.registerMicrowatts) : Self.registerMicrowatts
        restorable = Self.lowestMicrowatts...max(highest, Self.lowestMicrowatts)
        obstacle = Self.obstacle(constraint, present, restorable)
    }

    /// The time over which the limit holds for the mean power.
    var window: Seconds? { constraint.window }

    func value() throws -> UInt64 { try constraint.limit() }

    func valueInForce() throws -> UInt64 {
        try twins.reduce(try constraint.limit()) { min($0, try $1.limit()) }
    }

    func set(_ value: UInt64) throws { try constraint.setLimit(value) }

    func requireWritable() throws { try constraint.requireWritable() }

    private static func obstacle(
        _ constraint: PowercapConstraint, _ present: Result<UInt64, any Error>, _ restorable: ClosedRange<UInt64>
    ) -> String? {
        switch present {
        case .failure(let error): return "\(error)"
        case .success(let value):
            if HostRoot().line(constraint.zoneFolder + "/enabled") == "0" {
                return "the zone's limits are switched off; switch them on with: "
                    + "echo 1 | sudo tee \(constraint.zoneFolder)/enabled"
            }
            guard restorable.contains(value) else {
                let kind = ControlKind.powerCap
                return "its limit, \(kind.text(value)), is not between \(kind.text(restorable.lowerBound)) and "
                    + "\(kind.text(restorable.upperBound)), so it could not be put back safely"
            }
            return nil
        }
    }
}

extension PackagePowerCap {
    /// The control types that hold packages, the preferred one first.
    private static let controlTypes = ["intel-rapl", "intel-rapl-mmio"]

    private struct Package {
        var name: String
        var limit: PowercapConstraint
        var others: [UInt64]
    }

    /// Every package's long-term limit; a package that has it twice, once.
    static func all(_ root: HostRoot = HostRoot()) -> [PackagePowerCap] {
        let found = controlTypes.map { type in zones(type, root).compactMap { package(type, $0, root) } }
        let names = Set(found[0].map(\.name))
        let alone = found[1].filter { !names.contains($0.name) }
        return (found[0] + alone).map { package in
            let twins = found[1].filter { $0.name == package.name && $0.limit != package.limit }
            return PackagePowerCap(
                package.limit, label: package.name, twins: twins.map(\.limit), others: package.others)
        }
    }

    private static func zones(_ type: String, _ root: HostRoot) -> [UInt32] {
        let folders = ["\(PowercapConstraint.folder)/\(type)", PowercapConstraint.folder]
        let numbers = folders.flatMap { root.names(in: $0) }.compactMap { name -> UInt32? in
            guard name.hasPrefix(type + ":"), let number = UInt32(name.dropFirst(type.count + 1), radix: 16),
                name == "\(type):\(String(number, radix: 16))"
            else { return nil }
            return number
        }
        return Set(numbers).sorted()
    }

    /// A zone whose name is a package's, with the constraint called `long_term`.
    private static func package(_ type: String, _ zone: UInt32, _ root: HostRoot) -> Package? {
        // RAPL has up to three constraints, the kernel's tree up to ten, without holes.
        let constraints = (UInt32(0)..<10).map { PowercapConstraint(controlType: type, zone: zone, index: $0) }
        let named = constraints.compactMap { constraint in constraint.name.map { (constraint, $0) } }
        guard let limit = named.first(where: { $0.1 == "long_term" })?.0,
            let name = root.line(limit.zoneFolder + "/name"), name.hasPrefix("package-")
        else { return nil }
        let others = named.map(\.0).filter { $0 != limit }.compactMap { try? $0.limit() }
        return Package(name: name, limit: limit, others: others)
    }
}
