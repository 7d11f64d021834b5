import Glibc
import NodeControls
import NodeModel

/// Keeps other sweeps away, from before anything of the node's limits is read.
struct SweepLock {
    /// Where the journal goes; `nil` where there is no place for one.
    let place: JournalStore?
    /// The lock; `nil` where there can be none and none is needed.
    let lock: FileLock?

    /// Takes the lock.
    ///
    /// - Parameters:
    ///   - environment: The process's environment.
    ///   - changesLimits: Whether anything will be changed that outlives the program; threads do not.
    /// - Throws: ``NodeModel/SystemFailure`` when another sweep is running, what an earlier one changed is not put back
    ///   yet, or there is no place for a journal.
    init(environment: [String: String], changesLimits: Bool) throws {
        let places = JournalStore.places(environment)
        place = places.first
        switch Self.attempt(places.first) {
        case .success(let taken?): lock = taken
        case .success(nil):
            throw SystemFailure(
                action: "starting a sweep",
                reason: "another sweep is running (\(places[0].directory)/restore.lock is locked)",
                recovery: "Wait until it has ended")
        case .failure(let failure):
            guard !changesLimits else { throw failure }
            lock = nil
        }
        guard changesLimits, let unfinished = places.first(where: \.hasJournal) else { return }
        throw SystemFailure(
            action: "changing this node's limits",
            reason: "what another sweep changed is not put back yet: \(unfinished.path)",
            recovery: "If it is not running any more: nodewatt sweep --restore, as a user who may")
    }

    /// The lock, or `nil` while another sweep has it.
    private static func attempt(_ place: JournalStore?) -> Result<FileLock?, any Error> {
        Result {
            guard let place else {
                throw SystemFailure(
                    action: "keeping a journal of what is changed", reason: "there is no place for it",
                    recovery: "Name a directory with NODEWATT_STATE")
            }
            try place.prepare()
            // A start of the program that restores holds the lock for moments; a sweep holds it for long.
            for _ in 0..<40 {
                if let lock = try place.lock() { return lock }
                usleep(25_000)
            }
            return nil
        }
    }
}
