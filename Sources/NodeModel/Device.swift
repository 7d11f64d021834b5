/// Names a device: `cpu`, or `opencl:<platform>:<device>`.
public struct DeviceID: RawRepresentable, Hashable, Codable, Sendable, CustomStringConvertible {
    /// The name.
    public var rawValue: String

    /// Takes a name as it is; whether there is such a device is another question.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The processors of this node, driven by nodewatt's own kernels.
    public static let cpu = DeviceID(rawValue: "cpu")

    /// The name.
    public var description: String { rawValue }
}

/// What a device is made for.
public enum DeviceKind: String, Codable, Sendable {
    case cpu, gpu, accelerator
}

/// A device that can run workloads, with the properties that decide its performance.
public struct Device: Hashable, Codable, Sendable {
    /// The name that selects the device on the command line.
    public var id: DeviceID
    /// What the device is made for.
    public var kind: DeviceKind
    /// The way it is driven: `native` or `opencl`.
    public var backend: String
    /// The model name.
    public var name: String
    /// The maker.
    public var vendor: String
    /// The driver and its version; for the CPU the resolved instruction set, such as `avx512`.
    public var driver: String
    /// The OpenCL platform's name.
    public var platform: String?
    /// The PCI address, where it has one.
    public var pciAddress: String?
    /// The hwloc object it was matched to, for example `PCI 0000:3b:00.0` or `machine`.
    public var topologyObject: String?
    /// Cores or OpenCL compute units.
    public var computeUnits: Int
    /// The highest clock the driver reports.
    @ExplicitNull public var clockHertz: Hertz?
    /// The memory it computes from, in bytes.
    public var memoryBytes: Int
    /// The largest single buffer in bytes.
    public var maximumAllocationBytes: Int
    /// Further properties, by name, as the driver reports them.
    public var properties: [String: String]

    /// Creates a device.
    public init(
        id: DeviceID, kind: DeviceKind, backend: String, name: String, vendor: String, driver: String,
        computeUnits: Int, clockHertz: Hertz? = nil, memoryBytes: Int, maximumAllocationBytes: Int,
        platform: String? = nil, pciAddress: String? = nil, topologyObject: String? = nil,
        properties: [String: String] = [:]
    ) {
        self.id = id
        self.kind = kind
        self.backend = backend
        self.name = name
        self.vendor = vendor
        self.driver = driver
        self.computeUnits = computeUnits
        self._clockHertz = ExplicitNull(wrappedValue: clockHertz)
        self.memoryBytes = memoryBytes
        self.maximumAllocationBytes = maximumAllocationBytes
        self.platform = platform
        self.pciAddress = pciAddress
        self.topologyObject = topologyObject
        self.properties = properties
    }
}

/// What a backend found.
public struct DeviceInventory: Hashable, Codable, Sendable {
    /// The devices that can be used.
    public var devices: [Device]
    /// What could not be used, and why.
    public var unavailable: [Unavailable]

    /// Creates an inventory.
    public init(devices: [Device] = [], unavailable: [Unavailable] = []) {
        self.devices = devices
        self.unavailable = unavailable
    }
}
