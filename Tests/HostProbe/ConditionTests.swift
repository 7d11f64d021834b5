import HostProbe
import NodeModel
import Testing

@Suite struct ProcessorTimesTests {
    private static let text = """
        cpu  100 20 30 1000 50 6 4 40 90 9
        cpu0 60 10 20 500 25 3 2 30 90 9
        cpu1 40 10 10 500 25 3 2 10 0 0
        intr 12345

        """

    @Test func allProcessors() throws {
        let times = try #require(ProcessorTimes.parse(Array(Self.text.utf8), threads: nil, ticksPerSecond: 100))
        // 100 + 20 + 30 + 6 + 4 + 40 ticks; guest time is part of user time already.
        #expect(abs(times.busySeconds - 2.0) < 1e-12)
        #expect(abs(times.stealSeconds - 0.4) < 1e-12)
        #expect(abs(times.totalSeconds - 12.5) < 1e-12)
        #expect(abs(times.workedSeconds - 1.6) < 1e-12)
    }

    @Test func someProcessors() throws {
        let times = try #require(ProcessorTimes.parse(Array(Self.text.utf8), threads: [1], ticksPerSecond: 100))
        #expect(abs(times.busySeconds - 0.75) < 1e-12)
        #expect(abs(times.stealSeconds - 0.1) < 1e-12)
        #expect(ProcessorTimes.parse(Array(Self.text.utf8), threads: [7]) == nil)
    }

    @Test func differencesNeverRunBackwards() {
        let before = ProcessorTimes(busySeconds: 10, stealSeconds: 2, totalSeconds: 100)
        let after = ProcessorTimes(busySeconds: 15, stealSeconds: 1, totalSeconds: 120)
        #expect(after.since(before) == ProcessorTimes(busySeconds: 5, stealSeconds: 0, totalSeconds: 20))
        #expect(after.since(before).busyFraction == 0.25)
        #expect(before.since(before).busyFraction == nil)
    }

    @Test(arguments: ["", "cpu\n", "cpu 1 2\n", "cpu0 1 2 3 4\n", "\u{0}\u{1}"])
    func malformed(_ text: String) { #expect(ProcessorTimes.parse(Array(text.utf8), threads: nil) == nil) }

    @Test func oldKernelsWithoutStealCountNone() throws {
        let times = try #require(ProcessorTimes.parse(Array("cpu 10 0 0 30\n".utf8), threads: nil, ticksPerSecond: 10))
        #expect(times == ProcessorTimes(busySeconds: 1, stealSeconds: 0, totalSeconds: 4))
    }

    @Test func absenceNamesTheFile() throws {
        let fixture = try FixtureRoot()
        let error = #expect(throws: SystemFailure.self) { try ProcessorTimes.read(fixture.root) }
        #expect(error?.action.contains("\(fixture.path)/proc/stat") == true)
    }

    @Test func thisMachineAdvances() throws {
        let first = try ProcessorTimes.read()
        #expect(first.totalSeconds > 0)
        #expect(try ProcessorTimes.read().totalSeconds >= first.totalSeconds)
    }

    @Test func theMonotonicClockAdvances() {
        let first = MonotonicClock.now()
        #expect(first.nanoseconds > 0)
        #expect(MonotonicClock.now() >= first)
    }
}

@Suite struct HostConditionsTests {
    private func isClose(_ value: Double?, _ expected: Double) -> Bool { abs((value ?? .nan) - expected) < 1e-9 }

    private func fixture(frequency: Bool = true) throws -> FixtureRoot {
        let cpu = "sys/devices/system/cpu"
        var files = [
            "\(cpu)/online": "0-1\n", "proc/stat": "cpu  0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0\n",
        ]
        for number in 0...1 {
            if frequency { files["\(cpu)/cpu\(number)/cpufreq/scaling_cur_freq"] = "\(3_000_000 + number * 500_000)\n" }
            files["\(cpu)/cpu\(number)/topology/physical_package_id"] = "0\n"
            files["\(cpu)/cpu\(number)/topology/core_id"] = "0\n"
            files["\(cpu)/cpu\(number)/thermal_throttle/core_throttle_count"] = "5\n"
            files["\(cpu)/cpu\(number)/thermal_throttle/package_throttle_count"] = "7\n"
        }
        return try FixtureRoot(files)
    }

