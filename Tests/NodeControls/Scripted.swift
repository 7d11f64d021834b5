import Foundation
import NodeControls
import NodeModel

/// A control in memory that rounds, refuses or changes by itself as it is told.
final class ScriptedControl: Control {
    let id: String
    let kind = ControlKind.powerCap
    var label: String { id }
    var allowed: ClosedRange<UInt64>
    var restorable: ClosedRange<UInt64>
    var obstacle: String?
    var lockPath: String?
    var present: UInt64
    /// Values are rounded down to a multiple of it, as RAPL does.
    var step: UInt64 = 1
    var refuses: (UInt64) -> Bool = { _ in false }
    var isWritable = true
    private(set) var sets: [UInt64] = []

    init(_ id: String, _ present: UInt64, allowed: ClosedRange<UInt64>? = nil) {
        self.id = id
        self.present = present
        self.allowed = allowed ?? min(1_000_000, present)...present
        restorable = 1_000_000...500_000_000
    }

    func value() throws -> UInt64 { present }

    func set(_ value: UInt64) throws {
        if refuses(value) { throw SystemFailure(action: "setting \(id)", reason: "refused") }
        sets.append(value)
        present = value / step * step
    }

    func requireWritable() throws {
        if !isWritable { throw SystemFailure(action: "setting \(id)", reason: "Permission denied") }
    }
}

/// A GPU whose driver is scripted.
final class ScriptedGPU: GPUPowerLimiting {
    let identifier: String
    let name = "scripted GPU"
    var limit: UInt64
    var range: ClosedRange<UInt64>

    init(_ identifier: String, _ limit: UInt64, _ range: ClosedRange<UInt64>) {
        self.identifier = identifier
        self.limit = limit
        self.range = range
    }

    func powerLimitMilliwatts() throws -> UInt64 { limit }
    func powerLimitRangeMilliwatts() throws -> ClosedRange<UInt64> { range }

    func setPowerLimit(milliwatts: UInt64) throws {
        guard range.contains(milliwatts) else { throw SystemFailure(action: "setting", reason: "out of range") }
        limit = milliwatts
    }

    func requireWritable() throws {}
}

/// A folder of its own for each test.
final class StateFolder {
    let path: String
    var store: JournalStore { JournalStore(directory: path) }

    init() {
        path = NSTemporaryDirectory() + "/nodewatt-controls-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

func blankJournal(boot: String = "this-boot") -> Journal {
    Journal(
        nodewattVersion: "0", host: "h", bootId: boot, pid: 1, startedAt: "2026-01-01T00:00:00Z", entries: [])
}
