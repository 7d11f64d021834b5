import HwlocTopology
import NodeModel
import Testing

extension TopologyTests {
    @Suite struct CapturedRootTests {
        /// A hybrid machine: two fast cores with two threads each, two slow ones, one node of 1 GiB.
        private func hybrid() throws -> TemporaryDirectory {
            let root = try TemporaryDirectory()
            let system = "sys/devices/system"
            for list in ["online", "possible", "present"] { try root.write("\(system)/cpu/\(list)", "0-5\n".utf8) }
            let cores = [0, 0, 1, 1, 2, 3]
            let siblings = ["03", "03", "0c", "0c", "10", "20"]
            var information = ""
            for cpu in 0..<6 {
                let topology = "\(system)/cpu/cpu\(cpu)/topology"
                try root.write("\(topology)/physical_package_id", "0\n".utf8)
                try root.write("\(topology)/core_id", "\(cores[cpu])\n".utf8)
                try root.write("\(topology)/core_cpus", "\(siblings[cpu])\n".utf8)
                try root.write("\(topology)/thread_siblings", "\(siblings[cpu])\n".utf8)
                try root.write("\(topology)/package_cpus", "3f\n".utf8)
                try root.write("\(topology)/core_siblings", "3f\n".utf8)
                let maximum = cpu < 4 ? 5_000_000 : 3_800_000
                try root.write("\(system)/cpu/cpu\(cpu)/cpufreq/cpuinfo_max_freq", "\(maximum)\n".utf8)
                information += "processor\t: \(cpu)\nvendor_id\t: GenuineIntel\nmodel name\t: Hybrid \u{1B}[31m9000\n\n"
            }
            try root.write("proc/cpuinfo", information.utf8)
            try root.write("\(system)/node/online", "0\n".utf8)
            try root.write("\(system)/node/node0/cpumap", "3f\n".utf8)
            try root.write("\(system)/node/node0/meminfo", "Node 0 MemTotal:  1048576 kB\n".utf8)
            return root
        }

        @Test func hybridMachineHasKindsOfCores() throws {
            let root = try hybrid()
            let topology = try HwlocTopologySource(origin: .fileSystemRoot(path: root.path)).discover()
            #expect(!topology.isThisSystem)
            #expect(TopologyCounts(topology).shape == "1p4c6t")
            #expect(topology.memoryBytes == 1 << 30)
            #expect(topology.cpuKinds.map(\.threads) == [[4, 5], [0, 1, 2, 3]])
            #expect(topology.cpuKinds.map(\.efficiency) == [0, 1])
            #expect(topology.cpuKinds.map { $0.information["FrequencyMaxMHz"] } == ["3800", "5000"])
            #expect(topology.oneThreadPerCore == [0, 2, 4, 5])
            // What a captured file says must not steer the reader's terminal.
            #expect(!TopologyText.render(topology).contains("\u{1B}"))
            #expect(TopologyText.render(topology).contains("core kind: threads 4-5: performance rank 0"))
        }

        @Test func devicesOfThisMachineDoNotLeakIn() throws {
            let root = try hybrid()
            let topology = try HwlocTopologySource(origin: .fileSystemRoot(path: root.path)).discover()
            #expect(topology.attachedDevices.isEmpty)
            #expect(topology.root.information["HostName"] == nil)
        }

        @Test func directoriesThatAreNoCaptureAreNamed() throws {
            let empty = try TemporaryDirectory()
            for path in [empty.path, "/nonexistent", "/etc/passwd"] {
                let error = #expect(throws: InputError.self) {
                    try HwlocTopologySource(origin: .fileSystemRoot(path: path)).discover()
                }
                #expect(error?.source == path)
            }
        }
    }
}
