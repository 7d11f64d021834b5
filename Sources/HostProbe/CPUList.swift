/// The kernel's notation for a set of processors, such as `0-3,8`.
public enum CPUList {
    /// Processor numbers above this are refused: no kernel has so many, and a hostile range must not fill memory.
    public static let highest = 65_535

    /// Reads a list.
    ///
    /// - Parameter text: Ranges separated by commas; white space around them is allowed.
    /// - Returns: The numbers in ascending order without repetition, empty for empty text; `nil` when malformed.
    public static func parse(_ text: String) -> [Int]? {
        let trimmed = OutsideText.printable(text, limit: 1 << 16)
        if trimmed.isEmpty { return [] }
        var numbers: Set<Int> = []
        for part in trimmed.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 0, first <= last, last <= highest
            else { return nil }
            numbers.formUnion(first...last)
        }
        return numbers.sorted()
    }

    /// Writes a list in the shortest way.
    ///
    /// - Parameter numbers: Processor numbers in any order.
    /// - Returns: For example `0-3,8`; empty for none.
    public static func format(_ numbers: [Int]) -> String {
        var ranges: [ClosedRange<Int>] = []
        for number in Set(numbers).sorted() {
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}
