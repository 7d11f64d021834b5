/// Text as one word of a POSIX shell, for commands that are printed to be copied.
public enum ShellWord {
    /// Quotes a text where it needs it.
    ///
    /// - Parameter text: Any text, for example a path.
    /// - Returns: The text itself where a shell takes it for itself, else in single quotes.
    public static func quoted(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-+".contains($0)) }
        guard !isPlain else { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}
