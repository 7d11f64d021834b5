/// Names and texts of a file, made fit to be shown: they may hold anything.
enum OutsideName {
    /// Whether nothing in a name could steer a terminal or hide.
    static func isPrintable(_ name: String) -> Bool {
        // Names are ASCII, as a rule, and the table of categories is slow.
        if name.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) { return true }
        return name.unicodeScalars.allSatisfy(isPrintable)
    }

    /// One line of at most `limit` characters.
    static func line(_ text: String, limit: Int = 100) -> String {
        var result = String.UnicodeScalarView()
        var count = 0
        for scalar in text.unicodeScalars where isPrintable(scalar) {
            count += 1
            guard count <= limit else { return String(result) + "…" }
            result.append(scalar)
        }
        return String(result)
    }

    /// The same in quotes.
    static func quoted(_ text: String, limit: Int = 100) -> String { "'\(line(text, limit: limit))'" }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7f }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }
}
