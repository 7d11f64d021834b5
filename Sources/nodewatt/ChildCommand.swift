import Glibc
import NodeModel

/// Why a command was not started, with the status a shell gives for it.
struct CommandNotStarted: Error {
    /// The command's name as given.
    var name: String
    /// The C library's error number.
    var errorNumber: Int32

    /// 127 where there is no such command, 126 where there is one that cannot be run (POSIX.1-2017, 2.8.2).
    var status: Int32 { errorNumber == ENOENT || errorNumber == ENOTDIR ? 127 : 126 }

    /// What went wrong, for people.
    var message: String {
        "nodewatt: cannot run \(Terminal.printable(name)): \(String(cString: strerror(errorNumber)))"
    }
}

/// A command run as a child with this process's standard streams.
final class ChildCommand {
    /// How a command ended.
    struct Ending {
        /// The exit status as a shell gives it: 128 + the signal's number after a signal.
        var status: Int32
        /// What the command and those of its children it waited for used.
        var usage: rusage
    }

    private let child: pid_t

    /// Starts a command.
    ///
    /// - Parameters:
    ///   - arguments: The program, looked for in `PATH`, and its arguments.
    ///   - signals: The signals that are held back from this process, and not from the command.
    ///   - outputToError: Whether its standard output goes to standard error, to keep ours for one JSON document.
    /// - Throws: ``CommandNotStarted``.
    init(_ arguments: [String], signals: ForwardedSignals, outputToError: Bool) throws(CommandNotStarted) {
        let name = arguments.first ?? ""
        var (code, child) = Self.spawn(arguments, signals, outputToError)
        // A script without its interpreter in the first line is the shell's, as every shell does it.
        if code == ENOEXEC, let path = Self.find(name) {
            (code, child) = Self.spawn(["/bin/sh", path] + arguments.dropFirst(), signals, outputToError)
        }
        guard code == 0 else { throw CommandNotStarted(name: name, errorNumber: code) }
        self.child = child
    }

    /// Passes a signal on.
    func send(_ signal: Int32) { kill(child, signal) }

    /// How the command ended; `nil` while it runs.
    func ending() -> Ending? {
        var status: Int32 = 0
        var usage = rusage()
        let ended = wait4(child, &status, WNOHANG, &usage)
        if ended == 0 || (ended < 0 && errno == EINTR) { return nil }
        // Reaped by somebody else: how it ended cannot be known, and was not told to be well.
        guard ended == child else { return Ending(status: 255, usage: usage) }
        let signal = status & 0x7f
        return Ending(status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, usage: usage)
    }

    private static func spawn(_ arguments: [String], _ signals: ForwardedSignals, _ outputToError: Bool) -> (
        Int32, pid_t
    ) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if outputToError { posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // This program ignores broken pipes; the command must not inherit that.
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        var mask = signals.original
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK)))
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { pointers.forEach { free($0) } }
        guard let program = pointers.first ?? nil, program.pointee != 0 else { return (ENOENT, 0) }
        var child: pid_t = 0
        return (posix_spawnp(&child, program, &actions, &attributes, &pointers, environ), child)
    }

    /// The file a name stands for, by the rules of `PATH`.
    private static func find(_ name: String) -> String? {
        guard !name.contains("/") else { return name }
        let folders = getenv("PATH").map { String(cString: $0) } ?? "/bin:/usr/bin"
        return folders.split(separator: ":", omittingEmptySubsequences: false)
            .map { ($0.isEmpty ? "." : String($0)) + "/" + name }
            .first { access($0, X_OK) == 0 }
    }
}
