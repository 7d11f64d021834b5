import Glibc
import NodeModel
import Synchronization

/// Ctrl-C and SIGTERM: the first asks to stop and keeps what was measured, the second ends at once.
enum Interruption {
    private static let count = Atomic<Int>(0)
    private static let sentToUsAlone = Atomic<Int32>(0)

    /// Whether the user asked to stop.
    static var isRequested: Bool { count.load(ordering: .relaxed) > 0 }

    /// The last signal that another process sent; the terminal's own reaches children without our help.
    static var signalToForward: Int32? {
        let number = sentToUsAlone.exchange(0, ordering: .relaxed)
        return number == 0 ? nil : number
    }

    /// Takes over the two signals, and lets writes to a closed pipe fail instead of ending the program.
    static func install() {
        // Touched here so that the handler never has to initialise them.
        count.store(0, ordering: .relaxed)
        sentToUsAlone.store(0, ordering: .relaxed)
        var both = sigset_t()
        sigemptyset(&both)
        for number in [SIGINT, SIGTERM] {
            var action = sigaction()
            action.__sigaction_handler.sa_sigaction = { number, information, _ in
                if let information, information.pointee.si_code <= 0 {
                    Interruption.sentToUsAlone.store(number, ordering: .relaxed)
                }
                if Interruption.count.wrappingAdd(1, ordering: .relaxed).newValue > 1 { _exit(130) }
            }
            action.sa_flags = SA_SIGINFO
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
