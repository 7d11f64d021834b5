import Glibc
import HostProbe
import NodeModel

/// What to tell a user whose zones cannot be read.
enum RAPLPermission {
    /// The commands that let ordinary users read the counters.
    ///
    /// - Parameter rules: The folder with the udev rule that comes with the program, where it is known.
    /// - Returns: The best first.
    static func remedies(_ rules: String?) -> [Remedy] {
        let group = "sudo groupadd --system --force nodewatt && sudo usermod -aG nodewatt \"$USER\""
        let apply = "sudo udevadm control --reload && sudo udevadm trigger --action=change --subsystem-match=powercap"
        let forGood = rules.map { folder in
            Remedy(
                "for members of the group nodewatt, for good (log in again afterwards)",
                [
                    group, "sudo install -m 644 \(ShellWord.quoted(folder + "/60-nodewatt.rules")) /etc/udev/rules.d/",
                    apply,
                ])
        }
        let untilBoot = Remedy(
            "for everybody, until the next boot",
            [
                "sudo chmod a+r /sys/class/powercap/intel-rapl*:*/energy_uj "
                    + "/sys/class/powercap/intel-rapl*:*/max_energy_range_uj"
            ])
        return [forGood, untilBoot].compactMap(\.self)
    }

    /// One note for all zones that failed in the same way.
    static func note(_ failures: [(zone: PowercapAddress, failure: PowercapFailure)], rules: String?) -> [Unavailable] {
        Dictionary(grouping: failures) { $0.failure.errorNumber }.sorted { $0.key < $1.key }.map { number, group in
            let zones = group.map(\.zone.name).joined(separator: ", ")
            let first = group[0].failure
            let advice: String? =
                switch number {
                case EACCES, EPERM: nil
                case EBADMSG:
                    "the file's content is damaged; read it with cat and report it to the kernel's maintainers"
                case ENOENT, ENODATA: "the kernel shows no counter for this zone, so there is nothing to enable"
                default: "see the kernel's messages (dmesg) for intel_rapl"
                }
            return Unavailable(
                subject: "rapl \(zones)",
                reason: (["\(first.path): \(first.reason)"] + [advice].compactMap(\.self)).joined(separator: "; "),
                remedies: advice == nil ? remedies(rules) : [])
        }
    }
}
