import Glibc
import HostProbe
import NodeModel

/// What to tell a user for whom the kernel opens no event.
enum PerfPermission {
    /// One note for all domains that were refused for the same reason.
    static func note(_ refusal: PerfRefusal, _ domains: [String], _ root: HostRoot) -> Unavailable {
        let reason = String(cString: strerror(refusal.errorNumber))
        let paranoia = root.integer("/proc/sys/kernel/perf_event_paranoid")
        let isPermission = [EACCES, EPERM].contains(refusal.errorNumber)
        let remark =
            switch refusal.errorNumber {
            case EACCES, EPERM: paranoia.map { "; kernel.perf_event_paranoid is \($0)" } ?? ""
            case ENODEV, ENXIO: "; the processor the event belongs to is offline"
            default: "; powercap is read in its place, where it can be"
            }
        return Unavailable(
            subject: "perf \(domains.joined(separator: ", "))", reason: "perf_event_open: \(reason)\(remark)",
            remedies: isPermission ? remedies(paranoia: paranoia) : [])
    }

    /// Events of a whole processor need CAP_PERFMON or a paranoia below 1; Debian's kernels refuse them altogether to
    /// ordinary programs above 2 (Documentation/admin-guide/sysctl/kernel.rst, and Debian's own patch).
    private static func remedies(paranoia: Int?) -> [Remedy] {
        let allow = "sudo sysctl kernel.perf_event_paranoid="
        let capability = "sudo setcap cap_perfmon=ep \"$(readlink -f \"$(command -v nodewatt)\")\""
        return [
            Remedy(
                "for this program alone, where its libraries are the system's",
                (paranoia ?? 0) > 2 ? [capability, allow + "2"] : [capability]),
            Remedy("for everybody, until the next boot", [allow + "0"]),
        ]
    }
}
