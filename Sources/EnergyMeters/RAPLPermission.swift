import Glibc
import NodeModel

/// What to tell a user whose zones cannot be read.
enum RAPLPermission {
    /// The commands that let ordinary users read the counters.
    static let remedy = """
        enable it until the next boot with: sudo chmod a+r /sys/class/powercap/intel-rapl*:*/energy_uj \
        /sys/class/powercap/intel-rapl*:*/max_energy_range_uj; for good with: echo 'SUBSYSTEM=="powercap", \
        ACTION=="add", RUN+="/bin/chmod -f a+r /sys%p/energy_uj /sys%p/max_energy_range_uj"' | sudo tee \
        /etc/udev/rules.d/90-nodewatt-rapl.rules; or for this program alone with: sudo setcap \
        cap_dac_read_search=ep "$(command -v nodewatt)"
        """

    /// One note for all zones that failed in the same way.
    static func note(_ failures: [(zone: PowercapAddress, failure: PowercapFailure)]) -> [Unavailable] {
        Dictionary(grouping: failures) { $0.failure.errorNumber }.sorted { $0.key < $1.key }.map { number, group in
            let zones = group.map(\.zone.name).joined(separator: ", ")
            let first = group[0].failure
            let advice =
                switch number {
                case EACCES, EPERM: remedy
                case EBADMSG:
                    "the file's content is damaged; read it with cat and report it to the kernel's maintainers"
                case ENOENT, ENODATA: "the kernel shows no counter for this zone, so there is nothing to enable"
                default: "see the kernel's messages (dmesg) for intel_rapl"
                }
            return Unavailable(subject: "rapl \(zones)", reason: "\(first.path): \(first.reason); \(advice)")
        }
    }
}
