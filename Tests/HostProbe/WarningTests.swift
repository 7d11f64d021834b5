import HostProbe
import NodeModel
import Testing

@Suite struct WarningTests {
    private static let quiet = [
        "sys/devices/system/cpu/online": "0-3\n", "proc/loadavg": "0.10 0.20 0.30 1/200 4242\n",
        "proc/stat": "cpu  100 0 0 900 0 0 0 0\n",
        "proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 15000000 kB\n",
        "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    ]

    private func codes(_ changes: [String: String]) throws -> [String] {
        try FixtureRoot(Self.quiet.merging(changes) { _, new in new }).probe.warnings().map(\.code)
    }

    @Test func aQuietMachineHasNone() throws { #expect(try codes([:]).isEmpty) }

    @Test func anEmptyRootHasNone() throws { #expect(try FixtureRoot().probe.warnings().isEmpty) }

    @Test(arguments: [
        ("governor", ["sys/devices/system/cpu/cpu2/cpufreq/scaling_governor": "powersave\n"]),
        ("hypervisor", ["proc/cpuinfo": "flags : fpu hypervisor\n"]),
        (
            "energy-filter",
            [
                "proc/cpuinfo": "flags\t\t: \(String(repeating: "fpu ", count: 400))sgx sgx_lc\n",
                "sys/class/powercap/intel-rapl/enabled": "1\n",
            ]
        ),
        ("busy", ["proc/loadavg": "3.90 2.00 1.00 5/200 4242\n"]),
        ("steal", ["proc/stat": "cpu  100 0 0 800 0 0 0 100\n"]),
        ("memory-low", ["proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 900000 kB\n"]),
        ("transparent-hugepages", ["sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]\n"]),
        (
            "cgroup-cpu-quota",
            [
                "proc/self/cgroup": "0::/\n",
                "proc/self/mountinfo": "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 none rw\n",
                "sys/fs/cgroup/cpu.max": "150000 100000\n",
            ]
        ),
    ])
    func eachConditionHasItsCode(_ code: String, _ changes: [String: String]) throws {
        #expect(try codes(changes) == [code])
    }

    @Test func remediesAreCommands() throws {
        let fixture = try FixtureRoot(
            Self.quiet.merging(["sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n"]) { _, new in new }
        )
        let warning = try #require(fixture.probe.warnings().first)
        #expect(warning.message.contains("1 of 1 processors is 'ondemand'"))
        #expect(warning.remedy?.contains("sudo cpupower frequency-set -g performance") == true)
    }

    @Test func aRunThatHasJustEndedIsNotBlamed() throws {
        #expect(try codes(["proc/loadavg": "3.90 2.00 1.00 1/200 4242\n"]).isEmpty)
    }

    @Test func onlyTheProcessorsUsedAreJudged() throws {
        let fixture = try FixtureRoot(
            Self.quiet.merging(["sys/devices/system/cpu/cpu2/cpufreq/scaling_governor": "powersave\n"]) { _, new in new
            })
        #expect(fixture.probe.warnings(threads: [0]).map(\.code) == ["cpuset"])
    }

    @Test func aPartOfTheProcessorsIsNoNode() throws {
        let warnings = try FixtureRoot(Self.quiet).probe.warnings(threads: [0, 1, 3])
        #expect(warnings.map(\.code) == ["cpuset"])
        #expect(warnings.first?.message.contains("3 of 4 processors (0-1,3)") == true)
        #expect(try FixtureRoot(Self.quiet).probe.warnings(threads: [0, 1, 2, 3]).isEmpty)
    }

    @Test func lessThanAProcessorIsNotHelpedByFewerThreads() throws {
        let group = [
            "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 none rw\n",
        ]
        for (quota, advice) in [("50000", "raise"), ("150000", "use at most 1 threads")] {
            let files = group.merging(["sys/fs/cgroup/cpu.max": "\(quota) 100000\n"]) { $1 }
            let warning = try FixtureRoot(Self.quiet.merging(files) { $1 }).probe.warnings().first
            #expect(warning?.remedy?.hasPrefix(advice) == true, "\(warning?.remedy ?? "")")
        }
    }

    @Test func anEarlierReadingJudgesTheTimeSince() throws {
        let fixture = try FixtureRoot(Self.quiet)
        let before = try ProcessorTimes.read(fixture.root)
        try fixture.write("proc/stat", "cpu  140 0 0 1400 0 0 0 60\n".utf8)
        let warnings = fixture.probe.warnings(since: before)
        #expect(warnings.map(\.code) == ["busy", "steal"])
        #expect(warnings.first?.message.contains("16.7 %") == true)
    }
}
