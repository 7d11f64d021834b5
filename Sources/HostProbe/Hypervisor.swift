extension HostProbe {
    /// The hypervisor below this machine, such as `KVM`; `nil` on bare metal.
    ///
    /// From `/sys/hypervisor/type`, the DMI names, the paravirtual clock sources, and last the processor's own
    /// `hypervisor` flag, which tells that there is one but not which. An x86 processor without the flag is bare metal
    /// whatever its DMI names say: clouds rent out whole machines under the same names.
    public var hypervisor: String? {
        if let type = root.line("/sys/hypervisor/type") { return Self.known(type) ?? type }
        let flags = processorFlags
        if flags.contains("fpu"), !flags.contains("hypervisor") { return nil }
        let names = ["sys_vendor", "product_name", "board_vendor"].compactMap { root.line("/sys/class/dmi/id/\($0)") }
        if let name = Self.known(names.joined(separator: " ")) { return name }
        guard flags.contains("hypervisor") || root.exists("/proc/device-tree/hypervisor") else { return nil }
        let clocks = root.line("/sys/devices/system/clocksource/clocksource0/available_clocksource") ?? ""
        let tree = root.line("/proc/device-tree/hypervisor/compatible") ?? ""
        return Self.known("\(clocks) \(tree)") ?? "unidentified"
    }

    /// The feature flags of the first processor.
    var processorFlags: Set<String> {
        // A plain split: the list is far longer than what is kept of a printable value.
        let line = processorInformation.split(separator: "\n").first {
            $0.hasPrefix("flags") || $0.hasPrefix("Features")
        }
        return Set((line ?? "").split { $0 == " " || $0 == "\t" || $0 == ":" }.map(String.init))
    }

    /// Parts of names, in lower case, by which hypervisors are known.
    private static let signatures: [(part: String, name: String)] = [
        ("kvm", "KVM"), ("qemu", "QEMU"), ("vmware", "VMware"), ("virtualbox", "VirtualBox"), ("innotek", "VirtualBox"),
        ("xen", "Xen"), ("hyperv", "Hyper-V"), ("virtual machine", "Hyper-V"), ("bhyve", "bhyve"),
        ("parallels", "Parallels"), ("nutanix", "Nutanix AHV"), ("amazon ec2", "Amazon Nitro"),
        ("google compute engine", "Google Compute Engine"), ("alibaba cloud ecs", "Alibaba Cloud"),
        ("openstack", "OpenStack"), ("digitalocean", "DigitalOcean"), ("firecracker", "Firecracker"),
    ]

    private static func known(_ text: String) -> String? {
        let lower = text.lowercased()
        return signatures.first { lower.contains($0.part) }?.name
    }
}
