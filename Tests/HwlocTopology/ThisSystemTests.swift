import FoundationEssentials
import Glibc
import HwlocTopology
import NodeModel
import Testing

extension TopologyTests {
    @Suite struct ThisSystemTests {
        @Test func thisMachineIsNotForeign() throws {
            let topology = try HwlocTopologySource(origin: .thisSystem).discover()
            #expect(topology.isThisSystem)
            #expect(topology.origin == .thisSystem)
            #expect(TopologyText.render(topology).hasPrefix("This machine: "))
            #expect(topology.objects(.thread).count == sysconf(Int32(_SC_NPROCESSORS_ONLN)))
            #expect(topology.memoryBytes > 0)
        }

        @Test func allowedThreadsFollowTheAffinityMask() throws {
            // As the kernel tells it, in another notation than hwloc reads.
            let status = try String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") })
            let mask = line.dropFirst("Cpus_allowed:".count).filter(\.isHexDigit).reversed()
            var expected: [Int] = []
            for (place, digit) in mask.enumerated() {
                let bits = try #require(digit.hexDigitValue)
                expected += (0..<4).filter { bits >> $0 & 1 == 1 }.map { place * 4 + $0 }
            }
            #expect(try HwlocTopologySource(origin: .thisSystem).discover().allowedThreads == expected)
        }

        @Test func variablesCannotPassAnotherMachineOffAsThisOne() throws {
            setenv("HWLOC_XMLFILE", Machines.path("power8gpudistances"), 1)
            setenv("HWLOC_THISSYSTEM", "1", 1)
            defer {
                unsetenv("HWLOC_XMLFILE")
                unsetenv("HWLOC_THISSYSTEM")
            }
            let here = try HwlocTopologySource(origin: .thisSystem).discover()
            #expect(here.objects(.thread).count == sysconf(Int32(_SC_NPROCESSORS_ONLN)))
            #expect(here.root.information["PlatformModel"] != "PowerNV 8335-GTB")
            #expect(try !Machines.xml("power8gpudistances").isThisSystem)
            // The variables are the user's: they are put back.
            #expect(getenv("HWLOC_THISSYSTEM").map { String(cString: $0) } == "1")
        }

        @Test func noDriverIsLoaded() throws {
            _ = try HwlocTopologySource(origin: .thisSystem).discover()
            let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
            for library in ["libOpenCL", "libcuda", "libnvidia-ml", "librocm_smi", "libze_loader", "libX11"] {
                #expect(!maps.contains(library))
            }
        }
    }
}
