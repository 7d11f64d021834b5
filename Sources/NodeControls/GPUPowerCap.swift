import NodeModel

/// A connection to a GPU's driver that can limit the GPU's power.
///
/// What opens the driver's library conforms to it; it is handed in where the program is put together.
public protocol GPUPowerLimiting: AnyObject {
    /// A name that stays the same across processes and reboots: the UUID, else the PCI address.
    var identifier: String { get }
    /// The model, for people.
    var name: String { get }

    /// The limit now, in milliwatts.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` when the driver does not tell.
    func powerLimitMilliwatts() throws -> UInt64

    /// The limits the driver accepts, in milliwatts.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` when the driver does not tell.
    func powerLimitRangeMilliwatts() throws -> ClosedRange<UInt64>

    /// Sets the limit, in milliwatts.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` when the driver refuses it.
    func setPowerLimit(milliwatts: UInt64) throws

    /// Asks whether this process may set the limit, without changing it.
    ///
    /// - Throws: ``NodeModel/SystemFailure`` with what would permit it.
    func requireWritable() throws
}

/// The power limit of one GPU.
final class GPUPowerCap: Control {
    let id: String
    let kind = ControlKind.gpuPower
    let label: String
    let allowed: ClosedRange<UInt64>
    let restorable: ClosedRange<UInt64>
    let obstacle: String?
    private let gpu: any GPUPowerLimiting

    init(_ gpu: any GPUPowerLimiting) {
        self.gpu = gpu
        id = "gpu:\(gpu.identifier)"
        label = gpu.name
        do {
            let range = try gpu.powerLimitRangeMilliwatts()
            let present = try gpu.powerLimitMilliwatts()
            restorable = range
            allowed = range.lowerBound...max(range.lowerBound, min(range.upperBound, present))
            obstacle = range.contains(present) ? nil : "its limit is outside the range its driver gives"
        } catch {
            (restorable, allowed) = (0...0, 0...0)
            obstacle = "\(error)"
        }
    }

    func value() throws -> UInt64 { try gpu.powerLimitMilliwatts() }

    func set(_ value: UInt64) throws { try gpu.setPowerLimit(milliwatts: value) }

    func requireWritable() throws { try gpu.requireWritable() }
}
