import Glibc
import NodeModel

/// A command run as a child with this process's standard streams.
struct ChildCommand {
    /// The program and its arguments.
    let arguments: [String]
    /// Whether its standard output goes to standard error, to keep ours for one JSON document.
    let outputToError: Bool

    /// Starts the command, passes interruptions on, and waits for its end.
    ///
    /// - Returns: The exit status as a shell gives it: 128 + the signal's number after a signal.
    /// - Throws: ``NodeModel/SystemFailure`` when the command cannot be started.
    func run() throws -> Int32 {
        let child = try start()
        var status: Int32 = 0
        while true {
            let ended = waitpid(child, &status, WNOHANG)
            if ended == child || (ended < 0 && errno != EINTR) { break }
            if let number = Interruption.signalToForward { kill(child, number) }
            usleep(2_000)
        }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    private func start() throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if outputToError { posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO) }
        // What this program ignores or handles, the command must not inherit as ignored.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        sigemptyset(&defaults)
        [SIGINT, SIGTERM, SIGPIPE].forEach { sigaddset(&defaults, $0) }
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { pointers.forEach { free($0) } }
        var child: pid_t = 0
        let code = posix_spawnp(&child, pointers[0] ?? strdup(""), &actions, &attributes, &pointers, environ)
        guard code == 0 else {
            throw SystemFailure(
                action: "start \(Terminal.printable(arguments.first ?? ""))", reason: String(cString: strerror(code)),
                recovery: "Name a program after --, e.g. nodewatt meter -- sleep 1")
        }
        return child
    }
}
