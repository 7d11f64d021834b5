public import NodeModel

extension HostProbe {
    /// The limits that control groups set on this process: the tightest from its group up to the root.
    ///
    /// Reads `/proc/self/cgroup` and the hierarchies it names, version 1, version 2 or both (hybrid). A limit that
    /// cannot be read counts as none.
    ///
    /// - Returns: What is limited; everything `nil` where nothing is.
    public func cgroupLimits() -> CgroupLimits {
        let groups = root.text("/proc/self/cgroup", limit: 1 << 16).map(CgroupMembership.parse) ?? []
        let mounts = root.text("/proc/self/mountinfo").map(CgroupMount.parse) ?? []
        var limits = CgroupLimits()
        for group in groups {
            guard let levels = group.levels(in: mounts) else { continue }
            for controller in ["cpu", "memory", "cpuset"] where group.covers(controller) {
                tighten(&limits, controller, version2: group.isVersion2, levels: levels)
            }
        }
        let online = root.line("/sys/devices/system/cpu/online").flatMap(CPUList.parse)
        if let cpuset = limits.cpuset, let online, Set(cpuset).isSuperset(of: online) { limits.cpuset = nil }
        return limits
    }

    /// The directories of the control groups of processor time this process is in, its own first.
    var processorGroups: [String] {
        let groups = root.text("/proc/self/cgroup", limit: 1 << 16).map(CgroupMembership.parse) ?? []
        let mounts = root.text("/proc/self/mountinfo").map(CgroupMount.parse) ?? []
        return groups.filter { $0.covers("cpu") }.flatMap { $0.levels(in: mounts) ?? [] }
    }

    /// Lowers `limits` by what one controller says from the process's own group (first level) upwards.
    private func tighten(_ limits: inout CgroupLimits, _ controller: String, version2: Bool, levels: [String]) {
        switch controller {
        case "cpu":
            let quotas = levels.compactMap { version2 ? quotaVersion2($0) : quotaVersion1($0) }
            limits.cpuQuota = ([limits.cpuQuota].compactMap(\.self) + quotas).min()
        case "memory":
            let file = version2 ? "memory.max" : "memory.limit_in_bytes"
            // Version 1 says "none" with the largest page-aligned number; nothing has an exbibyte of memory.
            let sizes = levels.compactMap { root.integer("\($0)/\(file)") }.filter { $0 >= 0 && $0 < 1 << 60 }
            limits.memoryBytes = ([limits.memoryBytes].compactMap(\.self) + sizes).min()
        default:
            let files = version2 ? ["cpuset.cpus.effective"] : ["cpuset.effective_cpus", "cpuset.cpus"]
            let candidates = levels.flatMap { level in files.map { "\(level)/\($0)" } }
            // The nearest group with a list decides: effective lists never exceed those above.
            let lists = candidates.lazy.compactMap { root.line($0).flatMap(CPUList.parse) }.filter { !$0.isEmpty }
            guard let list = lists.first else { return }
            limits.cpuset = limits.cpuset.map { $0.filter(list.contains) } ?? list
        }
    }

    /// `cpu.max`: `max 100000` or `150000 100000`, in microseconds.
    private func quotaVersion2(_ level: String) -> Double? {
        let fields = (root.line("\(level)/cpu.max") ?? "").split(separator: " ").map { Int($0) }
        guard let quota = fields.first ?? nil, quota > 0 else { return nil }
        guard fields.count > 1 else { return Double(quota) / 100_000 }
        return fields[1].flatMap { $0 > 0 ? Double(quota) / Double($0) : nil }
    }

    private func quotaVersion1(_ level: String) -> Double? {
        guard let quota = root.integer("\(level)/cpu.cfs_quota_us"), quota > 0,
            let period = root.integer("\(level)/cpu.cfs_period_us"), period > 0
        else { return nil }
        return Double(quota) / Double(period)
    }
}

/// One line of `/proc/self/cgroup`: `4:memory:/a/b`, or `0::/a/b` for version 2.
struct CgroupMembership {
    var controllers: [String]
    var path: String

    var isVersion2: Bool { controllers.isEmpty }

    static func parse(_ text: String) -> [CgroupMembership] {
        text.split(separator: "\n").prefix(64).compactMap { line in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return nil }
            return CgroupMembership(
                controllers: fields[1].split(separator: ",").map(String.init), path: String(fields[2]))
        }
    }

    /// Whether the hierarchy may hold this controller's files; version 2 keeps all of them in one.
    func covers(_ controller: String) -> Bool { isVersion2 || controllers.contains(controller) }

    /// The directories from the process's own group up to the mount point; `nil` when the hierarchy is not mounted.
    func levels(in mounts: [CgroupMount]) -> [String]? {
        guard let mount = mounts.first(where: { $0.holds(self) }) else { return nil }
        var inside = path.split(separator: "/").map(String.init)
        let hidden = mount.root.split(separator: "/").map(String.init)
        // A container sees its own group mounted as the top; groups outside the namespace start with `..`.
        if inside.starts(with: hidden) { inside.removeFirst(hidden.count) } else { inside = [] }
        if inside.contains("..") { inside = [] }
        inside = Array(inside.prefix(64))
        return (0...inside.count).reversed().map { depth in
            ([mount.point] + inside.prefix(depth)).joined(separator: "/")
        }
    }
}

/// One control group mount of `/proc/self/mountinfo`.
struct CgroupMount {
    /// The directory of the hierarchy that is mounted.
    var root: String
    /// Where it is mounted.
    var point: String
    /// Whether it is version 2.
    var isVersion2: Bool
    /// The mount options, which name version 1 controllers.
    var options: [String]

    /// Whether this is the hierarchy of a group.
    func holds(_ group: CgroupMembership) -> Bool {
        group.isVersion2 ? isVersion2 : !isVersion2 && group.controllers.allSatisfy(options.contains)
    }

    static func parse(_ text: String) -> [CgroupMount] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ").map(String.init)
            guard let dash = fields.firstIndex(of: "-"), dash >= 5, fields.count > dash + 3 else { return nil }
            let type = fields[dash + 1]
            guard type == "cgroup" || type == "cgroup2" else { return nil }
            return CgroupMount(
                root: unescape(fields[3]), point: unescape(fields[4]), isVersion2: type == "cgroup2",
                options: fields[dash + 3].split(separator: ",").map(String.init))
        }
    }

    /// Blanks in paths are written as octal, `\040`.
    private static func unescape(_ text: String) -> String {
        [("\\040", " "), ("\\011", "\t"), ("\\134", "\\")].reduce(text) { result, pair in
            result.split(separator: pair.0, omittingEmptySubsequences: false).joined(separator: pair.1)
        }
    }
}
