import CIsolation
import Glibc
package import NodeModel

/// What reading a line of a child ended with.
package enum ChildEvent {
    /// A whole line, without its newline.
    case line([UInt8])
    /// The child closed its output; how it ended, in words.
    case ended(String)
    /// Nothing came until the deadline.
    case timedOut
    /// More than 1 MiB came without a newline.
    case tooLong
}

/// A child with its own process group and sockets as its three standard channels.
///
/// Never blocks without a deadline and never raises SIGPIPE in this process.
package final class ChildProcess {
    private static let longestLine = 1 << 20
    private static let tailBytes = 4_096

    private let pid: pid_t
    private var input: Int32
    private let output: Int32
    private let errors: Int32
    private var pending: [UInt8] = []
    private var errorTail: [UInt8] = []
    private var outputOpen = true
    private var errorsOpen = true
    private var exitStatus: Int32?

    /// What the child may use, and at most used, in bytes of memory.
    private let memoryLimit: Int
    private var memoryUsed = 0

    /// Starts a program that may use so much memory of its own.
    ///
    /// - Parameters:
    ///   - executable: The program.
    ///   - arguments: Its arguments.
    ///   - environment: Its whole environment.
    ///   - memoryLimit: How many bytes it may use.
    /// - Throws: `SystemFailure` when it cannot be started.
    package init(executable: String, arguments: [String], environment: [String: String], memoryLimit: Int) throws {
        self.memoryLimit = memoryLimit
        let ends = try ChildEnds()
        do {
            pid = try ends.spawn(executable, arguments: [executable] + arguments, environment: environment)
        } catch {
            ends.closeAll()
            throw error
        }
        nwi_contain(pid, UInt64(memoryLimit))
        ends.closeChildEnds()
        (input, output, errors) = (ends.input.parent, ends.output.parent, ends.errors.parent)
    }

    deinit {
        if exitStatus == nil { kill() }
        closeInput()
        close(output)
        close(errors)
    }

    /// Writes bytes to the child's standard input; a child that reads nothing is an error, not a wait.
    ///
    /// - Parameter bytes: What to write.
    /// - Returns: Whether all of it was written.
    package func send(_ bytes: [UInt8]) -> Bool {
        guard input >= 0 else { return false }
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        return bytes.withUnsafeBytes { Glibc.send(input, $0.baseAddress, $0.count, flags) } == bytes.count
    }

    /// Closes the child's standard input, which asks a worker to end.
    package func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// The next line of the child's output, without its newline.
    ///
    /// - Parameter deadline: When to stop waiting.
    /// - Returns: The line, or why there is none.
    package func line(until deadline: MonotonicInstant) -> ChildEvent {
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(pending[..<end])
                pending.removeSubrange(...end)
                return .line(line)
            }
            if pending.count > Self.longestLine { return .tooLong }
            if !outputOpen { return .ended(ending(until: deadline)) }
            // Asked before the channels are looked at, so that what it wrote last is read first. What the child started
            // may hold them open after its end.
            let isOver = hasEnded
            switch pump(until: deadline) {
            case .something: continue
            case .nothing: if isOver { return .ended(ending(until: deadline)) }
            case .late: return .timedOut
            }
        }
    }

    /// The last of what the child wrote to standard error, in one line.
    package var lastWords: String { CleanText.line(String(decoding: errorTail, as: UTF8.self), limit: 400) }

    /// Kills the child and whatever it started, and waits a short while for its end; a process stuck in the kernel is
    /// left behind.
    package func kill() {
        guard exitStatus == nil else { return }
        _ = Glibc.kill(-pid, SIGKILL)
        _ = Glibc.kill(pid, SIGKILL)
        reap(until: .now.advanced(by: Seconds(1)))
    }

    /// Waits for the child to end by itself, then kills it.
    ///
    /// - Parameter grace: How long to wait.
    package func finish(grace: Seconds) {
        closeInput()
        let deadline = MonotonicInstant.now.advanced(by: grace)
        while !hasEnded, outputOpen || errorsOpen, pump(until: deadline) != .late { pending.removeAll() }
        reap(until: deadline)
        kill()
    }

    /// What waiting for the channels ended with.
    private enum Pumped { case something, nothing, late }

    /// How long the channels are waited for before it is looked whether the child still lives.
    private static let slice = 0.1

    /// Whether the child has ended; it stays to be reaped.
    private var hasEnded: Bool {
        guard exitStatus == nil else { return true }
        var information = siginfo_t()
        let options = WEXITED | WNOHANG | WNOWAIT
        return waitid(P_PID, id_t(pid), &information, options) != 0 || information.si_signo != 0
    }

    /// Reads what is there, waiting for it a short while and not beyond the deadline.
    private func pump(until deadline: MonotonicInstant) -> Pumped {
        var files = [
            pollfd(fd: outputOpen ? output : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errorsOpen ? errors : -1, events: Int16(POLLIN), revents: 0),
        ]
        let left = deadline.since(.now).rawValue
        guard left > 0 else { return .late }
        let ready = poll(&files, nfds_t(files.count), Int32(min(left, Self.slice) * 1_000 + 1))
        guard ready > 0 else { return .nothing }
        if files[0].revents != 0 { outputOpen = take(output) { pending += $0 } }
        if files[1].revents != 0 {
            errorsOpen = take(errors) { errorTail = Array((errorTail + $0).suffix(Self.tailBytes)) }
        }
        return .something
    }

    private func take(_ file: Int32, _ use: ([UInt8]) -> Void) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(file, &buffer, buffer.count)
        if count > 0 { use(Array(buffer.prefix(count))) }
        return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN))
    }

    /// Waits for the child's end until the deadline, kills what it started and leaves behind, and reaps it.
    private func reap(until deadline: MonotonicInstant) {
        while exitStatus == nil {
            // As long as it is not reaped, its process group cannot be anybody else's.
            if hasEnded { _ = Glibc.kill(-pid, SIGKILL) }
            var status: Int32 = 0
            var usage = rusage()
            let result = wait4(pid, &status, WNOHANG, &usage)
            if result == pid {
                exitStatus = status
                memoryUsed = usage.ru_maxrss * 1_024
            }
            // Somebody else reaped it: how it ended cannot be known, but it has.
            if result < 0 && errno == ECHILD { exitStatus = 0 }
            guard exitStatus == nil, deadline.since(.now).rawValue > 0 else { return }
            usleep(1_000)
        }
    }

    private func ending(until deadline: MonotonicInstant) -> String {
        let patience = MonotonicInstant.now.advanced(by: Seconds(1))
        while errorsOpen, pump(until: patience) == .something {}
        reap(until: patience)
        guard let exitStatus else { return "closed its output" }
        let signal = exitStatus & 0x7f
        let how =
            signal != 0 ? "was ended by \(SignalName.of(signal))" : "exited with status \(exitStatus >> 8 & 0xff)"
        // Some of the limit always goes to what is mapped but not in use.
        guard memoryUsed > memoryLimit / 10 * 9 else { return how }
        return how + " having used the \(memoryLimit >> 20) MiB of memory it was allowed"
    }
}
