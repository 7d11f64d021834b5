import Glibc
import HostProbe
import NodeModel

/// The signals a command's wrapper passes on, and the one that tells of the command's end.
///
/// They are blocked and waited for rather than handled, before any thread is started, so that nothing is interrupted by
/// them and what was ignored when the program was started stays ignored in the command.
struct ForwardedSignals {
    /// A signal that came.
    struct Signal {
        var number: Int32
        /// Whether another process sent it; the terminal's own reach the command without our help.
        var isFromProcess: Bool
    }

    /// What is passed on.
    static let numbers = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]

    /// The mask the program was started with, which its command is started with as well.
    let original: sigset_t
    private let waitedFor: sigset_t

    /// Blocks the signals.
    init() {
        // A parent that ignores it would have our child reaped by the kernel, and its end never told.
        signal(SIGCHLD, SIG_DFL)
        var blocked = sigset_t()
        sigemptyset(&blocked)
        for number in Self.numbers + [SIGCHLD] { sigaddset(&blocked, number) }
        var before = sigset_t()
        pthread_sigmask(SIG_BLOCK, &blocked, &before)
        original = before
        waitedFor = blocked
    }

    /// Waits, and returns early when a signal comes that would end a program.
    ///
    /// - Parameter duration: How long.
    /// - Returns: The signal's number; `nil` when the time is over.
    func pause(_ duration: Seconds) -> Int32? {
        let end = MonotonicClock.now().advanced(by: duration)
        repeat {
            guard let signal = wait(end.since(MonotonicClock.now())) else { continue }
            if signal.number != SIGCHLD, !Self.isIgnored(signal.number) { return signal.number }
        } while MonotonicClock.now() < end
        return nil
    }

    /// Whether the program was started with a signal ignored, as by nohup(1).
    static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        sigaction(number, nil, &action)
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// Waits for a signal.
    ///
    /// - Parameter limit: How long at most; `nil` is for ever.
    /// - Returns: The signal; `nil` when the time is over.
    func wait(_ limit: Seconds?) -> Signal? {
        var set = waitedFor
        var information = siginfo_t()
        let number: Int32
        if let limit {
            let left = max(0, limit.rawValue)
            var time = timespec(tv_sec: Int(left), tv_nsec: Int((left - left.rounded(.down)) * 1e9))
            number = sigtimedwait(&set, &information, &time)
        } else {
            number = sigwaitinfo(&set, &information)
        }
        guard number > 0 else { return nil }
        return Signal(number: number, isFromProcess: information.si_code <= 0)
    }
}
