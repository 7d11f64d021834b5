import Glibc
import Synchronization

/// Signals while limits are changed: whatever asks to stop stops the sweep, and what was changed is put back first.
///
/// ``Interruption`` ends the program at once on a second signal, and a closed terminal sends two kinds of them. Here the
/// second is taken for impatience with the first; only the third ends the program, and the next start then restores.
enum SweepSignals {
    private static let received = Atomic<Int>(0)
    // Set once, before any of the handlers is.
    nonisolated(unsafe) private static var stop: (@convention(c) (Int32) -> Void)?

    /// Takes the signals over from ``Interruption``, which has to be installed before.
    static func install() {
        var current = sigaction()
        sigaction(SIGTERM, nil, &current)
        stop = current.__sigaction_handler.sa_handler
        received.store(0, ordering: .relaxed)
        var all = sigset_t()
        sigemptyset(&all)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                let count = SweepSignals.received.wrappingAdd(1, ordering: .relaxed).newValue
                if count != 2 { SweepSignals.stop?(number) }
            }
            sigemptyset(&action.sa_mask)
            sigaction(number, &action, nil)
            sigaddset(&all, number)
        }
        sigprocmask(SIG_UNBLOCK, &all, nil)
    }
}
