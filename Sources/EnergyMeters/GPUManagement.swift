import HostProbe
public import NodeModel

/// Why a GPU's clocks are not what they could be, by NVML's clock event reasons.
public enum GPUClockEvent: String, Codable, Sendable, CaseIterable {
    /// Nothing runs.
    case idle
    /// A user set the clocks.
    case applicationClocks = "application_clocks"
    /// The power limit is reached.
    case powerCap = "power_cap"
    /// The hardware slows down, for heat, power or by a pin.
    case hardwareSlowdown = "hardware_slowdown"
    /// The card follows others of its group.
    case syncBoost = "sync_boost"
    /// The driver slows down for heat.
    case thermalSlowdown = "thermal_slowdown"
    /// The hardware slows down for heat.
    case hardwareThermalSlowdown = "hardware_thermal_slowdown"
    /// The power supply or the board asks to slow down.
    case powerBrake = "power_brake"
    /// A display sets the clocks.
    case display

    /// The reasons in the order of NVML's bits.
    private static let bits: [GPUClockEvent] = [
        .idle, .applicationClocks, .powerCap, .hardwareSlowdown, .syncBoost, .thermalSlowdown,
        .hardwareThermalSlowdown, .powerBrake, .display,
    ]

    /// The reasons in a mask; bits nobody knows are left out.
    static func events(_ mask: UInt64) -> Set<GPUClockEvent> {
        Set(bits.indices.filter { mask >> UInt64($0) & 1 == 1 }.map { bits[$0] })
    }

    /// Whether it means that the card is slower than it was set to be.
    public var isThrottling: Bool {
        [.powerCap, .hardwareSlowdown, .thermalSlowdown, .hardwareThermalSlowdown, .powerBrake].contains(self)
    }
}

/// The power limits of a GPU; `nil` where the card does not tell.
public struct GPUPowerLimits: Hashable, Sendable {
    /// The limit that was set.
    public var current: Watts?
    /// The limit that holds, which another, out-of-band one may have lowered.
    public var enforced: Watts?
    /// The limit after the driver was loaded.
    public var standard: Watts?
    /// The lowest that can be set.
    public var lowest: Watts?
    /// The highest that can be set.
    public var highest: Watts?

    /// Creates limits.
    public init(
        current: Watts? = nil, enforced: Watts? = nil, standard: Watts? = nil, lowest: Watts? = nil,
        highest: Watts? = nil
    ) {
        self.current = current
        self.enforced = enforced
        self.standard = standard
        self.lowest = lowest
        self.highest = highest
    }
}

/// What a GPU does at one moment; `nil` where the card does not tell.
public struct GPUState: Hashable, Sendable {
    /// The clock of the multiprocessors.
    public var smClock: Hertz?
    /// The clock of the memory.
    public var memoryClock: Hertz?
    /// The temperature of the chip in degrees Celsius.
    public var temperatureCelsius: Double?
    /// Why the clocks are what they are; empty means nothing holds them back.
    public var clockEvents: Set<GPUClockEvent>?
    /// The power limits.
    public var limits: GPUPowerLimits

    /// Creates a state.
    public init(
        smClock: Hertz?, memoryClock: Hertz?, temperatureCelsius: Double?, clockEvents: Set<GPUClockEvent>?,
        limits: GPUPowerLimits
    ) {
        self.smClock = smClock
        self.memoryClock = memoryClock
        self.temperatureCelsius = temperatureCelsius
        self.clockEvents = clockEvents
        self.limits = limits
    }
}

/// A GPU that can be managed.
public struct ManagedGPU: Hashable, Sendable {
    /// Its place on the bus, for example `0000:c1:00.0`; its energy domain is `gpu-` and this.
    public var place: String
    /// The name its maker gave it.
    public var name: String
    /// Its unique number, which stays the same in another slot.
    public var uuid: String?
    /// Whether it is divided (MIG).
    public var isPartitioned: Bool
}

/// NVIDIA's GPUs as they are managed: state, and power limits; through the same child process as their meters.
///
/// Safe to use from any thread; reads of the meters wait meanwhile.
public final class GPUManagement: Sendable {
    /// The GPUs, in the library's order.
    public let gpus: [ManagedGPU]
    private let connection: CardConnection

