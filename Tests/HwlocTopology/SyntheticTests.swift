import HwlocTopology
import NodeModel
import Testing

extension TopologyTests {
    @Suite struct SyntheticTests {
        @Test func levelsMultiply() throws {
            let topology = try Machines.synthetic("pack:2 numa:2 l3:1 core:4 pu:2")
            let counts = TopologyCounts(topology)
            #expect(counts.shape == "2p16c32t")
            #expect([counts[.numaNode], counts[.l3Cache]] == [4, 4])
            #expect(!topology.isThisSystem)
            #expect(topology.oneThreadPerCore == stride(from: 0, to: 32, by: 2).map { $0 })
        }

        @Test(arguments: [
            "", "foo:3", "core:0 pu:1", "pack:2 core", "core:-1 pu:2", "pu:2 core:2", "pack:2 (", "\u{7}",
        ])
        func badDescriptionsAreNamed(_ description: String) {
            let error = #expect(throws: InputError.self) { try Machines.synthetic(description) }
            #expect(error?.source == "--synthetic")
            #expect(error?.description.contains("\u{7}") == false)
        }

        @Test(arguments: ["pack:1000 core:1000 pu:2", "65537", "9223372036854775807 9223372036854775807"])
        func enormousMachinesAreRefusedBeforeTheyAreBuilt(_ description: String) {
            let error = #expect(throws: InputError.self) { try Machines.synthetic(description) }
            #expect(error?.problem.contains("65536") == true)
        }

        @Test func alikeNeighboursShareALine() throws {
            let text = TopologyText.render(try Machines.synthetic("pack:1 l3:2 l2:8 core:1 pu:2"))
            #expect(text.contains("8 × (L2 4 MiB + Core + 2 threads): cores 0-7, threads 0-15"))
            let long = TopologyText.render(try Machines.synthetic("pack:1 l3:2 l2:8 core:1 pu:2"), collapsing: false)
            #expect(long.contains("L2 4 MiB + Core 15 + threads 30-31"))
        }

        @Test func chainsOfOnlyChildrenShareALine() throws {
            let expected = """
                FOREIGN (not the running machine), synthetic machine 'pack:1 l3:1 core:2 pu:1': 1 package, \
                1 NUMA node, 2 cores, 2 threads, 1 GiB
                  allowed threads: 0-1 (2 of 2)

                Machine
                  Package 0
                    NUMA node 0, 1 GiB
                    L3 16 MiB
                      Core 0 + thread 0
                      Core 1 + thread 1
                """
            #expect(TopologyText.render(try Machines.synthetic("pack:1 l3:1 core:2 pu:1")) == expected)
        }
    }
}
