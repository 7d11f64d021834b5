package import HostProbe
public import NodeModel

/// A GPU by NVIDIA through NVML, which a child process loads.
public final class NVMLMeter: EnergyMeter, PowerBounded {
    /// The card, graded counter.
    public let description: MeterDescription
    /// Twice the highest power limit of the card.
    public let plausibleWatts: Watts
    /// The card, for those who manage it.
    let gpu: ManagedGPU
    let connection: CardConnection
    private let metering: CardMetering

    init(_ card: CardReport, _ metering: CardMetering) {
        let source = NVMLSource.of(card)
        description = MeterDescription(
            id: "nvml:\(card.place)", source: "NVML", domain: NVMLBoundary.domain(card), grade: .counter,
            resolutionJoules: Joules(1e-3), updatePeriodSeconds: source.period, wrapRangeJoules: nil,
            relativeUncertainty: source.relativeUncertainty,
            boundary: "\(card.name): \(NVMLBoundary.text(card))\(source.remark)",
            samplesPower: card.quantity == .energy ? nil : true)
        plausibleWatts = metering.plausibleWatts
        gpu = ManagedGPU(card)
        connection = metering.connection
        self.metering = metering
    }

    /// Reads the card now.
    ///
    /// - Returns: The energy since the driver was loaded, or the power, with the instant of the call in the child.
    /// - Throws: `SystemFailure` when the library or its process failed, or it shows what cannot be.
    public func read() throws -> TimedReading { try metering.read() }
}

/// How each source of NVML behaves.
struct NVMLSource {
    var period: Seconds
    var relativeUncertainty: Double
    var remark: String

    /// How a card's source behaves.
    ///
    /// The counter steps every 20 ms (V100) to 100 ms (A100, H100, consumers' cards), so the longest is taken. Sensors
    /// are within 5 % by NVIDIA's word; of A100 and H100 they look at 25 ms of every 100 ms (Yang et al., "Part-time
    /// power measurements", SC24), which more than one look at a changing load does not average out.
    static func of(_ card: CardReport) -> NVMLSource {
        switch card.quantity {
        case .energy, nil: NVMLSource(period: Seconds(0.1), relativeUncertainty: 0.05, remark: "")
        case .momentaryPower:
            NVMLSource(
                period: Seconds(0.1), relativeUncertainty: 0.1,
                remark: "; no energy counter: momentary powers are added up")
        case .averagePower where averages(card):
            NVMLSource(
                period: Seconds(1), relativeUncertainty: 0.1,
                remark: "; no energy counter: powers averaged over 1 s are added up")
        case .averagePower:
            NVMLSource(
                period: Seconds(0.1), relativeUncertainty: 0.1, remark: "; no energy counter: powers are added up")
        }
    }

    /// Whether `nvmlDeviceGetPowerUsage` averages over a second: since Ampere, but not on its first chip, GA100.
    private static func averages(_ card: CardReport) -> Bool {
        guard let architecture = card.architecture else { return true }
        let ampere: UInt64 = 7
        if architecture == ampere, ["A100", "A800", "A30"].contains(where: names(card.name)) { return false }
        return architecture >= ampere
    }

    private static func names(_ name: String) -> (String) -> Bool {
        let words = name.split { !$0.isLetter && !$0.isNumber }
        return { word in words.contains { $0 == word } }
    }
}

/// What NVML sees of a card.
enum NVMLBoundary {
    static func domain(_ card: CardReport) -> EnergyDomain {
        EnergyDomain(name: "gpu-\(card.place)", kind: seesModule(card) ? .platform : .gpu)
    }

    static func text(_ card: CardReport) -> String {
        let parts = card.isPartitioned ? "the whole GPU, all its MIG instances together, " : "the whole card "
        if seesModule(card) { return "the whole module: GPU, Grace processor and the memory of both" }
        if superchips.contains(where: card.name.contains) {
            return parts + "with its memory, as the counter of a superchip shows it; not known how much of the module"
        }
        return parts + "with its memory; nothing of the host"
    }

