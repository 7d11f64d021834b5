import HwlocTopology
import NodeModel
import Testing

/// What `lstopo -i FILE -v` and `hwloc-calc -i FILE --number-of KIND all` of hwloc 2.9 say about each machine.
struct KnownMachine: CustomTestStringConvertible, Sendable {
    var file: String
    var packages: Int
    var cores: Int
    var threads: Int
    var numaNodes: Int
    var caches: [TopologyObjectKind: Int]
    var pci: Int
    var osDevices: Int
    var kibibytes: Int
    var testDescription: String { file }

    static let all = [
        KnownMachine(
            file: "16amd64-8n2c-cpusets", packages: 6, cores: 10, threads: 10, numaNodes: 5,
            caches: [.l1Cache: 10, .l2Cache: 10, .l3Cache: 0], pci: 0, osDevices: 0, kibibytes: 41_943_040),
        KnownMachine(
            file: "8intel64-4n2t-memattrs", packages: 0, cores: 0, threads: 8, numaNodes: 4,
            caches: [.l1Cache: 0, .l2Cache: 0, .l3Cache: 0], pci: 0, osDevices: 0, kibibytes: 4_194_304),
        KnownMachine(
            file: "96em64t-4n4d3ca2co-pci", packages: 16, cores: 96, threads: 96, numaNodes: 4,
            caches: [.l1Cache: 96, .l2Cache: 48, .l3Cache: 16], pci: 14, osDevices: 13, kibibytes: 200_276_804),
        KnownMachine(
            file: "power8gpudistances", packages: 2, cores: 8, threads: 16, numaNodes: 2,
            caches: [.l1Cache: 0, .l2Cache: 0, .l3Cache: 8], pci: 4, osDevices: 12, kibibytes: 133_796_416),
    ]
}

extension TopologyTests {
    @Suite struct FixtureTests {
        @Test(arguments: KnownMachine.all)
        func countsAreTheMachines(_ machine: KnownMachine) throws {
            let topology = try Machines.xml(machine.file)
            #expect(topology.objects(.package).count == machine.packages)
            #expect(topology.objects(.core).count == machine.cores)
            #expect(topology.objects(.thread).count == machine.threads)
            #expect(topology.objects(.numaNode).count == machine.numaNodes)
            for (kind, count) in machine.caches { #expect(topology.objects(kind).count == count, "\(kind)") }
            #expect(topology.objects(.pciDevice).count == machine.pci)
            #expect(topology.objects(.osDevice).count == machine.osDevices)
            #expect(topology.memoryBytes == machine.kibibytes * 1024)
        }

        @Test(arguments: KnownMachine.all)
        func filesAreForeign(_ machine: KnownMachine) throws {
            let topology = try Machines.xml(machine.file)
            #expect(!topology.isThisSystem)
            #expect(topology.origin == .xml(path: Machines.path(machine.file)))
            #expect(topology.cgroup == CgroupLimits())
            #expect(topology.allowedThreads == topology.root.threads)
            #expect(TopologyText.render(topology).hasPrefix("FOREIGN"))
        }

        @Test func nodesWithoutProcessorsAreKept() throws {
            let topology = try Machines.xml("16amd64-8n2c-cpusets")
            let bare = topology.objects(.numaNode).filter(\.threads.isEmpty)
            #expect(bare.compactMap(\.osIndex).sorted() == [4, 5])
            #expect(bare.allSatisfy { $0.memoryBytes == 8 << 30 })
            #expect(TopologyText.render(topology).contains("NUMA node 5, 8 GiB (no processors)"))
        }

        @Test func cachesHaveSizesAndLines() throws {
            let topology = try Machines.xml("96em64t-4n4d3ca2co-pci")
            #expect(topology.objects(.l3Cache).allSatisfy { $0.cacheBytes == 16 << 20 && $0.cacheLineBytes == 64 })
            #expect(topology.lastLevelCacheBytes == 16 * (16 << 20))
            // The POWER8 file gives a line size of 0, which means unknown.
            #expect(try Machines.xml("power8gpudistances").objects(.l3Cache).allSatisfy { $0.cacheLineBytes == nil })
        }

        @Test func memoryAttributesComeFromTheBestInitiator() throws {
            let nodes = try Machines.xml("8intel64-4n2t-memattrs").objects(.numaNode)
            #expect(nodes.map { $0.information["BandwidthMiBPerSecond"] } == [nil, "20", nil, nil])
            #expect(nodes.allSatisfy { $0.information["LatencyNanoseconds"] == nil })
        }

        @Test func graphicsProcessorsHaveAddressLinkAndPlace() throws {
            let topology = try Machines.xml("power8gpudistances")
            let devices = topology.attachedDevices
            #expect(devices.map(\.category) == Array(repeating: .accelerator, count: 4))
            #expect(devices.map(\.pciAddress) == ["0002:01:00.0", "0003:01:00.0", "000a:01:00.0", "000b:01:00.0"])
            #expect(devices.map(\.numaNodes) == [[0], [0], [1], [1]])
            #expect(devices[3].names == ["cuda3", "opencl0d3", "nvml3"])
            #expect(devices[0].model == "Tesla P100-SXM2-16GB")
            let speed = try #require(devices[0].linkBytesPerSecond)
            #expect(abs(speed - 15.753846e9) < 1e4)
            let pci = try #require(topology.objects(.pciDevice).first?.pci)
            #expect([pci.vendorID, pci.deviceID, pci.classID] == [0x10de, 0x15f9, 0x0302])
            #expect(topology.cpuKinds.map(\.information) == [["FrequencyMaxMHz": "4023"]])
        }

        @Test func devicesAreGrouped() throws {
            let devices = try Machines.xml("96em64t-4n4d3ca2co-pci").attachedDevices
            let counts = Dictionary(grouping: devices, by: \.category).mapValues(\.count)
            #expect(counts == [.accelerator: 1, .network: 8, .storage: 5])
            #expect(devices.first { $0.names == ["eth7"] }?.numaNodes == [3])
        }
    }
}
