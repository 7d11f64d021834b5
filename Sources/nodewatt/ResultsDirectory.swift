import FoundationEssentials
import Glibc
import History
import NodeModel

/// Where history and profiles are kept.
enum ResultsDirectory {
    /// The directory: the option, `NODEWATT_RESULTS`, `Results/` of a checkout, else `$XDG_STATE_HOME/nodewatt`.
    static func resolve(_ option: String?, environment: [String: String]) -> String {
        if let option { return option }
        if let variable = environment["NODEWATT_RESULTS"], !variable.isEmpty { return variable }
        if let checkout = Installation.checkout { return checkout + "/Results" }
        let state = environment["XDG_STATE_HOME"].flatMap { $0.isEmpty ? nil : $0 }
        return (state ?? (environment["HOME"] ?? "/var/lib") + "/.local/state") + "/nodewatt"
    }

    /// The default profile of a host: `Profiles/nodes` of a checkout, else `nodes` in the results directory.
    static func profilePath(host: String, in directory: String) -> String {
        let name = String(host.map { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) ? $0 : "_" })
        if let checkout = Installation.checkout, directory == checkout + "/Results" {
            return "\(checkout)/Profiles/nodes/\(name).json"
        }
        return "\(directory)/nodes/\(name).json"
    }
}

extension ResultsDirectory {
    /// Opens a history that is there; reading never makes one.
    ///
    /// - Parameter directory: The results directory.
    /// - Returns: The history.
    /// - Throws: ``NodeModel/SystemFailure`` when there is none or it cannot be read.
    static func history(in directory: String) throws -> HistoryStore {
        guard FileManager.default.fileExists(atPath: directory + "/history.sqlite") else {
            throw SystemFailure(
                action: "opening \(directory)/history.sqlite", reason: "there is no history",
                recovery: "Run `nodewatt run` first, or name another directory with --results DIR or NODEWATT_RESULTS")
        }
        return try HistoryStore(directory: directory)
    }

    /// Creates the directory a file is to lie in.
    ///
    /// - Parameter path: The file's path.
    /// - Throws: ``NodeModel/SystemFailure`` when it cannot be created.
    static func createParent(of path: String) throws {
        let parent = URL(filePath: path).deletingLastPathComponent()
        do {
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        } catch {
            throw SystemFailure(
                action: "creating \(parent.path)", reason: "the system refuses it",
                recovery: "Name another file with --profile")
        }
    }
}

extension ResultsDirectory {
    /// Refuses a file that could not be written in the end, before anything is measured.
    ///
    /// - Parameters:
    ///   - path: The file; `nil` for none.
    ///   - option: The option that named it.
    /// - Throws: ``NodeModel/SystemFailure`` when its directory is not there or may not be written to.
    static func requireWritable(_ path: String?, option: String) throws {
        guard let path else { return }
        let parent = URL(filePath: path).deletingLastPathComponent().path
        guard access(parent + "/.", W_OK | X_OK) != 0 else { return }
        let reason = "\(parent): \(String(cString: strerror(errno)))"
        throw SystemFailure(
            action: "writing \(path)", reason: reason, recovery: "Name another file with \(option)")
    }
}

/// Points in calendar time, as records keep them.
enum Timestamp {
    /// Now, RFC 3339 in UTC with milliseconds.
    static func now() -> String {
        // The C library's calendar: Foundation's loads the time zones of the world, which takes milliseconds.
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var calendar = tm()
        gmtime_r(&now.tv_sec, &calendar)
        func padded(_ number: Int, _ digits: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(digits - text.utf8.count, 0)) + text
        }
        let date = [calendar.tm_year + 1900, calendar.tm_mon + 1, calendar.tm_mday]
        let time = [calendar.tm_hour, calendar.tm_min, calendar.tm_sec]
        return date.map { padded(Int($0), 2) }.joined(separator: "-") + "T"
            + time.map { padded(Int($0), 2) }.joined(separator: ":") + ".\(padded(now.tv_nsec / 1_000_000, 3))Z"
    }
}
