package import HostProbe
public import NodeModel

/// A GPU by AMD through ROCm SMI, which a child process loads.
public final class ROCmMeter: EnergyMeter, PowerBounded {
    /// The card, graded counter.
    public let description: MeterDescription
    /// Twice the highest power limit of the card.
    public let plausibleWatts: Watts
    private let metering: CardMetering

    init(_ card: CardReport, _ metering: CardMetering, isPartOfProcessor: Bool) {
        let counts = card.quantity == .energy
        let kind = isPartOfProcessor ? EnergyDomainKind.other : .gpu
        description = MeterDescription(
            id: "rocm:\(card.place)", source: "ROCm SMI", domain: EnergyDomain(name: "gpu-\(card.place)", kind: kind),
            grade: .counter, resolutionJoules: Joules(counts ? card.unit : 1e-6),
            // Firmware counts every millisecond; its averaged power is of about a second.
            updatePeriodSeconds: Seconds(counts ? 0.01 : card.quantity == .momentaryPower ? 0.1 : 1),
            wrapRangeJoules: nil, relativeUncertainty: Self.uncertainty(card),
            boundary: isPartOfProcessor ? AMDProcessorGraphics.boundary : Self.boundary(card),
            samplesPower: counts ? nil : true)
        plausibleWatts = metering.plausibleWatts
        self.metering = metering
    }

    /// Reads the card now.
    ///
    /// - Returns: The energy since the card was started, or the power, with the instant of the call in the child.
    /// - Throws: `SystemFailure` when the library or its process failed, or it shows what cannot be.
    public func read() throws -> TimedReading { try metering.read() }

    /// A counter nothing could be held against may be of another unit altogether (ROCm/amdsmi, #38).
    private static func uncertainty(_ card: CardReport) -> Double {
        guard card.quantity == .energy else { return 0.1 }
        return card.checkedRatio == nil ? 0.5 : 0.05
    }

    private static func boundary(_ card: CardReport) -> String {
        let whole = card.isPartitioned ? "the whole card, all its partitions together: " : ""
        let doubt =
            card.quantity == .energy && card.checkedRatio == nil
            ? "; there is no power to hold the counter against, so it is hardly believed" : ""
        return "\(card.name): " + whole
            + "what the card's firmware reckons: all dies and the memory; not fans and regulators" + doubt
    }
}

extension ROCmMeter {
    /// The catalogue's entry.
    ///
    /// It stands before hwmon, which shows the same card's power alone: a counter misses nothing between two reads.
    public static let kind = MeterKind(
        name: "rocm", file: "ROCmMeter.swift", summary: "GPUs by AMD through ROCm SMI, loaded in a child process"
    ) { options in
        // A captured tree holds no driver that could be asked.
        options.capturedRoot == nil ? try discover(HostRoot(), options) : MeterInventory()
    }

    private static let finder = LibraryFinder(
        names: [
            "librocm_smi64.so.7", "librocm_smi64.so.6", "librocm_smi64.so.5", "librocm_smi64.so.1", "librocm_smi64.so",
        ],
        folders: ["/opt/rocm/lib", "/opt/rocm/lib64"], variable: "NODEWATT_ROCM_SMI")

    /// Looks for cards.
    ///
    /// A card whose power is all the library knows is left to hwmon where that shows it: the library reads it there
    /// itself.
    ///
    /// - Parameters:
    ///   - root: Where the driver's traces are looked for.
    ///   - options: What is known of the node, and what loads the library.
    /// - Returns: One meter for each card, and why others are not there; nothing without the library or the driver.
    /// - Throws: `InputError` for a variable that is wrong.
    package static func discover(_ root: HostRoot, _ options: MeterOptions) throws -> MeterInventory {
        let isNamed = options.environment[finder.variable]?.isEmpty == false
        guard isNamed || root.exists("/dev/kfd"), let library = finder.find(root, options.environment) else {
            return MeterInventory()
        }
        do {
            return inventory(try CardDiscovery.open(.rocm, library, options), root)
        } catch let failure as SystemFailure {
            return MeterInventory(unavailable: [Unavailable(subject: "rocm", reason: failure.description)])
        }
    }

    private static func inventory(_ opened: OpenCards, _ root: HostRoot) -> MeterInventory {
        var inventory = MeterInventory(unavailable: opened.unavailable)
        let shown = Set(HwmonTree.sensors(root).compactMap(\.bus))
        for card in opened.cards {
            let subject = "rocm gpu-\(card.place) (\(card.name))"
            if let metering = CardMetering(card, opened.connection) {
                if card.quantity == .energy || !shown.contains(card.place) {
                    let isPart = AMDProcessorGraphics.isPartOfProcessor(place: card.place, root)
                    inventory.meters.append(ROCmMeter(card, metering, isPartOfProcessor: isPart))
                }
                guard card.quantity != .energy, !card.reasons.isEmpty else { continue }
            }
            inventory.unavailable.append(Unavailable(subject: subject, reason: card.reasons.joined(separator: "; ")))
        }
        return inventory
    }
}
