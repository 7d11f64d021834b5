import FoundationEssentials
import NodeModel

/// Numbers for people: scaled units, about four significant digits.
enum UnitFormat {
    private static let decimal: [(Double, String)] = [
        (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "µ"),
    ]

    /// A number with an SI prefix before its unit, for example `482.1 GFLOPS`.
    static func scaled(_ value: Double, _ unit: String) -> String {
        for (factor, prefix) in decimal where abs(value) >= factor {
            return "\(digits(value / factor)) \(prefix)\(unit)"
        }
        return "\(digits(value)) \(unit)"
    }

    /// A latency, always in nanoseconds, so that a column of them compares at a glance.
    static func nanoseconds(_ seconds: Double) -> String { "\(digits(seconds * 1e9)) ns" }

    /// About four significant digits without an exponent.
    static func digits(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let magnitude = abs(value)
        let places = magnitude >= 1000 ? 0 : magnitude >= 100 ? 1 : magnitude >= 10 ? 2 : magnitude >= 1 ? 3 : 4
        return fixed(value, places: places)
    }

    /// A number with a fixed number of decimal places.
    static func fixed(_ value: Double, places: Int) -> String {
        let factor = (0..<places).reduce(1.0) { product, _ in product * 10 }
        let scaled = (value * factor).rounded()
        guard abs(scaled) < 1e15 else { return "\(value)" }
        let integer = Int64(abs(scaled))
        let sign = scaled < 0 ? "-" : ""
        guard places > 0 else { return "\(sign)\(integer)" }
        let fraction = String(integer % Int64(factor))
        return "\(sign)\(integer / Int64(factor))." + String(repeating: "0", count: places - fraction.count) + fraction
    }

    /// A fraction as per cent.
    static func percent(_ fraction: Double) -> String { fixed(fraction * 100, places: 1) + " %" }

    /// Bytes in binary units.
    static func bytes(_ count: Double) -> String {
        let units: [(Double, String)] = [(0x1p40, "TiB"), (0x1p30, "GiB"), (0x1p20, "MiB"), (0x1p10, "KiB")]
        for (factor, unit) in units where count >= factor {
            let value = count / factor
            return (value == value.rounded() ? fixed(value, places: 0) : fixed(value, places: 1)) + " \(unit)"
        }
        return "\(Int(count)) B"
    }
}
