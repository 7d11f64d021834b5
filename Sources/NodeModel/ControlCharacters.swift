extension Unicode.Scalar {
    /// Whether the scalar is of Unicode's category Cc, which is these two ranges for good.
    package var isControlCharacter: Bool { value < 0x20 || (0x7f...0x9f).contains(value) }
}

extension String {
    /// Whether a terminal may take some of the text for a command.
    package var hasControlCharacters: Bool { unicodeScalars.contains(where: \.isControlCharacter) }

    /// The text in quotes, without control characters, at most `limit` characters of it.
    package func quoted(limit: Int = 60) -> String {
        let shown = String.UnicodeScalarView(unicodeScalars.lazy.filter { !$0.isControlCharacter }.prefix(limit + 1))
        return shown.count > limit ? "'\(String(shown.dropLast()))…'" : "'\(String(shown))'"
    }
}
