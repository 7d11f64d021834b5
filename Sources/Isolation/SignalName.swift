import Glibc

/// The names of the signals drivers die of.
package enum SignalName {
    private static let names: [Int32: String] = [
        SIGSEGV: "SIGSEGV", SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGILL: "SIGILL", SIGFPE: "SIGFPE",
        SIGKILL: "SIGKILL", SIGTERM: "SIGTERM", SIGSYS: "SIGSYS", SIGTRAP: "SIGTRAP", SIGPIPE: "SIGPIPE",
        SIGXCPU: "SIGXCPU", SIGINT: "SIGINT", SIGHUP: "SIGHUP",
    ]

    /// The name, or `signal N`.
    package static func of(_ number: Int32) -> String { names[number] ?? "signal \(number)" }
}
