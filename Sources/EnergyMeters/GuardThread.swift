import CMeters
import Glibc
import HostProbe
package import NodeModel

/// A thread that does something small at equal intervals until it is stopped.
///
/// Waiting is a `ppoll(2)` on a pipe, so that stopping takes no longer than the work itself. Times that were missed,
/// because the work took long or the machine slept, are not made up for.
package final class GuardThread: Sendable {
    private final class Work: Sendable {
        let wake: Int32
        let interval: Seconds
        let body: @Sendable () -> Void

        init(wake: Int32, interval: Seconds, body: @escaping @Sendable () -> Void) {
            self.wake = wake
            self.interval = interval
            self.body = body
        }

        func run() {
            var due = MonotonicClock.now().advanced(by: interval)
            while true {
                let left = due.since(MonotonicClock.now()).rawValue * 1e9
                let ready = nwm_wait_readable(wake, Int64(max(left, 0)))
                if ready > 0 || (ready < 0 && errno != EINTR) { return }
                guard ready == 0 else { continue }
                body()
                let now = MonotonicClock.now()
                due = due.advanced(by: interval)
                if due < now { due = now.advanced(by: interval) }
            }
        }
    }

    private let thread: pthread_t
    private let readEnd: Int32
    private let writeEnd: Int32

    /// Starts the thread; `nil` when the system has no thread or pipe left.
    ///
    /// - Parameters:
    ///   - interval: From one time to the next.
    ///   - body: What to do.
    package init?(interval: Seconds, body: @escaping @Sendable () -> Void) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let work = Unmanaged.passRetained(Work(wake: ends[0], interval: interval, body: body))
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, work.toOpaque())
        guard status == 0 else {
            work.release()
            close(ends[0])
            close(ends[1])
            return nil
        }
        self.thread = thread
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    /// Stops the thread and waits for it to end.
    deinit {
        close(writeEnd)
        pthread_join(thread, nil)
        close(readEnd)
    }
}
