import ArgumentParser
import FoundationEssentials
import Glibc
import HostProbe
import NodeControls
import NodeModel

/// What the start of every command does first: puts back what a sweep changed that was killed, or lost its power.
///
/// Without a journal it costs a system call for each of up to three places.
enum RestoreAtStart {
    /// Looks for journals, and puts back or says why not.
    ///
    /// - Parameter command: What is about to run. Hidden commands are children of this program and do nothing.
    static func run(before command: any ParsableCommand) {
        guard type(of: command).configuration.shouldDisplay else { return }
        let sweep = command as? SweepCommand
        // `sweep --restore` does the same itself, and answers with its exit status.
        guard sweep?.restore != true else { return }
        let places = JournalStore.places(ProcessInfo.processInfo.environment).filter(\.hasJournal)
        for place in places {
            let report = RestoreReport.make(place)
            report.lines(mentionsRunningSweep: sweep != nil || command is RunCommand).forEach {
                Terminal.error("nodewatt: \($0)")
            }
        }
    }
}

extension RestoreAtStart {
    /// The warning of records that are made while a sweep changes the node's limits.
    ///
    /// - Parameter environment: The process's environment.
    /// - Returns: One warning, or none.
    static func warnings(_ environment: [String: String]) -> [Warning] {
        let running = JournalStore.places(environment).filter(\.hasJournal).first { place in
            do { return try place.lock() == nil } catch { return false }
        }
        return running.map { place in
            [
                Warning(
                    code: "sweep-running",
                    message: "a sweep is running and changes this node's limits (\(place.path))",
                    remedy: "wait until it has ended and measure again")
            ]
        } ?? []
    }
}

/// What came of one place's journal.
struct RestoreReport {
    /// The place.
    let place: JournalStore
    /// Whether a running sweep holds the place.
    private(set) var sweepIsRunning = false
    /// What was done, in words.
    private(set) var done: [String] = []
    /// What could not be done, in words.
    private(set) var problems: [String] = []

    /// The commands to give by hand where this user may not restore.
    private var remedy: String {
        "To put it back: sudo env NODEWATT_STATE=\(ShellWord.quoted(place.directory)) "
            + "\(ShellWord.quoted(Installation.executablePath)) sweep --restore"
    }

    /// Lines for people.
    ///
    /// - Parameter mentionsRunningSweep: Whether a running sweep is worth a line.
    /// - Returns: Printable lines, none where there is nothing to say.
    func lines(mentionsRunningSweep: Bool) -> [String] {
        let running =
            sweepIsRunning && mentionsRunningSweep
            ? [
                "a sweep is running (\(place.path)): it changes this node's limits, so figures measured beside it say little"
            ]
            : []
        return (running + done + (problems.isEmpty ? [] : problems + [remedy])).map(Terminal.printable)
    }

    /// Puts back what a place's journal says, unless a running sweep holds it.
    ///
    /// - Parameters:
    ///   - place: The place.
    ///   - owner: A user whose journals are believed beside this process's own and root's.
    /// - Returns: What was done.
    static func make(_ place: JournalStore, owner: uid_t? = nil) -> RestoreReport {
        var report = RestoreReport(place: place)
        do {
            guard let lock = try place.lock() else {
                report.sweepIsRunning = true
                return report
            }
            try withExtendedLifetime(lock) { try report.restore(owner) }
        } catch let error as InputError {
            report.setAside(error)
        } catch {
            report.problems.append("what a sweep changed is not put back: \(error)")
        }
        return report
    }

    private mutating func restore(_ owner: uid_t?) throws {
        // Read under the lock: the sweep that held it may have ended in between.
        guard let journal = try place.read(of: owner) else { return }
        let probe = HostProbe()
        guard journal.host == probe.hostName || journal.bootId == probe.bootId else {
            done.append(
                "\(place.path) says what a sweep changed on \(journal.host) (\(journal.startedAt)); start nodewatt there to "
                    + "put it back, or take the file away where that node is no more")
            return
        }
        let catalogue = ControlCatalogue.node
        let outcomes = Restorer(bootId: HostProbe().bootId, control: catalogue.control).restore(journal)
        for (entry, outcome) in outcomes { note(entry, outcome) }
        guard problems.isEmpty else { return }
        if outcomes.contains(where: { $0.outcome == .absurd }) {
            // What it says may be the only record of a limit.
            done.append("the journal was moved to \(try place.moveAside())")
        } else {
            try place.remove()
        }
        guard !done.isEmpty else { return }
        done.insert("put back what an unfinished sweep (process \(journal.pid), \(journal.startedAt)) changed:", at: 0)
    }

    private mutating func note(_ entry: JournalEntry, _ outcome: RestoreOutcome) {
        let name = "  \(entry.label)"
        let original = entry.kind.text(entry.original)
        switch outcome {
        case .restored(let from, let to): done.append("\(name): \(entry.kind.text(from)) → \(entry.kind.text(to))")
        case .unchanged: break
        case .leftAlone(let present):
            done.append(
                "\(name): left at \(entry.kind.text(present)), which no sweep set; before the sweep it was \(original)")
        case .absurd:
            done.append("\(name): the journal says \(original), which cannot have been; look at the limit yourself")
        case .gone: problems.append("\(entry.label): \(entry.control) is not there any more, so it cannot be put back")
        case .refused(let reason): problems.append("\(entry.label) is not put back to \(original): \(reason)")
        }
    }

    private mutating func setAside(_ error: InputError) {
        do {
            let aside = try place.moveAside()
            done.append(
                "\(error). It was moved to \(aside); a sweep may have left limits changed, so look at them: "
                    + "grep . /sys/class/powercap/*/constraint_0_power_limit_uw")
        } catch {
            problems.append("\(error)")
        }
    }
}
