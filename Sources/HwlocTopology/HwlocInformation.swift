import CHwloc
import HostProbe

/// hwloc's pairs of strings.
enum HwlocInformation {
    /// Pairs by name, printable; the first of several with one name, at most 256 pairs.
    static func pairs(_ pairs: UnsafeMutablePointer<hwloc_info_s>?, count: UInt32) -> [String: String] {
        guard let pairs else { return [:] }
        var result: [String: String] = [:]
        for index in 0..<min(Int(count), 256) {
            guard let name = text(pairs[index].name), let value = text(pairs[index].value), result[name] == nil else {
                continue
            }
            result[name] = value
        }
        return result
    }

    /// A C string as printable text; `nil` when absent or empty.
    static func text(_ pointer: UnsafePointer<CChar>?) -> String? {
        guard let pointer else { return nil }
        let text = OutsideText.printable(String(cString: pointer))
        return text.isEmpty ? nil : text
    }
}
