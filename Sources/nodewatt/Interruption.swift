import Glibc
import NodeModel
import Synchronization

/// Ctrl-C and SIGTERM: the first asks to stop and keeps what was measured, the second ends at once.
enum Interruption {
    private static let count = Atomic<Int>(0)

    /// Whether the user asked to stop.
    static var isRequested: Bool { count.load(ordering: .relaxed) > 0 }

    /// Takes over the two signals, and lets writes to a closed pipe fail instead of ending the program.
    static func install() {
        // Touched here so that the handler never has to initialise them.
        count.store(0, ordering: .relaxed)
        var both = sigset_t()
        sigemptyset(&both)
        for number in [SIGINT, SIGTERM] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { _ in
                if Interruption.count.wrappingAdd(1, ordering: .relaxed).newValue > 1 { _exit(130) }
            }
            sigemptyset(&action.sa_mask)
            sigaction(number, &action, nil)
            sigaddset(&both, number)
        }
        // A parent may have blocked them, as some process libraries do.
        sigprocmask(SIG_UNBLOCK, &both, nil)
    }

    /// Sleeps, but returns at once when the user asks to stop.
    static func sleep(_ duration: Seconds) {
        var left = Int(duration.rawValue * 1000)
        while left > 0 && !isRequested {
            let step = min(left, 50)
            usleep(UInt32(step) * 1000)
            left -= step
        }
    }
}
