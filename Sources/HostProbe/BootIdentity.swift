extension HostProbe {
    /// The kernel's random id of this boot; `unknown` where it tells none.
    public var bootId: String { root.line("/proc/sys/kernel/random/boot_id") ?? "unknown" }
}
