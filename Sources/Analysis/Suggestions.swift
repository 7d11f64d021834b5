/// Finds the names a user may have meant.
public enum Suggestions {
    /// The names nearest to a mistyped one, best first.
    ///
    /// A name counts as near when one begins with the other, or when at most a third of the longer one's characters
    /// have to be changed. Case is ignored.
    ///
    /// - Parameters:
    ///   - text: What was typed.
    ///   - names: The names that exist.
    ///   - limit: How many to return at most.
    /// - Returns: The near names in order of distance, then alphabetically.
    /// - Complexity: O(*n* · *k*²) for *n* names of *k* characters.
    public static func near(_ text: String, among names: some Sequence<String>, limit: Int = 5) -> [String] {
        let wanted = Array(text.lowercased().prefix(64))
        let scored = Set(names).compactMap { name -> (distance: Int, name: String)? in
            let candidate = Array(name.lowercased().prefix(64))
            let distance = editDistance(wanted, candidate)
            let prefixed = !wanted.isEmpty && (candidate.starts(with: wanted) || wanted.starts(with: candidate))
            guard prefixed || distance * 3 <= max(wanted.count, candidate.count) else { return nil }
            return (prefixed ? min(distance, 1) : distance, name)
        }
        return scored.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(limit).map(\.name)
    }

    /// A sentence that names the nearest names, or all of them when none is near and there are few.
    ///
    /// - Parameters:
    ///   - text: What was typed.
    ///   - names: The names that exist.
    /// - Returns: A sentence without a final full stop, or `nil` when there is nothing to say.
    public static func sentence(_ text: String, among names: [String]) -> String? {
        let near = near(text, among: names)
        if !near.isEmpty { return "Did you mean \(near.joined(separator: ", "))?" }
        return names.isEmpty || names.count > 12 ? nil : "Known: \(names.sorted().joined(separator: ", "))"
    }

    /// The Levenshtein distance: insertions, deletions and substitutions.
    private static func editDistance(_ left: [Character], _ right: [Character]) -> Int {
        var previous = Array(0...right.count)
        for (row, character) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                let substitution = previous[column] + (character == other ? 0 : 1)
                current.append(min(substitution, previous[column + 1] + 1, current[column] + 1))
            }
            previous = current
        }
        return previous[right.count]
    }
}
