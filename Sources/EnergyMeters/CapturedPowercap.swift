import Glibc
import HostProbe

/// A captured powercap tree, read as plain files without libpowercap.
struct CapturedPowercapSource: PowercapSource {
    let label = "captured tree"
    let isThisSystem = false
    let folder: String
    let root: HostRoot

    /// Places below a captured root where the control types may be: a copy of `/`, of `/sys`, or of `/sys/class`.
    static let folders = ["/sys/class/powercap", "/class/powercap", "/powercap"]

    /// Finds the control types below `path`; without any, reading finds nothing.
    init(path: String) {
        let root = HostRoot(path)
        self.root = root
        folder = Self.folders.first { root.exists($0) } ?? Self.folders[0]
    }

    func name(of zone: PowercapAddress) throws(PowercapFailure) -> String { try line(zone, "name") }

    func rangeMicrojoules(of zone: PowercapAddress) throws(PowercapFailure) -> UInt64 {
        try number(zone, "max_energy_range_uj")
    }

    func counter(of zone: PowercapAddress) throws(PowercapFailure) -> any PowercapCounter {
        _ = try number(zone, "energy_uj")
        return CapturedCounter(source: self, zone: zone)
    }

    func constraintName(_ index: UInt32, of zone: PowercapAddress) throws(PowercapFailure) -> String {
        try line(zone, "constraint_\(index)_name")
    }

    func limitMicrowatts(_ index: UInt32, of zone: PowercapAddress) throws(PowercapFailure) -> UInt64 {
        try number(zone, "constraint_\(index)_power_limit_uw")
    }

    /// The number in a zone's file.
    func number(_ zone: PowercapAddress, _ file: String) throws(PowercapFailure) -> UInt64 {
        guard let value = UInt64(try line(zone, file)) else {
            throw PowercapFailure(path: path(zone, file), errorNumber: EBADMSG)
        }
        return value
    }

    private func line(_ zone: PowercapAddress, _ file: String) throws(PowercapFailure) -> String {
        do {
            let places = [zone.folder, zone.name].map { folder + "/" + $0 + "/" + file }
            guard let bytes = try root.read(places.first(where: root.exists) ?? places[0]) else {
                throw PowercapFailure(path: path(zone, file), errorNumber: ENOENT)
            }
            return OutsideText.printable(String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self), limit: 64)
        } catch let failure as HostReadError {
            throw PowercapFailure(path: path(zone, file), errorNumber: failure.code)
        } catch {
            throw error as? PowercapFailure ?? PowercapFailure(path: path(zone, file), errorNumber: EIO)
        }
    }
}

/// The counter of a captured zone; it stands still unless somebody writes to the tree.
final class CapturedCounter: PowercapCounter {
    private let source: CapturedPowercapSource
    private let zone: PowercapAddress

    init(source: CapturedPowercapSource, zone: PowercapAddress) {
        self.source = source
        self.zone = zone
    }

    func microjoules() throws(PowercapFailure) -> UInt64 { try source.number(zone, "energy_uj") }
}
