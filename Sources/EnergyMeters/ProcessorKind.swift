public import HostProbe

/// What a processor calls itself: the values of CPUID, as `/proc/cpuinfo` shows them.
public struct ProcessorKind: Hashable, Sendable {
    /// The vendor string, for example `AuthenticAMD`.
    public var vendor: String
    /// The family.
    public var family: Int
    /// The model within the family.
    public var model: Int
    /// The stepping, where it is known.
    public var stepping: Int?

    /// Creates a kind.
    public init(vendor: String, family: Int, model: Int, stepping: Int? = nil) {
        self.vendor = vendor
        self.family = family
        self.model = model
        self.stepping = stepping
    }

    /// Takes the kind from the first processor in a `cpuinfo` file of x86.
    ///
    /// `nil` where the file does not name vendor, family and model, as on other architectures.
    ///
    /// - Parameter cpuinfo: The file's text.
    public init?(cpuinfo: String) {
        guard let vendor = OutsideText.value(of: "vendor_id", in: cpuinfo),
            let family = OutsideText.value(of: "cpu family", in: cpuinfo).flatMap({ Int($0) }),
            let model = OutsideText.value(of: "model", in: cpuinfo).flatMap({ Int($0) })
        else { return nil }
        self.init(
            vendor: vendor, family: family, model: model,
            stepping: OutsideText.value(of: "stepping", in: cpuinfo).flatMap { Int($0) })
    }

    /// The processor of the machine whose `/proc` is below `root`.
    ///
    /// - Parameter root: Where `/proc` is.
    /// - Returns: `nil` where the machine does not say.
    public static func read(_ root: HostRoot = HostRoot()) -> ProcessorKind? {
        // The first processor's lines are enough, and on large machines the file is long.
        root.text("/proc/cpuinfo", limit: 16 << 10).flatMap { ProcessorKind(cpuinfo: $0) }
    }

    /// Whether RAPL counts energy per package even where the kernel shows a zone for each die.
    public var countsPerPackage: Bool { vendor == "AuthenticAMD" || vendor == "HygonGenuine" }
}