    @Test func fractionsClockAndThrottlingOfAnObservation() throws {
        let fixture = try fixture()
        let observer = HostConditions(root: fixture.root)
        observer.begin()
        try fixture.write("proc/stat", "cpu  50 0 10 30 0 0 0 10\ncpu0 1 0 0 9 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0\n".utf8)
        // Both threads of the one core show the same event: it counts once.
        for number in 0...1 {
            try fixture.write(
                "sys/devices/system/cpu/cpu\(number)/thermal_throttle/core_throttle_count", "8\n".utf8)
        }
        let conditions = observer.end()
        #expect(isClose(conditions.busyFraction, 0.7))
        #expect(isClose(conditions.stealFraction, 0.1))
        #expect(conditions.clockHertz == Hertz(3.25e9))
        #expect(conditions.throttleEvents == 3)
    }

    @Test(arguments: [(1_000_000_000, 0.2), (1, nil)])
    func turnsOthersTookAreAFractionOfTheTimeWanted(_ scale: Int, _ expected: Double?) throws {
        // Seconds in one case, far more than the test takes; nanoseconds in the other, as of a process that waits for a
        // child and whose own turns say nothing.
        let fixture = try fixture()
        func write(_ thread: Int, _ ran: Int, _ waited: Int) throws {
            try fixture.write("proc/self/task/\(thread)/schedstat", "\(ran * scale) \(waited * scale) 3\n".utf8)
        }
        try write(10, 1_000, 500)
        try write(11, 2_000, 0)
        let observer = HostConditions(root: fixture.root)
        observer.begin()
        try write(10, 1_600, 700)
        try write(11, 2_200, 0)
        // A thread that began in the meantime says nothing of the whole time, and one that is no number says nothing.
        try write(12, 9_000, 9_000)
        try fixture.write("proc/self/task/13/schedstat", "x -1\n".utf8)
        let found = observer.end().waitingFraction
        #expect(expected.map { isClose(found, $0) } ?? (found == nil), "\(String(describing: found))")
    }

    @Test func stopsByAQuotaAreCounted() throws {
        let fixture = try fixture()
        try fixture.write("proc/self/cgroup", "0::/job\n".utf8)
        try fixture.write("proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 none rw\n".utf8)
        try fixture.write("sys/fs/cgroup/job/cpu.stat", "usage_usec 5\nnr_periods 9\nnr_throttled 4\n".utf8)
        let observer = HostConditions(root: fixture.root)
        observer.begin()
        try fixture.write("sys/fs/cgroup/job/cpu.stat", "usage_usec 9\nnr_periods 20\nnr_throttled 11\n".utf8)
        #expect(observer.end().quotaStops == 7)
    }

    @Test func onlyTheProcessorsUsedCount() throws {
        let fixture = try fixture()
        let observer = HostConditions(root: fixture.root, threads: [0])
        observer.begin()
        try fixture.write("proc/stat", "cpu  50 0 10 30 0 0 0 10\ncpu0 1 0 0 9 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0\n".utf8)
        let conditions = observer.end()
        #expect(isClose(conditions.busyFraction, 0.1))
        #expect(conditions.clockHertz == Hertz(3e9))
    }

    @Test func samplesUnderLoadBeatTheClockAtTheEnd() throws {
        let fixture = try fixture()
        let observer = HostConditions(root: fixture.root, threads: [0])
        observer.begin()
        observer.sample()
        try fixture.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "800000\n".utf8)
        #expect(observer.end().clockHertz == Hertz(3e9))
    }

    @Test func aConstantClockIsUnknown() throws {
        let fixture = try fixture(frequency: false)
        let information = "processor : 0\ncpu MHz : 2600.0\nflags : fpu aperfmperf"
        try fixture.write("proc/cpuinfo", (information + " hypervisor\n").utf8)
        let observer = HostConditions(root: fixture.root)
        observer.begin()
        #expect(observer.end().clockHertz == nil)
        try fixture.write("proc/cpuinfo", (information + "\n").utf8)
        let bare = HostConditions(root: fixture.root)
        bare.begin()
        #expect(bare.end().clockHertz == Hertz(2.6e9))
    }

    @Test func nothingToReadIsUnknown() throws {
        let observer = HostConditions(root: try FixtureRoot().root)
        observer.begin()
        #expect(observer.end() == MeasurementConditions())
    }
}
