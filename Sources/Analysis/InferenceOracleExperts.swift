import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

/// A token's way through one of its experts.
package struct ExpertVisit: Hashable, Sendable {
    /// The expert.
    package var expert: Int
    /// The row of the pass.
    package var row: Int
    /// The place of the expert among the row's, the best first.
    package var rank: Int
}

extension InferenceOracle {
    /// The visits of a pass: sorted by expert, those of an expert by row.
    package static func visits(of routes: [[(expert: Int, weight: Float)]]) -> [ExpertVisit] {
        routes.enumerated()
            .flatMap { row, experts in
                experts.enumerated().map { ExpertVisit(expert: $1.expert, row: row, rank: $0) }
            }
            .sorted { ($0.expert, $0.row) < ($1.expert, $1.row) }
    }

    /// What is wrong with the experts of a row and their weights.
    ///
    /// An expert may stand before another whose score is as large as far as f32 can tell. Of scores that are the same
    /// the first goes before.
    ///
    /// - Parameters:
    ///   - chosen: The experts chosen, best first, and their weights.
    ///   - scores: The router's, for each expert.
    /// - Returns: The largest deviation relative to what is allowed, and what is wrong where it is above 1.
    package func deviation(
        ofRoutes chosen: [(expert: Int, weight: Float)], scores: [Float]
    ) -> (worst: Double, detail: String?) {
        guard let shape = model.experts, chosen.count == shape.perToken, scores.count == shape.count,
            Set(chosen.map(\.expert)).count == chosen.count, chosen.allSatisfy({ scores.indices.contains($0.expert) })
        else {
            return (.infinity, "experts \(chosen.map(\.expert)) are not \(model.experts?.perToken ?? 0) different ones")
        }
        let shares = Self.shares(scores)
        let others = scores.indices.filter { expert in !chosen.contains { $0.expert == expert } }
        for (rank, expert) in chosen.map(\.expert).enumerated() {
            let later = chosen[(rank + 1)...].map(\.expert) + others
            if let better = later.first(where: { !Self.mayPrecede(expert, $0, scores, shares) }) {
                return (
                    .infinity, "expert \(expert), score \(scores[expert]), before \(better), score \(scores[better])"
                )
            }
        }
        return weightDeviation(chosen, shares, normalises: shape.normalisesWeights)
    }

    /// The softmax of the router's scores.
    private static func shares(_ scores: [Float]) -> [BoundedValue] {
        let top = Double(scores.max() ?? 0)
        let sums = 8 * Double(scores.count).squareRoot()
        return zip(BlockOracle.softmax(scores), scores).map { share, score -> BoundedValue in
            let roundings = sums + 32 + 4 * (abs(Double(score)) + abs(top))
            return BoundedValue(share, allowed: share * roundings * unit + 1e-37)
        }
    }

    private static func mayPrecede(_ first: Int, _ second: Int, _ scores: [Float], _ shares: [BoundedValue]) -> Bool {
        if scores[first] == scores[second] { return first < second }
        return shares[first].value + shares[first].allowed >= shares[second].value - shares[second].allowed
    }

    private func weightDeviation(
        _ chosen: [(expert: Int, weight: Float)], _ shares: [BoundedValue], normalises: Bool
    ) -> (worst: Double, detail: String?) {
        let total = normalises ? chosen.reduce(0.0) { $0 + shares[$1.expert].value } : 1
        let totalError = normalises ? chosen.reduce(0.0) { $0 + shares[$1.expert].allowed } / total : 0
        var result: (worst: Double, detail: String?) = (0, nil)
        for (expert, weight) in chosen {
            let value = shares[expert].value / total
            let allowed = shares[expert].allowed / total + value * totalError + 1e-30
            let ratio = Tolerance.ratio(error: abs(Double(weight) - value), allowed: allowed)
            guard ratio > result.worst else { continue }
            result = (ratio, ratio > 1 ? "expert \(expert) has weight \(weight), not \(value)" : nil)
        }
        return result
    }
}
