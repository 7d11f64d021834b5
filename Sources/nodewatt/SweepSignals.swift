import Glibc
import Synchronization

/// Signals while limits are changed: whatever asks to stop stops the sweep, and what was changed is put back first.
///
/// ``Interruption`` ends the program at once on a second signal. Here several signals within a second are one: a key
/// held down repeats, and a closed terminal or a stopped service sends some of different kinds. Of those that come
/// later the first is taken for impatience; only the next ends the program, and the next start then restores.
enum SweepSignals {
    /// All that would end the program, but for those of its own defects.
    private static let numbers = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGXCPU, SIGALRM]
    private static let burstNanoseconds: UInt64 = 1_000_000_000
    private static let received = Atomic<Int>(0)
    private static let latest = Atomic<UInt64>(0)
    // Set once, before any of the handlers is.
    nonisolated(unsafe) private static var stop: (@convention(c) (Int32) -> Void)?

    /// Takes the signals over from ``Interruption``, which has to be installed before.
    static func install() {
        var current = sigaction()
        sigaction(SIGTERM, nil, &current)
        stop = current.__sigaction_handler.sa_handler
        // Touched here so that the handler never has to initialise them.
        received.store(0, ordering: .relaxed)
        latest.store(0, ordering: .relaxed)
        var all = sigset_t()
        sigemptyset(&all)
        for number in numbers where number != SIGHUP || !ForwardedSignals.isIgnored(SIGHUP) {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                guard SweepSignals.beginsBurst() else { return }
                let count = SweepSignals.received.wrappingAdd(1, ordering: .relaxed).newValue
                if count != 2 { SweepSignals.stop?(number) }
            }
            sigemptyset(&action.sa_mask)
            sigaction(number, &action, nil)
            sigaddset(&all, number)
        }
        sigprocmask(SIG_UNBLOCK, &all, nil)
    }

    /// Whether the last signal is longer ago; runs in a handler.
    private static func beginsBurst() -> Bool {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let now = UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
        let before = latest.exchange(now, ordering: .relaxed)
        return before == 0 || now &- before > burstNanoseconds
    }
}
