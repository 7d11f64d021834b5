import NodeModel

/// Routing and its way back.
extension InferenceCheck {
    mutating func checkRoutes(_ site: InferenceSite) throws {
        guard let scores = try input(.router, rows: site.pass.rows, site) else { return }
        try inference.run(site.operation)
        let found = try inference.readRoutes()
        guard found.count == site.pass.rows else {
            return record.fail("\(site.name): experts of \(found.count) rows, not of \(site.pass.rows)")
        }
        routes = found
        for (row, experts) in found.enumerated() {
            record.effort += 8 * scores.width
            let deviation = oracle.deviation(ofRoutes: experts, scores: scores[row])
            record.add(ratio: deviation.worst) { "\(site.name(row: row)): \(deviation.detail ?? "")" }
            // Nothing follows from experts that do not exist.
            if deviation.worst == .infinity { routes = [] }
        }
    }

    mutating func checkCombination(_ site: InferenceSite) throws {
        let visits = InferenceOracle.visits(of: routes)
        guard let before = try input(.residual, rows: site.pass.rows, site),
            let outputs = try input(.visits, rows: visits.count, site)
        else { return }
        try inference.run(site.operation)
        guard let after = try output(.residual, rows: site.pass.rows, site) else { return }
        let places = Dictionary(grouping: visits.indices) { visits[$0].row }
        for row in rows(site, of: site.pass.rows) {
            let terms = (places[row] ?? []).map { place in
                (weight: routes[row][visits[place].rank].weight, output: outputs[place])
            }
            record.effort += 4 * terms.count * before.width
            record.add(after[row], oracle.combine(before[row], visits: terms)) { site.name(row: row) }
        }
    }
}
