/// What kind of computing power a node offers, in the terms of those who plan computing networks.
public enum NodeClass: String, Codable, Sendable {
    /// A CPU node.
    case general
    /// A node with a GPU or another accelerator that nodewatt can drive.
    case intelligent
    /// A node of a supercomputer. Never derived from one node's hardware, only stated by its operator.
    case `super`

    /// The class of a node: ``intelligent`` with any device that is not a CPU, measured or not, else ``general``.
    ///
    /// - Parameters:
    ///   - devices: What was measured.
    ///   - topology: What the node has: PCI 3D controllers (class 0x0302) and processing accelerators (0x1200) count,
    ///     display adapters, which every server's management chip brings, do not.
    public init(devices: [Device], topology: Topology) {
        let accelerators = topology.objects(.pciDevice).contains { [0x0302, 0x1200].contains($0.pci?.classID ?? 0) }
        self = accelerators || devices.contains { $0.kind != .cpu } ? .intelligent : .general
    }
}

/// A figure with the limits of its 95 % interval, in the unit its key ends in.
public struct ProfileValue: Hashable, Codable, Sendable {
    /// The central value.
    public var value: Double
    /// The lower limit; `nil` where the interval is not known.
    @ExplicitNull public var ci95Low: Double?
    /// The upper limit; `nil` where the interval is not known.
    @ExplicitNull public var ci95High: Double?

    /// Creates a value; the limits default to unknown.
    public init(_ value: Double, low: Double? = nil, high: Double? = nil) {
        self.value = value
        self._ci95Low = ExplicitNull(wrappedValue: low)
        self._ci95High = ExplicitNull(wrappedValue: high)
    }
}

/// What a figure of a profile says; the name ends in the unit.
public enum CapabilityName: String, Codable, Sendable, CaseIterable {
    /// Fused multiply-adds on registers alone.
    case peakFlopsPerSecond = "peak_flops_per_second"
    /// Reads that no cache can hold.
    case readBytesPerSecond = "read_bytes_per_second"
    /// A matrix product.
    case gemmFlopsPerSecond = "gemm_flops_per_second"
    /// Bytes of weights in matrix times vector.
    case gemvBytesPerSecond = "gemv_bytes_per_second"
    /// Tokens of an LLM's prefill phase.
    case prefillTokensPerSecond = "prefill_tokens_per_second"
    /// Tokens of an LLM's decode phase.
    case decodeTokensPerSecond = "decode_tokens_per_second"
}

/// One verified figure of a device, with what it costs.
public struct Capability: Hashable, Codable, Sendable {
    /// What the figure says, and in which unit.
    public var name: CapabilityName
    /// The operands' format.
    @ExplicitNull public var precision: Precision?
    /// The size in one word.
    @ExplicitNull public var shape: String?
    /// The model, for LLM figures.
    @ExplicitNull public var model: String?
    /// The weights' format, for LLM figures.
    @ExplicitNull public var quantization: Precision?
    /// Sequences computed together, for LLM figures.
    @ExplicitNull public var batch: Int?
    /// Tokens in the key-value cache, for LLM figures.
    @ExplicitNull public var contextTokens: Int?
    /// New tokens of each sequence, for LLM figures.
    @ExplicitNull public var newTokens: Int?
    /// The rate, in the unit of ``name``.
    public var measured: ProfileValue
    /// Whether the result was verified in the session; always so for figures derived from a session.
    public var verified: Bool
    /// The rate as a fraction of the device's measured ceiling.
    @ExplicitNull public var fractionOfPeak: Double?
    /// Mean gross power while it ran.
    @ExplicitNull public var powerWatts: ProfileValue?
    /// How far the power and what derives from it can be trusted.
    public var energyGrade: EnergyGrade
    /// The meters the energy was read from.
    public var energySources: [String]
    /// Operations per joule, gross.
    @ExplicitNull public var flopsPerWatt: ProfileValue?
    /// Gross joules per token.
    @ExplicitNull public var joulesPerToken: ProfileValue?
    /// Location-based emissions per million tokens, by the profile's site facts.
    @ExplicitNull public var gramsCo2ePerMillionTokens: ProfileValue?
    /// Market-based emissions per million tokens, by the profile's site facts.
    @ExplicitNull public var gramsCo2ePerMillionTokensMarket: ProfileValue?
    /// Electricity cost per million tokens in `currency`.
    @ExplicitNull public var costPerMillionTokens: ProfileValue?
    /// The currency of the cost.
    @ExplicitNull public var currency: String?
    /// What disturbed the measurement; empty when nothing did.
    public var disturbances: [String]

