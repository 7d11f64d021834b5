import FoundationEssentials
import HwlocTopology
import NodeModel
import Testing

extension TopologyTests {
    @Suite struct DocumentTests {
        /// The promised keys, and a few more that programs will rely on.
        private struct Promised: Decodable {
            var schema: String
            var isThisSystem: Bool
            var origin: String
            var originSource: String?
            var packages: Int
            var dies: Int
            var numaNodes: Int
            var cores: Int
            var threads: Int
            var memoryBytes: Int
            var pciDevices: Int
            var osDevices: Int
            var allowedThreads: [Int]
            var tree: TopologyObject
        }

        @Test func promisedKeysAreThere() throws {
            let topology = try Machines.xml("power8gpudistances")
            let data = try JSONDocument.encode(TopologyDocument(topology))
            let document = try JSONDocument.decode(Promised.self, from: data, named: "document")
            #expect(document.schema == "nodewatt.topology/1")
            #expect(!document.isThisSystem)
            #expect([document.packages, document.numaNodes, document.cores, document.threads] == [2, 2, 8, 16])
            #expect([document.pciDevices, document.osDevices, document.dies] == [4, 12, 0])
            #expect(document.origin == "xml")
            #expect(document.originSource?.hasSuffix("power8gpudistances.xml") == true)
            #expect(document.allowedThreads.count == 16)
            #expect(document.tree == topology.root)
        }

        @Test(arguments: [
            "is_this_system", "numa_nodes", "memory_bytes", "origin_source", "cpu_kinds", "allowed_threads",
            "pci_devices",
            "os_devices", "cpu_quota", "pci_address", "link_bytes_per_second", "line_bytes", "vendor_id",
        ])
        func keysAreSnakeCase(_ key: String) throws {
            let text = try JSONDocument.text(TopologyDocument(try Machines.xml("power8gpudistances")))
            #expect(text.contains("\"\(key)\" :"))
        }

        @Test func absentLimitsAreNull() throws {
            let text = try JSONDocument.text(TopologyDocument(try Machines.synthetic("core:2 pu:1")), pretty: false)
            #expect(text.contains("\"cgroup\":{\"cpu_quota\":null,\"cpuset\":null,\"memory_bytes\":null}"))
        }
    }
}
