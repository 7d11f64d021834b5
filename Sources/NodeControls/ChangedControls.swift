import Glibc
import NodeModel

/// The controls a running sweep changes: journalled before they change, put back when it ends.
///
/// Holds the locks of the state directory and of each control's own file, so that neither another sweep nor the next
/// start of the program touches them meanwhile.
public final class ChangedControls {
    private let groups: [ControlGroup]
    private let store: JournalStore
    private let bootId: String
    private var locks: [FileLock]
    private var journal: Journal
    private var isDirty = false

    /// Takes the controls over; changes nothing yet.
    ///
    /// - Parameters:
    ///   - groups: What will be changed.
    ///   - store: Where the journal is kept.
    ///   - lock: The store's lock, which the caller holds.
    ///   - blank: A journal without entries: who changes.
    /// - Throws: ``NodeModel/SystemFailure`` when another process holds a control, or one cannot be read or written;
    ///   nothing was changed then.
    public init(_ groups: [ControlGroup], store: JournalStore, lock: FileLock, blank: Journal) throws {
        self.groups = groups
        self.store = store
        bootId = blank.bootId
        locks = [lock]
        journal = blank
        for control in groups.flatMap(\.controls) {
            if let path = control.lockPath {
                guard let lock = try FileLock.of(path) else {
                    throw SystemFailure(
                        action: "locking \(path)", reason: "another sweep is changing it",
                        recovery: "Wait until that has ended")
                }
                locks.append(lock)
            }
            try control.requireWritable()
            journal.entries.append(
                JournalEntry(
                    control: control.id, kind: control.kind, label: control.label, original: try control.value()))
        }
    }

    deinit { _ = restore() }

    /// The value of each control before the sweep, by the control's id.
    public var originals: [String: UInt64] {
        Dictionary(uniqueKeysWithValues: journal.entries.map { ($0.control, $0.original) })
    }

    /// Sets groups to values, and every other group to what it was before the sweep.
    ///
    /// - Parameter wanted: A value for each kind that is not to have its original one; each member takes the nearest
    ///   value it allows.
    /// - Returns: The values in force after it, by kind: of several members the lowest.
    /// - Throws: ``NodeModel/SystemFailure`` when the journal cannot be written, in which case nothing was changed, or
    ///   when the system refuses a value; ``restore()`` then puts back what was changed.
    public func apply(_ wanted: [ControlKind: UInt64]) throws -> [ControlKind: UInt64] {
        let changes = groups.flatMap { group in
            group.controls.map { control in
                (control: control, value: wanted[group.kind].map { target($0, control) } ?? original(of: control))
            }
        }
        for change in changes { update(change.control) { $0.pending = change.value } }
        // From here on a kill leaves a journal that knows every value this is about to set.
        try store.write(journal)
        isDirty = true
        for change in changes { try change.control.set(change.value) }
        for change in changes {
            let reached = try change.control.value()
            try Self.require(reached, near: change.value, change.control)
            update(change.control) { entry in
                if reached != entry.original, !entry.known.contains(reached) { entry.known.append(reached) }
                entry.pending = nil
            }
        }
        try store.write(journal)
        return try inForce()
    }

    /// The values in force now, by kind: of several members the lowest.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` when one cannot be read.
    public func inForce() throws -> [ControlKind: UInt64] {
        try groups.reduce(into: [:]) { values, group in
            for control in group.controls {
                values[group.kind] = min(values[group.kind] ?? .max, try control.valueInForce())
            }
        }
    }

    /// Puts every control back and takes the journal away; does nothing when nothing was changed.
    ///
    /// - Parameter finding: Finds a control by its id in place of those that were changed, where they no longer answer.
    /// - Returns: What could not be put back, in words; the journal then stays for the next start.
    public func restore(finding: ((String) throws -> (any Control)?)? = nil) -> [String] {
        guard isDirty else { return [] }
        let controls = Dictionary(
            groups.flatMap(\.controls).map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let outcomes = Restorer(bootId: bootId, control: finding ?? { controls[$0] }).restore(journal)
        var problems = outcomes.compactMap { entry, outcome -> String? in
            switch outcome {
            case .restored, .unchanged: nil
            case .leftAlone(let present):
                "\(entry.label): something else set it to \(entry.kind.text(present)) meanwhile, so it was left alone"
            case .gone, .absurd: "\(entry.label): it cannot be set to \(entry.kind.text(entry.original)) again"
            case .refused(let reason): "\(entry.label): \(reason)"
            }
        }
        guard outcomes.allSatisfy(\.outcome.isSettled) else { return problems }
        isDirty = false
        do { try store.remove() } catch { problems.append("\(error)") }
        return problems
    }

    /// Whether something is still to be put back.
    public var isChanged: Bool { isDirty }

    private func target(_ value: UInt64, _ control: any Control) -> UInt64 {
        min(max(value, control.allowed.lowerBound), control.allowed.upperBound)
    }

    private func original(of control: any Control) -> UInt64 {
        journal.entries.first { $0.control == control.id }?.original ?? control.allowed.upperBound
    }

    private func update(_ control: any Control, _ change: (inout JournalEntry) -> Void) {
        guard let index = journal.entries.firstIndex(where: { $0.control == control.id }) else { return }
        change(&journal.entries[index])
    }

    private static func require(_ reached: UInt64, near value: UInt64, _ control: any Control) throws {
        guard reached.distance(value) > control.kind.rounding else { return }
        throw SystemFailure(
            action: "setting \(control.id)",
            reason: "\(control.kind.text(value)) was set and \(control.kind.text(reached)) is shown: something else "
                + "governs it, such as thermald or the firmware",
            recovery: "Stop what governs it, or sweep something else")
    }
}
