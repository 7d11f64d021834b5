import NodeModel

extension WindowAssembly {
    /// Holds two sources of one domain against each other.
    ///
    /// Both show the same counter, so more than the timing of their edges and half a percent between them means that one
    /// is wrong. Which one cannot be known: both say so, and the interval of the one that counts is widened by the
    /// difference.
    static func crossChecked(_ rows: [MeterWindow]) -> [MeterWindow] {
        var rows = rows
        for (first, second) in twins(rows) {
            guard let one = rows[first].joules, let other = rows[second].joules else { continue }
            let allowed = rows[first].edgeWidth + rows[second].edgeWidth + 0.005 * max(one, other)
            guard abs(one - other) > allowed else { continue }
            let problem =
                "\(rows[first].description.source) shows \(rounded(one)) J for this domain, "
                + "\(rows[second].description.source) \(rounded(other)) J"
            rows[first].halfWidth += abs(one - other)
            for index in [first, second] {
                rows[index].problem = [rows[index].problem, problem].compactMap(\.self).joined(separator: "; ")
            }
        }
        return rows
    }

    /// Pairs of rows for one domain, the preferred source first.
    private static func twins(_ rows: [MeterWindow]) -> [(Int, Int)] {
        var preferred: [String: Int] = [:]
        return rows.indices.compactMap { index in
            let name = rows[index].description.domain.name
            guard let first = preferred[name] else {
                preferred[name] = index
                return nil
            }
            return (first, index)
        }
    }

    private static func rounded(_ joules: Double) -> Double { (joules * 1000).rounded() / 1000 }
}