    /// Opens NVML.
    ///
    /// - Parameters:
    ///   - options: What loads the library.
    ///   - meters: Meters found before, whose child process is used then.
    /// - Returns: The GPUs; `nil` on a node without NVIDIA.
    /// - Throws: ``NodeModel/SystemFailure`` when the library cannot be used, ``NodeModel/InputError`` for a variable
    ///   that is wrong.
    public static func open(_ options: MeterOptions, sharing meters: [any EnergyMeter] = []) throws -> GPUManagement? {
        guard options.capturedRoot == nil else { return nil }
        let known = meters.compactMap { $0 as? NVMLMeter }
        if let connection = known.first?.connection { return GPUManagement(known.map(\.gpu), connection) }
        switch NVMLPresence.look(HostRoot(), options.environment) {
        case .absent: return nil
        case .useless(let reason): throw SystemFailure(action: "looking for NVML", reason: reason)
        case .library(let path):
            let opened = try CardDiscovery.open(.nvml, path, options)
            return GPUManagement(opened.cards.map(ManagedGPU.init), opened.connection)
        }
    }

    private init(_ gpus: [ManagedGPU], _ connection: CardConnection) {
        self.gpus = gpus
        self.connection = connection
    }

    /// What a GPU does now.
    ///
    /// - Parameter gpu: One of ``gpus``.
    /// - Returns: Its state.
    /// - Throws: ``NodeModel/SystemFailure`` when the library or its process failed.
    public func state(of gpu: ManagedGPU) throws(SystemFailure) -> GPUState {
        GPUState(try connection.cardState(gpu.place))
    }

    /// Sets a GPU's power limit, which lasts until the driver is unloaded; needs root.
    ///
    /// - Parameters:
    ///   - limit: The limit, between the lowest and the highest that can be set.
    ///   - gpu: One of ``gpus``.
    /// - Returns: The limit as the card then tells it.
    /// - Throws: ``NodeModel/SystemFailure`` without permission, out of bounds, or when the card tells another limit
    ///   than was set.
    @discardableResult
    public func setPowerLimit(_ limit: Watts, of gpu: ManagedGPU) throws(SystemFailure) -> Watts {
        func failure(_ reason: String) -> SystemFailure {
            SystemFailure(action: "limiting gpu-\(gpu.place) to \(limit.rawValue) W", reason: reason)
        }
        let bounds = try state(of: gpu).limits
        let low = bounds.lowest ?? Watts(1)
        let high = bounds.highest ?? CardReading.highestWatts
        guard limit.rawValue.isFinite, limit >= low, limit <= high else {
            throw failure("the card allows \(low.rawValue) to \(high.rawValue) W")
        }
        try connection.setPowerLimit(gpu.place, milliwatts: UInt32((limit.rawValue * 1_000).rounded()))
        guard let now = try state(of: gpu).limits.current else { return limit }
        // Drivers round to their own steps.
        guard abs(now.rawValue - limit.rawValue) <= 1 else { throw failure("it then tells \(now.rawValue) W") }
        return now
    }
}

extension ManagedGPU {
    init(_ card: CardReport) {
        self.init(place: card.place, name: card.name, uuid: card.uuid, isPartitioned: card.isPartitioned)
    }
}

extension GPUState {
    init(_ state: CardState) {
        func watts(_ value: UInt64?) -> Watts? {
            CardReading.number(value, below: 100_000_000).map { Watts(Double($0) / 1_000) }
        }
        func hertz(_ value: UInt64?) -> Hertz? {
            CardReading.number(value, below: 100_000).map { Hertz(Double($0) * 1e6) }
        }
        self.init(
            smClock: hertz(state.smClock), memoryClock: hertz(state.memoryClock),
            temperatureCelsius: CardReading.number(state.temperature, below: 250).map { Double($0) },
            clockEvents: state.clockEvents.flatMap { $0 == .max ? nil : GPUClockEvent.events($0) },
            limits: GPUPowerLimits(
                current: watts(state.limit), enforced: watts(state.enforcedLimit),
                standard: watts(state.defaultLimit), lowest: watts(state.lowestLimit),
                highest: watts(state.highestLimit)))
    }
}
