import Glibc
import NodeModel

/// The three channels of a child before it is started, both ends of each.
final class ChildEnds {
    typealias Ends = (parent: Int32, child: Int32)

    let input: Ends
    let output: Ends
    let errors: Ends

    /// Makes the channels; nothing else inherits them.
    init() throws {
        input = try Self.socket()
        do {
            output = try Self.socket()
        } catch {
            Self.closeBoth(input)
            throw error
        }
        do {
            errors = try Self.socket()
        } catch {
            Self.closeBoth(input)
            Self.closeBoth(output)
            throw error
        }
    }

    /// A socket pair, since writing to one can be kept from raising SIGPIPE, and it is never inherited by accident.
    private static func socket() throws -> Ends {
        var files: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &files) == 0 else {
            throw SystemFailure(action: "making a socket for a child", reason: String(cString: strerror(errno)))
        }
        return (files[0], files[1])
    }

    private static func closeBoth(_ ends: Ends) {
        close(ends.parent)
        close(ends.child)
    }

    /// Closes what the child has its own copies of.
    func closeChildEnds() { for ends in [input, output, errors] { close(ends.child) } }

    /// Closes everything, when nothing was started.
    func closeAll() { for ends in [input, output, errors] { Self.closeBoth(ends) } }

    /// Starts a program on the channels, in a process group of its own, with default signals.
    func spawn(_ executable: String, arguments: [String], environment: [String: String]) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, ends) in [(STDIN_FILENO, input), (STDOUT_FILENO, output), (STDERR_FILENO, errors)] {
            posix_spawn_file_actions_adddup2(&actions, ends.child, target)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var every = sigset_t()
        sigfillset(&every)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &every)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = Int32(POSIX_SPAWN_SETPGROUP) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK)
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var pid: pid_t = 0
        let status = Self.withStrings(arguments) { arguments in
            Self.withStrings(environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }) { environment in
                posix_spawn(&pid, executable, &actions, &attributes, arguments, environment)
            }
        }
        guard status == 0 else {
            throw SystemFailure(action: "starting \(executable)", reason: String(cString: strerror(status)))
        }
        return pid
    }

    private static func withStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        copies.append(nil)
        return copies.withUnsafeBufferPointer { buffer in
            var empty: UnsafeMutablePointer<CChar>?
            return buffer.baseAddress.map(body) ?? body(&empty)
        }
    }
}