    /// The counter of Grace Hopper is the module's, so that its processor must not be added (ml-energy/zeus, #172).
    private static func seesModule(_ card: CardReport) -> Bool {
        card.quantity == .energy && card.name.contains("GH200")
    }

    private static let superchips = ["GH200", "GB200", "GB300", "GB10"]
}

extension NVMLMeter {
    /// The catalogue's entry.
    public static let kind = MeterKind(
        name: "nvml", file: "NVMLMeter.swift", summary: "GPUs by NVIDIA through libnvidia-ml, loaded in a child process"
    ) { options in
        // A captured tree holds no driver that could be asked.
        options.capturedRoot == nil ? try discover(HostRoot(), options) : MeterInventory()
    }

    /// Looks for cards.
    ///
    /// - Parameters:
    ///   - root: Where the driver's traces are looked for.
    ///   - options: What is known of the node, and what loads the library.
    /// - Returns: One meter for each card, and why others are not there; nothing on a node without NVIDIA.
    /// - Throws: `InputError` for a variable that is wrong.
    package static func discover(_ root: HostRoot, _ options: MeterOptions) throws -> MeterInventory {
        switch NVMLPresence.look(root, options.environment) {
        case .absent: return MeterInventory()
        case .useless(let reason): return note(reason)
        case .library(let path):
            do {
                return inventory(try CardDiscovery.open(.nvml, path, options))
            } catch let failure as SystemFailure {
                return note(failure.description)
            }
        }
    }

    private static func inventory(_ opened: OpenCards) -> MeterInventory {
        var inventory = MeterInventory(unavailable: opened.unavailable)
        for card in opened.cards {
            if let metering = CardMetering(card, opened.connection) {
                inventory.meters.append(NVMLMeter(card, metering))
            } else {
                inventory.unavailable.append(
                    Unavailable(
                        subject: "nvml gpu-\(card.place) (\(card.name))", reason: card.reasons.joined(separator: "; ")))
            }
        }
        if opened.cards.isEmpty, opened.unavailable.isEmpty { return note("the library shows no card") }
        return inventory
    }

    private static func note(_ reason: String) -> MeterInventory {
        MeterInventory(unavailable: [Unavailable(subject: "nvml", reason: reason)])
    }
}

/// Whether NVML can be of use at all, without loading it.
enum NVMLPresence: Equatable {
    /// Nothing of NVIDIA is here.
    case absent
    /// There is a card or a driver, and a reason why it cannot be metered.
    case useless(String)
    /// What the dynamic linker is to be given.
    case library(String)

    private static let finder = LibraryFinder(
        names: ["libnvidia-ml.so.1"], folders: ["/usr/lib/wsl/lib", "/run/opengl-driver/lib"],
        variable: "NODEWATT_NVML")
    /// What the driver leaves where it is loaded; the last is the Windows subsystem's.
    private static let traces = ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"]

    static func look(_ root: HostRoot, _ environment: [String: String]) -> NVMLPresence {
        if let named = environment[finder.variable], !named.isEmpty { return .library(named) }
        guard traces.contains(where: root.exists) else {
            guard let place = GraphicsCards.places(vendor: "0x10de", root).first else { return .absent }
            // Another driver shows its power by hwmon, or none does.
            if root.exists("/sys/bus/pci/devices/\(place)/driver") { return .absent }
            return .useless("the card at \(place) has no driver loaded: sudo modprobe nvidia")
        }
        if let library = finder.find(root, environment) { return .library(library) }
        // The subsystem's device is there without any card of NVIDIA's.
        guard traces.dropLast().contains(where: root.exists) else { return .absent }
        return .useless(
            "NVIDIA's driver is loaded but libnvidia-ml.so.1 is not installed; it comes with the driver "
                + "(Debian: sudo apt-get install libnvidia-ml1), in a container with NVIDIA_DRIVER_CAPABILITIES=utility"
        )
    }
}
