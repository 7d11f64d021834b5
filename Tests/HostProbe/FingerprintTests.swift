import HostProbe
import NodeModel
import Testing

@Suite struct FingerprintTests {
    private static let server = [
        "proc/sys/kernel/hostname": "node17\u{1B}]0;x\u{7}\n", "proc/sys/kernel/osrelease": "6.1.0-13-amd64\n",
        "proc/sys/kernel/arch": "x86_64\n",
        "etc/os-release": "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
        "proc/cpuinfo": """
        processor\t: 0
        model name\t: AMD EPYC 9654 96-Core Processor
        microcode\t: 0xa101144
        flags\t\t: fpu vme aperfmperf avx512f

        """,
        "proc/meminfo": "MemTotal:       1048576 kB\nMemFree: 5 kB\nMemAvailable:    524288 kB\n",
        "sys/class/dmi/id/bios_vendor": "AMI\n", "sys/class/dmi/id/bios_version": "1.4b",
        "sys/class/dmi/id/bios_date": "05/02/2024\n", "sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
    ]

    @Test func everythingThatDecidesIsRead() throws {
        let fixture = try FixtureRoot(Self.server)
        let identity = fixture.probe.identity(
            shape: "2p192c384t", powerCapsWatts: [320, 320], drivers: ["cpu": "avx512"])
        #expect(identity.host == "node17]0;x")
        let expected = NodeFingerprint(
            cpuModel: "AMD EPYC 9654 96-Core Processor", architecture: "x86_64", shape: "2p192c384t",
            memoryBytes: 1 << 30, kernel: "6.1.0-13-amd64", operatingSystem: "Debian GNU/Linux 12 (bookworm)",
            firmware: "AMI 1.4b 05/02/2024", microcode: "0xa101144", governor: "schedutil",
            powerCapsWatts: [320, 320], drivers: ["cpu": "avx512"], hypervisor: nil)
        #expect(identity.fingerprint == expected)
        #expect(fixture.probe.availableMemoryBytes == 1 << 29)
    }

    @Test func anEmptyRootTellsNothingOfThisMachine() throws {
        let print = try FixtureRoot().probe.identity(shape: "1p1c1t")
        #expect(print.host == "unknown")
        #expect(
            print.fingerprint
                == NodeFingerprint(
                    cpuModel: "unknown", architecture: "unknown", shape: "1p1c1t", memoryBytes: 0, kernel: "unknown"))
    }

    @Test(arguments: [
        ("CPU implementer\t: 0x41\nCPU part\t: 0xd40\n", "Arm Neoverse V1"),
        ("CPU implementer\t: 0x48\nCPU part\t: 0xd01\n", "HiSilicon TSV110 (Kunpeng 920)"),
        ("CPU implementer\t: 0x99\nCPU part\t: 0x123\n", "Arm implementer 0x99 part 0x123"),
        ("cpu\t\t: POWER9, altivec supported\n", "POWER9, altivec supported"),
        ("processor : 0\nModel Name : Loongson-3C5000\n", "Loongson-3C5000"), ("garbage\u{0}\u{1}", "unknown"),
    ])
    func processorNames(_ information: String, _ expected: String) throws {
        let fixture = try FixtureRoot(["proc/cpuinfo": information])
        #expect(fixture.probe.fingerprint(shape: "").cpuModel == expected)
    }

    @Test(arguments: [
        (["sys/hypervisor/type": "xen\n"], "Xen"), (["proc/cpuinfo": "flags : fpu hypervisor\n"], "unidentified"),
        (
            [
                "proc/cpuinfo": "flags : fpu hypervisor\n",
                "sys/devices/system/clocksource/clocksource0/available_clocksource": "kvm-clock tsc\n",
            ], "KVM"
        ),
        (
            [
                "proc/cpuinfo": "flags : fpu hypervisor\n", "sys/class/dmi/id/sys_vendor": "VMware, Inc.\n",
                "sys/class/dmi/id/product_name": "VMware7,1\n",
            ], "VMware"
        ),
        (["proc/cpuinfo": "flags : fpu sse\n", "sys/class/dmi/id/sys_vendor": "Amazon EC2\n"], nil), ([:], nil),
        (["proc/cpuinfo": "Features : fp asimd\n", "sys/class/dmi/id/sys_vendor": "QEMU\n"], "QEMU"),
    ])
    func hypervisors(_ files: [String: String], _ expected: String?) throws {
        #expect(try FixtureRoot(files).probe.hypervisor == expected)
    }

    @Test func thisMachineHasANameAndAnArchitecture() {
        let identity = HostProbe().identity(shape: "1p1c1t")
        #expect(!identity.host.isEmpty)
        #expect(identity.fingerprint.architecture != "unknown")
        #expect(identity.fingerprint.memoryBytes > 0)
        #expect(identity.fingerprint.kernel != "unknown")
    }
}
