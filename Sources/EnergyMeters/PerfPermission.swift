import Glibc
import HostProbe
import NodeModel

/// What to tell a user for whom the kernel opens no event.
enum PerfPermission {
    /// One note for all domains that were refused for the same reason.
    static func note(_ refusal: PerfRefusal, _ domains: [String], _ root: HostRoot) -> Unavailable {
        let reason = String(cString: strerror(refusal.errorNumber))
        return Unavailable(
            subject: "perf \(domains.joined(separator: ", "))",
            reason: "perf_event_open: \(reason); \(advice(refusal.errorNumber, root))")
    }

    private static func advice(_ errorNumber: Int32, _ root: HostRoot) -> String {
        switch errorNumber {
        case EACCES, EPERM: remedy(paranoia: root.integer("/proc/sys/kernel/perf_event_paranoid"))
        case ENODEV, ENXIO: "the processor the event belongs to is offline"
        default: "powercap is read in its place, where it can be"
        }
    }

    /// Events of a whole processor need CAP_PERFMON or a paranoia below 1; Debian's kernels refuse them altogether to
    /// ordinary programs above 2 (Documentation/admin-guide/sysctl/kernel.rst, and Debian's own patch).
    private static func remedy(paranoia: Int?) -> String {
        let now = paranoia.map { " (now \($0))" } ?? ""
        let allow = "sudo sysctl kernel.perf_event_paranoid="
        return "for this program alone: sudo setcap cap_perfmon=ep \"$(command -v nodewatt)\""
            + ((paranoia ?? 0) > 2 ? " and \(allow)2\(now)" : "")
            + "; for all users until the next boot: \(allow)0" + ((paranoia ?? 0) > 2 ? "" : now)
    }
}
