import NodeModel

extension WindowAssembly {
    /// Holds two sources of one domain against each other.
    ///
    /// Both show the same counter, so more than the timing of their edges and half a percent between them means that one
    /// is wrong. A power that was sampled may also be wrong by what it and the other leave open themselves. Which one
    /// cannot be known: both say so, and the interval of the one that counts is widened by the difference.
    static func crossChecked(_ rows: [MeterWindow]) -> [MeterWindow] {
        var rows = rows
        for (first, second) in twins(rows) {
            guard let one = rows[first].joules, let other = rows[second].joules else { continue }
            let pair = [rows[first].description, rows[second].description]
            let isSampled = pair.contains { $0.samplesPower == true }
            let open = isSampled ? pair.map(\.relativeUncertainty).reduce(0, +) : 0.005
            let allowed = rows[first].edgeWidth + rows[second].edgeWidth + open * max(one, other)
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
