import NodeModel

/// What became of one control when its value was to be put back.
public enum RestoreOutcome: Hashable, Sendable {
    /// It was changed from one value back to another.
    case restored(from: UInt64, to: UInt64)
    /// It had its original value.
    case unchanged
    /// Something else changed it since, so it was left alone.
    case leftAlone(present: UInt64)
    /// The node has no such control any more.
    case gone
    /// The journal's value is none that can have been there.
    case absurd
    /// The system refused, and why.
    case refused(String)

    /// Whether nothing more is to be done about the control.
    var isSettled: Bool {
        switch self {
        case .restored, .unchanged, .leftAlone, .absurd: true
        case .gone, .refused: false
        }
    }
}

/// Puts back what a sweep changed.
public struct Restorer {
    private let bootId: String
    private let control: (String) throws -> (any Control)?

    /// Creates a restorer.
    ///
    /// - Parameters:
    ///   - bootId: The kernel's id of this boot.
    ///   - control: Finds a control by its id.
    public init(bootId: String, control: @escaping (String) throws -> (any Control)?) {
        self.bootId = bootId
        self.control = control
    }

    /// Puts back every control of a journal that still has a value the sweep gave it.
    ///
    /// - Parameter journal: The journal.
    /// - Returns: What became of each entry, in the journal's order.
    public func restore(_ journal: Journal) -> [(entry: JournalEntry, outcome: RestoreOutcome)] {
        journal.entries.map { ($0, restore($0, sameBoot: journal.bootId == bootId)) }
    }

    private func restore(_ entry: JournalEntry, sameBoot: Bool) -> RestoreOutcome {
        do {
            // After a reboot a driver that is not loaded holds nothing of the sweep's.
            guard let control = try control(entry.control) else { return sameBoot ? .gone : .unchanged }
            let present = try control.value()
            guard present != entry.original else { return .unchanged }
            guard Self.isOurs(present, entry, sameBoot: sameBoot) else { return .leftAlone(present: present) }
            guard control.restorable.contains(entry.original) else { return .absurd }
            try control.set(entry.original)
            let reached = try control.value()
            guard reached.distance(entry.original) <= entry.kind.rounding else {
                return .refused(
                    "it was set to \(entry.kind.text(entry.original)) and shows \(entry.kind.text(reached))")
            }
            return .restored(from: present, to: reached)
        } catch {
            return .refused("\(error)")
        }
    }

    /// Whether the present value is one the sweep set.
    ///
    /// What a system shows after a set is in the journal, except of the set during which the sweep was killed: then any
    /// value of the same boot may be what the system made of it.
    static func isOurs(_ present: UInt64, _ entry: JournalEntry, sameBoot: Bool) -> Bool {
        if entry.known.contains(present) { return true }
        // cpufreq shows the lowest of all limits: heat may hold the clock below what the sweep set.
        if entry.kind == .frequency, sameBoot, let highest = entry.known.max(), present < highest { return true }
        guard let pending = entry.pending else { return false }
        return sameBoot || present.distance(pending) <= entry.kind.rounding
    }
}

extension UInt64 {
    func distance(_ other: UInt64) -> UInt64 { self > other ? self - other : other - self }
}
