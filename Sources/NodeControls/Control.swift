public import NodeModel

/// What a control limits, with the unit in which the system keeps its value.
public enum ControlKind: String, Codable, Sendable, CaseIterable {
    /// The long-term power limit of a processor package, in microwatts.
    case powerCap = "power-cap"
    /// The highest clock of a group of processors, in kilohertz.
    case frequency
    /// The power limit of a GPU, in milliwatts.
    case gpuPower = "gpu-power"

    /// Watts or hertz of one unit.
    public var scale: Double {
        switch self {
        case .powerCap: 1e-6
        case .frequency: 1e3
        case .gpuPower: 1e-3
        }
    }

    /// The most by which the system rounds a value that is set: a watt, which is the coarsest unit of RAPL, or one step
    /// of a processor's multiplier.
    public var rounding: UInt64 {
        switch self {
        case .powerCap: 1_000_000
        case .frequency: 100_000
        case .gpuPower: 1_000
        }
    }

    /// Watts or hertz as a value of the system.
    ///
    /// - Parameter amount: Watts or hertz.
    /// - Returns: The nearest value; `nil` where there is none.
    public func value(_ amount: Double) -> UInt64? {
        let scaled = (amount / scale).rounded()
        return scaled.isFinite && scaled >= 0 && scaled < 1e18 ? UInt64(scaled) : nil
    }

    /// A value of the system in watts or hertz.
    public func amount(_ value: UInt64) -> Double { Double(value) * scale }

    /// A value with its unit, for people: `150 W`.
    public func text(_ value: UInt64) -> String {
        let rounded = (amount(value) / (self == .frequency ? 1e6 : 1e-1)).rounded() / (self == .frequency ? 1 : 10)
        return self == .frequency ? "\(Int(rounded)) MHz" : "\(rounded) W"
    }
}

/// One value of the node that can be changed and is put back.
///
/// Values are whole numbers in the system's own unit, so that what is put back is what was there, digit for digit.
public protocol Control: AnyObject {
    /// A name that finds the control again in another process, for example `powercap:intel-rapl:0:constraint_0`.
    var id: String { get }
    /// What it limits.
    var kind: ControlKind { get }
    /// What people call it, for example `package-0`.
    var label: String { get }
    /// The values a sweep may set: never above what was there when the control was found.
    var allowed: ClosedRange<UInt64> { get }
    /// The values that can have been there before a sweep; anything else in a journal is damage.
    var restorable: ClosedRange<UInt64> { get }
    /// Why a sweep must not touch it; `nil` where it may.
    var obstacle: String? { get }
    /// The file whose lock keeps other sweeps away, whatever state directory they use; `nil` where there is none.
    var lockPath: String? { get }

    /// Reads the control's own value.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` when it cannot be read.
    func value() throws -> UInt64

    /// The value in force, which another limit on the same hardware may hold below the control's own.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` when it cannot be read.
    func valueInForce() throws -> UInt64

    /// Sets the value; the system may round it.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` when the system refuses it.
    func set(_ value: UInt64) throws

    /// Asks whether this process may set the value, without setting it.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` with what would permit it.
    func requireWritable() throws
}

extension Control {
    /// The control's own value, where no other limit bears on the same hardware.
    public func valueInForce() throws -> UInt64 { try value() }

    /// No file to lock.
    public var lockPath: String? { nil }
}

/// Controls that a sweep sets to the same value: all packages, all processors, all GPUs.
public struct ControlGroup {
    /// What the group limits.
    public var kind: ControlKind
    /// The members.
    public var controls: [any Control]
    /// How long the hardware may take to follow a change under load.
    public var settling: Seconds

    /// Creates a group.
    public init(kind: ControlKind, controls: [any Control], settling: Seconds) {
        self.kind = kind
        self.controls = controls
        self.settling = settling
    }

    /// The values every member allows; `nil` where they have none in common.
    ///
    /// A member that allows less than the others takes what it can at most, so the upper end is the highest of all.
    public var allowed: ClosedRange<UInt64>? {
        guard let low = controls.map(\.allowed.lowerBound).max(), let high = controls.map(\.allowed.upperBound).max()
        else { return nil }
        return low <= high ? low...high : nil
    }
}

/// What can be changed on a node, and what cannot and why.
public struct ControlInventory {
    /// The groups there are, at most one of a kind.
    public var groups: [ControlGroup]
    /// What is there and cannot be changed, or is not there.
    public var unavailable: [Unavailable]

    /// Creates an inventory.
    public init(groups: [ControlGroup] = [], unavailable: [Unavailable] = []) {
        self.groups = groups
        self.unavailable = unavailable
    }
}
