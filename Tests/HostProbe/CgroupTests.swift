import HostProbe
import NodeModel
import Testing

@Suite struct CgroupTests {
    private static let version2 = "30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
    private static let version1 = """
        31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
        34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
        35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw

        """
    private static let groups1 = "9:name=systemd:/\n4:memory:/job/step\n3:cpuset:/job\n2:cpu,cpuacct:/job\n0::/\n"

    private func limits(_ files: [String: String]) throws -> CgroupLimits {
        try FixtureRoot(files).probe.cgroupLimits()
    }

    @Test func noFilesNoLimits() throws { #expect(try limits([:]) == CgroupLimits()) }

    @Test func version2TakesTheTightestOfAllLevels() throws {
        let base = "sys/fs/cgroup/slurm.slice"
        let found = try limits([
            "proc/self/cgroup": "0::/slurm.slice/job_1/step_0\n", "proc/self/mountinfo": Self.version2,
            "sys/devices/system/cpu/online": "0-7\n", "\(base)/job_1/step_0/cpu.max": "max 100000\n",
            "\(base)/job_1/cpu.max": "150000 100000\n", "\(base)/cpu.max": "400000 100000\n",
            "\(base)/job_1/step_0/memory.max": "max\n", "\(base)/job_1/memory.max": "8589934592\n",
            "\(base)/memory.max": "4294967296\n", "\(base)/job_1/cpuset.cpus.effective": "2-3\n",
            "sys/fs/cgroup/cpuset.cpus.effective": "0-7\n",
        ])
        #expect(found == CgroupLimits(cpuQuota: 1.5, memoryBytes: 4 << 30, cpuset: [2, 3]))
    }

    @Test func aSetOfAllProcessorsIsNoLimit() throws {
        let found = try limits([
            "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": Self.version2,
            "sys/devices/system/cpu/online": "0-3\n",
            "sys/fs/cgroup/cpuset.cpus.effective": "0-3\n", "sys/fs/cgroup/cpu.max": "max 100000\n",
        ])
        #expect(found == CgroupLimits())
    }

    @Test func version1AndHybrid() throws {
        let found = try limits([
            "proc/self/cgroup": Self.groups1, "proc/self/mountinfo": Self.version1,
            "sys/devices/system/cpu/online": "0-3\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "250000\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/memory/job/step/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "1073741824\n",
            "sys/fs/cgroup/cpuset/job/cpuset.cpus": "1,3\n",
        ])
        #expect(found == CgroupLimits(cpuQuota: 2.5, memoryBytes: 1 << 30, cpuset: [1, 3]))
    }

    @Test func version1UnlimitedSentinelIsNoLimit() throws {
        let found = try limits([
            "proc/self/cgroup": Self.groups1, "proc/self/mountinfo": Self.version1,
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        ])
        #expect(found == CgroupLimits())
    }

    @Test func aContainersOwnGroupIsTheTopOfItsMount() throws {
        let found = try limits([
            "proc/self/cgroup": "0::/docker/abc\n",
            "proc/self/mountinfo": "30 1 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
            "sys/fs/cgroup/cpu.max": "50000 100000\n", "sys/fs/cgroup/docker/abc/cpu.max": "1 100000\n",
        ])
        #expect(found.cpuQuota == 0.5)
    }

    @Test func mountPathsAreUnescapedAndParentsOfTheNamespaceIgnored() throws {
        let found = try limits([
            "proc/self/cgroup": "0::/../../other\n",
            "proc/self/mountinfo": "30 1 0:26 / /sys/fs/my\\040groups rw - cgroup2 cgroup rw\n",
            "sys/fs/my groups/cpu.max": "200000 100000\n",
        ])
        #expect(found.cpuQuota == 2)
    }

    @Test(arguments: ["", "0", "-5 100000", "5 0", "5 -1", "abc 100000", "1e400 100000", "max", "nan 1", "inf 1"])
    func malformedQuotasAreNoLimit(_ text: String) throws {
        let found = try limits([
            "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": Self.version2, "sys/fs/cgroup/cpu.max": text,
        ])
        #expect(found.cpuQuota == nil)
    }

    @Test func hostileMembershipIsSurvived() throws {
        let deep = String(repeating: "/a", count: 20_000)
        let found = try limits([
            "proc/self/cgroup": "0::\(deep)\n::\n:\nx\n", "proc/self/mountinfo": "- - -\n1 2\n" + Self.version2,
            "sys/fs/cgroup/memory.max": "1000\n",
        ])
        #expect(found.memoryBytes == 1000)
    }
}