    /// Creates a figure without energy.
    public init(_ name: CapabilityName, measured: ProfileValue, verified: Bool) {
        self.name = name
        self.measured = measured
        self.verified = verified
        energyGrade = .none
        energySources = []
        disturbances = []
    }
}

/// A device and its figures.
public struct DeviceCapabilities: Hashable, Codable, Sendable {
    /// The device's id.
    public var device: DeviceID
    /// What the device is made for.
    public var kind: DeviceKind
    /// The way it is driven.
    public var backend: String
    /// The model name.
    public var name: String
    /// The maker.
    public var vendor: String
    /// The driver and its version.
    public var driver: String
    /// The PCI address, where it has one.
    @ExplicitNull public var pciAddress: String?
    /// Cores or compute units.
    public var computeUnits: Int
    /// The memory it computes from.
    @ExplicitNull public var memoryBytes: Int?
    /// The verified figures, in the order they were measured.
    public var figures: [Capability]

    /// Creates the entry of a device.
    public init(_ device: Device, figures: [Capability]) {
        self.device = device.id
        kind = device.kind
        backend = device.backend
        name = device.name
        vendor = device.vendor
        driver = device.driver
        _pciAddress = ExplicitNull(wrappedValue: device.pciAddress)
        computeUnits = device.computeUnits
        _memoryBytes = ExplicitNull(wrappedValue: device.memoryBytes > 0 ? device.memoryBytes : nil)
        self.figures = figures
    }
}

/// All caches of one kind.
public struct CacheSummary: Hashable, Codable, Sendable {
    /// The kind, for example `l3Cache`.
    public var kind: TopologyObjectKind
    /// How many there are.
    public var count: Int
    /// The capacity of all together.
    @ExplicitNull public var totalBytes: Int?

    /// Creates a summary.
    public init(kind: TopologyObjectKind, count: Int, totalBytes: Int?) {
        self.kind = kind
        self.count = count
        self._totalBytes = ExplicitNull(wrappedValue: totalBytes)
    }
}

/// A display controller or processing accelerator on the PCI bus, whether or not nodewatt can drive it.
public struct GPUSummary: Hashable, Codable, Sendable {
    /// The PCI address.
    public var pciAddress: String
    /// The model, where known.
    @ExplicitNull public var name: String?

    /// Creates a summary.
    public init(pciAddress: String, name: String?) {
        self.pciAddress = pciAddress
        self._name = ExplicitNull(wrappedValue: name)
    }
}

/// The hardware tree in numbers; what the tree does not tell is `null`.
public struct TopologySummary: Hashable, Codable, Sendable {
    /// Physical packages.
    @ExplicitNull public var packages: Int?
    /// Physical cores.
    @ExplicitNull public var cores: Int?
    /// Hardware threads.
    @ExplicitNull public var threads: Int?
    /// NUMA nodes.
    @ExplicitNull public var numaNodes: Int?
    /// The memory of all NUMA nodes together.
    @ExplicitNull public var memoryBytes: Int?
    /// Data and unified caches, the innermost first.
    public var caches: [CacheSummary]
    /// Display controllers and accelerators on the PCI bus, without those of management controllers.
    public var gpus: [GPUSummary]

