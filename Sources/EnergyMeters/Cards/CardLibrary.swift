import CMeters
import Isolation
import NodeModel

/// Announces what is done next.
typealias CardReporter = (_ step: String, _ kind: CardStep) -> Void

/// A vendor's library in the process that has loaded it.
protocol CardLibrary: AnyObject {
    /// Loads the library and asks for its cards.
    ///
    /// - Throws: `SystemFailure` with the reason in words.
    func open(_ path: String, report: CardReporter) throws -> OpenedLibrary

    /// What every card of ``open(_:report:)`` that can be metered shows now.
    func sample() -> [CardSample]

    /// What a card does and may do.
    func state(of place: String) throws -> CardState

    /// Sets a card's power limit.
    func setPowerLimit(of place: String, milliwatts: UInt32) throws

    /// Ends the library.
    func close()
}

/// How libraries are asked, whichever they are.
enum CardCall {
    /// More cards than any node has; a library that claims more is not to be believed.
    static let mostCards: UInt32 = 256

    /// Text a C function writes.
    ///
    /// - Returns: One printable line; `nil` when there is none.
    static func text(_ write: (UnsafeMutablePointer<CChar>, Int) -> Int32) -> String? {
        var buffer = [CChar](repeating: 0, count: 128)
        guard
            buffer.withUnsafeMutableBufferPointer({ bytes in
                bytes.baseAddress.map { write($0, bytes.count) } ?? NWM_ABSENT
            }) == 0
        else { return nil }
        return line(buffer)
    }

    /// Opens a library.
    ///
    /// - Throws: `SystemFailure` with what the dynamic linker says.
    static func load(_ path: String, _ open: (UnsafePointer<CChar>, UnsafeMutablePointer<CChar>, Int) -> Int32) throws {
        var message = [CChar](repeating: 0, count: 1_024)
        let status = message.withUnsafeMutableBufferPointer { bytes in
            bytes.baseAddress.map { open(path, $0, bytes.count) } ?? -1
        }
        guard status != 0 else { return }
        // Whoever reports it names the path, and the dynamic linker names it again.
        let reason = line(message).map { $0.hasPrefix(path + ": ") ? String($0.dropFirst(path.count + 2)) : $0 }
        throw SystemFailure(action: "loading the library", reason: reason ?? "it cannot be loaded")
    }

    /// A call with its instant: the middle of it, as some take milliseconds.
    static func timed(_ call: () -> Int32) -> (status: Int32, nanoseconds: UInt64) {
        let begin = MonotonicInstant.now.nanoseconds
        let status = call()
        return (status, begin + (MonotonicInstant.now.nanoseconds - begin) / 2)
    }

    /// A place as sysfs writes it.
    ///
    /// - Returns: For example `0000:c1:00.0`; `nil` when there is no such place.
    static func text(_ place: nwm_pci) -> String? {
        guard place.bus <= 0xff, place.device <= 0x1f, place.function <= 7 else { return nil }
        func hex(_ value: UInt32, _ digits: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        return "\(hex(place.domain, 4)):\(hex(place.bus, 2)):\(hex(place.device, 2)).\(place.function)"
    }

    private static func line(_ buffer: [CChar]) -> String? {
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let text = CleanText.line(String(decoding: bytes, as: UTF8.self), limit: 300)
        return text.isEmpty ? nil : text
    }
}
