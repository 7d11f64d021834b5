import Engine
import Glibc
import HostProbe
import NodeControls
import NodeModel

/// Sets operating points by the node's controls.
final class NodeSetter: OperatingPointSetter {
    private let groups: [ControlGroup]
    private let sweepLock: SweepLock
    private var changed: ChangedControls?
    private var threads: Int?

    /// Reads what is to be put back; changes nothing yet.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` when another sweep holds a control, or something may not be written.
    init(_ groups: [ControlGroup], sweepLock: SweepLock) throws {
        self.groups = groups
        self.sweepLock = sweepLock
        guard !groups.isEmpty, let place = sweepLock.place, let lock = sweepLock.lock else { return }
        let probe = HostProbe()
        changed = try ChangedControls(
            groups, store: place, lock: lock,
            blank: Journal(
                nodewattVersion: nodewattVersion, host: probe.hostName, bootId: probe.bootId, pid: getpid(),
                startedAt: Timestamp.now(), entries: []))
    }

    var settling: Seconds { groups.map(\.settling).max() ?? MeteredRunner.warmUp }

    func apply(_ point: OperatingPoint) throws -> OperatingPoint {
        threads = point.threads
        let wanted = groups.compactMap { group in
            point.amount(group.kind).flatMap(group.kind.value).map { (group.kind, $0) }
        }
        guard let changed else { return OperatingPoint(threads: threads) }
        return describe(try changed.apply(Dictionary(uniqueKeysWithValues: wanted)))
    }

    func inForce() throws -> OperatingPoint {
        guard let changed else { return OperatingPoint(threads: threads) }
        return describe(try changed.inForce())
    }

    /// Puts back what was changed.
    ///
    /// - Returns: What could not be put back, in words.
    func restore() -> [String] {
        guard let changed else { return [] }
        let problems = changed.restore()
        guard changed.isChanged else { return problems }
        // What drives a GPU may have died with what ended the sweep; another process of it may still answer.
        let catalogue = ControlCatalogue.node
        return changed.restore(finding: catalogue.control)
    }

    private func describe(_ values: [ControlKind: UInt64]) -> OperatingPoint {
        values.reduce(OperatingPoint(threads: threads)) { $0.with($1.key, $1.key.amount($1.value)) }
    }
}
