package import NodeModel

/// Records that tests of several modules store, read back and derive from.
package enum SessionExamples {
    /// A session in which everything that may be absent is.
    package static func bare(
        id: String = "0a0a0a0a-0000-4000-8000-000000000001", startedAt: String = "2026-01-02T03:04:05Z"
    )
        -> SessionRecord
    {
        let factor = GridFactor(
            zone: "WORLD", name: "World", gramsPerKwh: GramsPerKilowattHour(472.94), gas: "CO2e", scope: "life-cycle",
            year: 2024, source: "Ember", url: "https://ember-energy.org/")
        let node = NodeIdentity(
            host: "node-1",
            fingerprint: NodeFingerprint(
                cpuModel: "Example CPU", architecture: "x86_64", shape: "1p2c2t", memoryBytes: 8 << 30, kernel: "6.1.0")
        )
        return SessionRecord(
            sessionId: id, startedAt: startedAt, nodewattVersion: "0.1.0", isThisSystem: true, suite: "quick", seed: 7,
            node: node,
            site: SiteFacts(factor: Sourced(factor, source: "default"), pue: Sourced(1.0, source: "default")),
            topology: Topology(
                origin: .thisSystem, isThisSystem: true, root: TopologyObject(kind: .machine, logicalIndex: 0),
                allowedThreads: [0, 1]),
            devices: [], meters: [], unavailable: [], warnings: [])
    }

    /// A session in which everything is there, with two trials.
    package static func full(id: String = "0b0b0b0b-0000-4000-8000-000000000002") -> SessionRecord {
        var session = bare(id: id)
        session.endedAt = "2026-01-02T03:05:05Z"
        session.node.fingerprint.operatingSystem = "Debian GNU/Linux 12"
        session.node.fingerprint.firmware = "Vendor 1.2 2025-01-01"
        session.node.fingerprint.microcode = "0xa101148"
        session.node.fingerprint.governor = "performance"
        session.node.fingerprint.powerCapsWatts = [240, 0.5]
        session.node.fingerprint.drivers = ["opencl:0:0": "PoCL 3.1", "some_key": "kept as written"]
        session.node.fingerprint.hypervisor = "kvm"
        session.site.greenShare = Sourced(0.25, source: "--green-share")
        session.site.residualFactor = session.site.factor
        session.site.electricityPrice = Sourced(0.6, source: "NODEWATT_ELECTRICITY_PRICE")
        session.site.currency = Sourced("CNY", source: "site file")
        session.topology = topology
        session.devices = [device]
        session.meters = [meter]
        session.unavailable = [Unavailable(subject: "nvml", reason: "the library is not installed")]
        session.idle = IdleBaseline(beforeWatts: Watts(20), afterWatts: Watts(21), grade: .counter)
        session.warnings = [
            Warning(code: "governor", message: "powersave", remedy: "cpupower frequency-set -g performance")
        ]
        session.trials = [trial(), skipped]
        return session
    }

    /// A machine with caches, memory, a hybrid pair of core kinds and a GPU.
    package static var topology: Topology {
        var core = TopologyObject(kind: .core, logicalIndex: 0, osIndex: 0, threads: [0, 1])
        core.children = [TopologyObject(kind: .thread, logicalIndex: 0, osIndex: 0, threads: [0])]
        var cache = TopologyObject(kind: .l3Cache, logicalIndex: 0, threads: [0, 1])
        cache.cacheBytes = 32 << 20
        cache.cacheLineBytes = 64
        cache.children = [core]
        var memory = TopologyObject(kind: .numaNode, logicalIndex: 0, osIndex: 0, threads: [0, 1])
        memory.memoryBytes = 8 << 30
        var gpu = TopologyObject(kind: .pciDevice, logicalIndex: 0, name: "Example GPU")
        gpu.pci = PCIIdentity(
            address: "0000:3b:00.0", vendorID: 0x10DE, deviceID: 0x2330, classID: 0x0302, linkBytesPerSecond: 63e9)
        gpu.information = ["PCIVendor": "Example", "snake_case_name": "kept"]
        var system = TopologyObject(kind: .osDevice, logicalIndex: 0, name: "opencl0d0")
        system.osDevice = .coprocessor
        gpu.ioChildren = [system]
        var root = TopologyObject(kind: .machine, logicalIndex: 0, threads: [0, 1])
        root.children = [cache]
        root.memoryChildren = [memory]
        root.ioChildren = [gpu]
        return Topology(
            origin: .thisSystem, isThisSystem: true, root: root, allowedThreads: [0, 1],
            cpuKinds: [CPUKind(threads: [0, 1], efficiency: 1, information: ["CoreType": "IntelCore"])],
            cgroup: CgroupLimits(cpuQuota: 1.5, memoryBytes: 4 << 30, cpuset: [0, 1]))
    }

    package static var device: Device {
        Device(
            id: .cpu, kind: .cpu, backend: "native", name: "Example CPU", vendor: "Example", driver: "avx512",
            computeUnits: 2, clockHertz: Hertz(3.4e9), memoryBytes: 8 << 30, maximumAllocationBytes: 8 << 30,
            platform: "none", pciAddress: "0000:00:00.0", topologyObject: "machine", properties: ["isa_level": "v4"])
    }

    package static var meter: MeterDescription {
        MeterDescription(
            id: "rapl:intel-rapl:0", source: "libpowercap",
            domain: EnergyDomain(name: "package-0", kind: .package, package: 0), grade: .counter,
            resolutionJoules: Joules(6.1e-5), updatePeriodSeconds: Seconds(0.001), wrapRangeJoules: Joules(262_143.3),
            relativeUncertainty: 0.05, boundary: "fans, disks, power supply")
    }

    /// A measured trial with every value set.
    package static func trial(median: Double = 0.1) -> TrialRecord {
        var trial = TrialRecord(plan: plan, status: .measured)
        trial.samplesSeconds = [median * 0.99, median, median * 1.01]
        trial.medianSeconds = median
        trial.ci95LowSeconds = median * 0.99
        trial.ci95HighSeconds = median * 1.01
        trial.flops = Flops(2e9)
        trial.bytes = 2e9
        trial.flopsPerSecond = FlopsPerSecond(2e10)
        trial.bytesPerSecond = BytesPerSecond(2e10)
        trial.latencySeconds = 1e-7
        trial.variant = .triadPastCaches
        trial.level = .dram
        trial.workingSetBytes = 1 << 30
        trial.numaNode = 0
        trial.memoryNumaNode = 1
        trial.fractionOfPeak = 0.875
        trial.verified = true
        trial.verification = Verification(passed: true, method: "oracle", worst: 0.25, detail: "nothing")
        setEnergy(&trial)
        trial.repetitions = 4
        trial.conditions = MeasurementConditions(
            stealFraction: 0.01, busyFraction: 0.9, clockHertz: Hertz(3.3e9), throttleEvents: 1,
            measuredClockBefore: clock, measuredClockAfter: clock)
        trial.disturbances = ["1 % of the time was given to others"]
        trial.notes = ["isa": "avx512", "block_size": "6x64"]
        return trial
    }

    private static let clock = ClockSpread(
        lowHertz: Hertz(3.2e9), medianHertz: Hertz(3.3e9), highHertz: Hertz(3.4e9))

    private static func setEnergy(_ trial: inout TrialRecord) {
        trial.energyJoules = Joules(50)
        trial.energyCi95LowJoules = Joules(47.5)
        trial.energyCi95HighJoules = Joules(52.5)
        trial.energyNetJoules = Joules(30)
        trial.energyWindowSeconds = Seconds(1)
        trial.energyRepetitions = 10
        trial.powerWatts = Watts(50)
        trial.energyGrade = .counter
        trial.energySources = ["rapl:intel-rapl:0"]
        trial.energyDomains = [
            DomainEnergy(
                name: "package-0", kind: .package, source: "rapl:intel-rapl:0", grade: .counter,
                energyJoules: Joules(50), inTotal: true
            ),
            DomainEnergy(
                name: "core", kind: .package, source: "rapl:intel-rapl:0:0", grade: .counter, energyJoules: nil,
                inTotal: false,
                problem: "the counter stands still"),
        ]
        trial.flopsPerWatt = 4e8
        trial.flopsPerWattNet = 6e8
        trial.tokensPerSecond = 10
        trial.joulesPerToken = 5
        trial.gramsCo2ePerMillionTokens = 657
        trial.gramsCo2ePerMillionTokensMarket = 493
        trial.costPerMillionTokens = 0.83
        trial.currency = "CNY"
    }

    package static var plan: TrialPlan {
        let model = ModelShape(
            name: "Tiny", source: "none", layers: 1, hidden: 64, feedForward: 128, heads: 4, keyValueHeads: 2,
            headDimension: 16, vocabulary: 64)
        return TrialPlan(
            workload: .inference(
                InferenceStep(model: model, weights: .bf16, phase: .decode, tokens: 1, contextTokens: 128)),
            device: .cpu,
            threads: [0, 1], budget: Seconds(1), minimumWindow: Seconds(0.1))
    }

    /// A trial that was not run: nearly everything is absent.
    package static var skipped: TrialRecord {
        TrialRecord(
            plan: TrialPlan(
                workload: .peak(.f32), device: .cpu, threads: [], budget: Seconds(1), minimumWindow: Seconds(0)),
            status: .skipped, reason: "out of time")
    }
}