    /// Sums up a hardware tree.
    public init(_ topology: Topology) {
        func count(_ kind: TopologyObjectKind) -> Int? {
            let number = topology.objects(kind).count
            return number > 0 ? number : nil
        }
        _packages = ExplicitNull(wrappedValue: count(.package))
        _cores = ExplicitNull(wrappedValue: count(.core))
        _threads = ExplicitNull(wrappedValue: count(.thread))
        _numaNodes = ExplicitNull(wrappedValue: count(.numaNode))
        _memoryBytes = ExplicitNull(wrappedValue: topology.memoryBytes > 0 ? topology.memoryBytes : nil)
        caches = [TopologyObjectKind.l1Cache, .l2Cache, .l3Cache, .l4Cache, .l5Cache].compactMap { kind in
            let sizes = topology.objects(kind).map(\.cacheBytes)
            let total = sizes.compactMap(\.self).reduce(0, +)
            return sizes.isEmpty
                ? nil : CacheSummary(kind: kind, count: sizes.count, totalBytes: total > 0 ? total : nil)
        }
        gpus = topology.objects(.pciDevice).compactMap { object in
            object.pci.flatMap { Self.isGPU($0) ? GPUSummary(pciAddress: $0.address, name: object.name) : nil }
        }
    }

    /// PCI base classes 0x03 (display) and 0x12 (processing accelerator), not a management controller's graphics
    /// (0x1a03 ASPEED, 0x102b Matrox).
    private static func isGPU(_ pci: PCIIdentity) -> Bool {
        let base = pci.classID >> 8
        return base == 0x12 || (base == 0x03 && ![0x1a03, 0x102b].contains(pci.vendorID))
    }
}

/// A node's capability profile: schema `nodewatt.profile/1`.
///
/// Only verified measurements of one session; whatever is not known is `null`.
public struct NodeProfile: Hashable, Codable, Sendable {
    /// The document type and version.
    public var schema: String = NodeProfile.currentSchema
    /// The program that measured.
    public var nodewattVersion: String
    /// The session all figures come from.
    public var sessionId: String
    /// When the session ended, or began where it has no end, RFC 3339 in UTC.
    public var measuredAt: String
    /// When the figures should be measured anew, RFC 3339 in UTC.
    public var expiresAt: String
    /// Whether any part was simulated or of a foreign machine.
    public var simulated: Bool
    /// The kind of computing power.
    public var nodeClass: NodeClass
    /// The node.
    public var node: NodeIdentity
    /// The digest of the node's fingerprint; see ``NodeFingerprint/digest``.
    public var fingerprintDigest: String
    /// The hardware in numbers.
    public var topology: TopologySummary
    /// Idle power before and after.
    public var idle: IdleBaseline
    /// The site's facts behind emissions and cost.
    public var site: SiteFacts
    /// The devices with their figures.
    public var devices: [DeviceCapabilities]
    /// What the last sweep measured, with the fingerprint it is of; absent where there was none.
    public var operatingPoints: OperatingPoints?
    /// What the last load ramp measured, with the fingerprint it is of; absent where there was none.
    public var loadCurve: LoadCurve?

    /// The schema this version writes.
    public static let currentSchema = "nodewatt.profile/1"

    /// Creates a profile without devices.
    public init(
        session: SessionRecord, measuredAt: String, expiresAt: String, simulated: Bool, devices: [DeviceCapabilities]
    ) {
        nodewattVersion = session.nodewattVersion
        sessionId = session.sessionId
        self.measuredAt = measuredAt
        self.expiresAt = expiresAt
        self.simulated = simulated
        nodeClass = NodeClass(devices: session.devices, topology: session.topology)
        node = session.node
        fingerprintDigest = session.node.fingerprint.digest
        topology = TopologySummary(session.topology)
        idle = session.idle
        site = session.site
        self.devices = devices
    }
}

extension NodeFingerprint {
    /// Sixteen hexadecimal digits that two fingerprints share exactly when all their fields agree (64-bit FNV-1a).
    public var digest: String {
        let fields: [String?] = [
            cpuModel, architecture, shape, "\(memoryBytes)", kernel, operatingSystem, firmware, microcode, governor,
            powerCapsWatts.map { "\($0)" }.joined(separator: ","),
            drivers.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\u{1E}"), hypervisor,
        ]
        return Checksum.hexadecimal(fields.map({ $0.map { "+" + $0 } ?? "-" }).joined(separator: "\u{1F}").utf8)
    }
}
