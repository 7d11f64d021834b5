/// Text of drivers, made fit to be shown: it may hold anything.
package enum CleanText {
    /// One line without control characters, runs of white space made one space, at most `limit` characters long.
    package static func line(_ text: String, limit: Int = 1_000) -> String {
        var result = String.UnicodeScalarView()
        var gap = false
        for scalar in text.unicodeScalars.prefix(limit * 4) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate, .privateUse,
                .unassigned:
                gap = true
            default:
                if gap, !result.isEmpty { result.append(" ") }
                gap = false
                result.append(scalar)
            }
        }
        return String(String(result).prefix(limit))
    }
}
