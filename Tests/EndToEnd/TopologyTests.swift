import Foundation
import Testing

@Suite struct TopologyTests {
    private static let fixtures = Program.tests.appendingPathComponent("HwlocTopology/Fixtures").path

    /// Packages, cores, threads and NUMA nodes as `lstopo` shows them: only what the machine's process was allowed.
    @Test(arguments: [
        ("16amd64-8n2c-cpusets.xml", [6, 10, 10, 5]), ("8intel64-4n2t-memattrs.xml", [0, 0, 8, 4]),
        ("96em64t-4n4d3ca2co-pci.xml", [16, 96, 96, 4]), ("power8gpudistances.xml", [2, 8, 16, 2]),
    ])
    func foreignMachinesCountAsHwlocCounts(file: String, counts: [Int]) throws {
        let document = try Program.run(["topology", "--xml", Self.fixtures + "/" + file, "--format", "json"]).document()
        #expect(document["is_this_system"] as? Bool == false)
        let keys = ["packages", "cores", "threads", "numa_nodes"]
        #expect(keys.map { document[$0] as? Int ?? -1 } == counts)
        #expect(document["tree"] is [String: Any])
    }

    @Test func foreignTextSaysSo() throws {
        let finished = try Program.run(["topology", "--synthetic", "pack:2 numa:1 core:4 pu:2"])
        #expect(finished.status == 0 && finished.output.lowercased().contains("foreign"))
    }

    @Test func thisSystemIsThis() throws {
        let document = try Program.run(["topology", "--format", "json"]).document()
        #expect(document["is_this_system"] as? Bool == true)
        #expect((document["threads"] as? Int ?? 0) >= ProcessInfo.processInfo.activeProcessorCount)
    }
}
