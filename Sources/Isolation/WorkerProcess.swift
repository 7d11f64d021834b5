import CIsolation
import Glibc
package import NodeModel

/// What a process that serves as worker does before it loads anything foreign.
package enum WorkerProcess {
    /// How long a worker whose parent has gone may still take to end.
    private static let graceMilliseconds: Int32 = 1_000

    /// Binds this process to its parent's life and keeps standard output for the protocol.
    ///
    /// Whatever a library prints to descriptor 1 goes to standard error, where the parent keeps its end for reasons.
    ///
    /// - Parameter endsWithInput: Whether a thread is to end the process soon after its input was closed, even while a
    ///   library hangs with all signals blocked.
    /// - Returns: The file to answer on; `nil` when there is none.
    package static func begin(endsWithInput: Bool) -> Int32? {
        nwi_die_with_parent()
        signal(SIGPIPE, SIG_IGN)
        // Those who stop a whole cgroup or terminal mean the parent, which still needs this process to put things back;
        // it ends with its input, and with its parent.
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { signal(number, SIG_IGN) }
        let output = nwi_take_standard_output()
        guard output >= 0 else { return nil }
        if endsWithInput, nwi_end_with_input(graceMilliseconds) != 0 { return nil }
        return output
    }
}

extension ChildEvent {
    /// Why a worker gave no answer, in words.
    ///
    /// - Parameters:
    ///   - step: What it was doing.
    ///   - limit: How long that might take.
    /// - Returns: The reason, without the worker's last words.
    package func reason(while step: String, limit: Seconds) -> String {
        switch self {
        case .ended(let how): "the worker \(how) while \(step)"
        case .timedOut: "the worker was killed after \(limit.rawValue) s without an answer while \(step)"
        case .tooLong: "the worker was killed for an answer of more than 1 MiB while \(step)"
        case .line(let bytes):
            "the worker was killed for an answer that is no message while \(step): "
                + CleanText.line(String(decoding: bytes.prefix(400), as: UTF8.self), limit: 80)
        }
    }
}
