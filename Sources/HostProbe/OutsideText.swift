/// Makes text from outside the program fit to be shown and stored.
public enum OutsideText {
    /// One line without anything that could steer a terminal.
    ///
    /// Control characters, line separators and characters that reorder text are dropped, runs of white space become
    /// one space, and what is longer than the limit is cut.
    ///
    /// - Parameters:
    ///   - text: Text of any origin.
    ///   - limit: The most characters to keep.
    /// - Returns: Printable text, possibly empty.
    public static func printable(_ text: String, limit: Int = 200) -> String {
        var scalars = String.UnicodeScalarView()
        var gap = false
        var count = 0
        for scalar in text.unicodeScalars {
            if scalar.properties.isWhitespace {
                gap = true
            } else if !isUnprintable(scalar) {
                if gap, count > 0 {
                    scalars.append(" ")
                    count += 1
                }
                gap = false
                scalars.append(scalar)
                count += 1
                if count >= limit { break }
            }
        }
        return String(scalars)
    }

    private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
        // Most text is ASCII, and the table of categories is slow.
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7f }
        return switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .unassigned, .privateUse, .lineSeparator, .paragraphSeparator: true
        default: scalar == "\u{FFFD}"
        }
    }

    /// The value of a `key : value` or `key=value` line.
    ///
    /// - Parameters:
    ///   - key: The exact key.
    ///   - text: Lines such as those of `/proc/cpuinfo` or `/etc/os-release`.
    ///   - separator: The character between key and value.
    /// - Returns: The first such line's value, trimmed and printable; `nil` when there is none or it is empty.
    public static func value(of key: String, in text: String, separator: Character = ":") -> String? {
        // Only lines that may be meant are looked at closely: such files are long.
        let first = key.utf8.first
        for line in text.utf8.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            guard line.first == first || line.first.map({ $0 <= 0x20 || $0 >= 0x7f }) ?? false else { continue }
            let line = Substring(line)
            guard let middle = line.firstIndex(of: separator), printable(String(line[..<middle])) == key else {
                continue
            }
            let value = printable(String(line[line.index(after: middle)...]))
            return value.isEmpty ? nil : value
        }
        return nil
    }
}
