import FoundationEssentials
import Glibc
import HostProbe
import Synchronization

/// Standard output and error.
enum Terminal {
    /// Whether standard error is a terminal: only then is progress shown.
    static let showsProgress = isatty(STDERR_FILENO) == 1

    // A reader that went away is no failure.
    private static let failure = Mutex<String?>(nil)

    /// Why standard output could not be written, where it could not.
    static var outputFailure: String? { failure.withLock { $0 } }

    /// Columns of the terminal, 80 where unknown.
    static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Writes a line to standard output.
    static func line(_ text: String = "") { write(text + "\n", to: STDOUT_FILENO) }

    /// Writes a line to standard error.
    static func error(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// Rewrites the progress line on standard error; an empty text clears it.
    static func progress(_ text: String) {
        guard showsProgress else { return }
        write("\r\u{1b}[K" + String(text.prefix(max(columns - 1, 20))), to: STDERR_FILENO)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            if written < 0 && errno != EPIPE && descriptor == STDOUT_FILENO {
                let reason = String(cString: strerror(errno))
                failure.withLock { $0 = reason }
            }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }

    /// A path as people would type it here: relative below the current directory.
    static func shortened(_ path: String) -> String {
        let here = FileManager.default.currentDirectoryPath + "/"
        return path.hasPrefix(here) ? String(path.dropFirst(here.count)) : path
    }

    /// Text from outside on one line, with everything that could steer a terminal taken out.
    static func printable(_ text: String) -> String { OutsideText.printable(text, limit: 2_000) }
}
