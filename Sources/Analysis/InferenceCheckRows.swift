import NodeModel

/// The operations that take a row and give a row.
extension InferenceCheck {
    mutating func checkEmbedding(_ site: InferenceSite) throws {
        try inference.run(site.operation)
        guard let residual = try output(.residual, rows: site.pass.rows, site) else { return }
        for row in rows(site, of: site.pass.rows) {
            guard let token = token(ofRow: row, in: site.pass), (0..<program.step.model.vocabulary).contains(token)
            else { return record.fail("\(site.name(row: row)) follows no token of the vocabulary") }
            record.effort += residual.width
            let expected = try oracle.embedding(of: token).map { BoundedValue(Double($0), allowed: 0) }
            record.add(residual[row], expected) { "\(site.name(row: row)), token \(token)" }
        }
    }

    private func token(ofRow row: Int, in pass: InferencePass) -> Int? {
        let place = pass.place(ofRow: row)
        return switch pass.source {
        case .prompt: program.promptToken(sequence: place.sequence, position: place.position, seed: inference.seed)
        case .chosen: chosen[place.sequence]
        }
    }

    mutating func checkNorm(_ site: InferenceSite, _ norm: ModelNorm) throws {
        let inputRows = norm == .output ? site.pass.logitRows : Array(0..<site.pass.rows)
        guard let input = try input(.residual, rows: site.pass.rows, site) else { return }
        try inference.run(site.operation)
        guard let output = try output(.normalised, rows: inputRows.count, site) else { return }
        for row in rows(site, of: inputRows.count) {
            record.effort += 2 * input.width
            let expected = try oracle.normalise(input[inputRows[row]], by: norm)
            record.add(output[row], expected) { site.name(row: inputRows[row]) }
        }
    }

    mutating func checkGate(_ site: InferenceSite) throws {
        let total = program.rows(of: .gated, in: site.pass)
        guard let input = try input(.gateUp, rows: total, site) else { return }
        try inference.run(site.operation)
        guard let output = try output(.gated, rows: total, site) else { return }
        for row in rows(site, of: total) {
            record.effort += 8 * output.width
            record.add(output[row], oracle.gate(input[row])) { "\(site.name), row or visit \(row)" }
        }
    }

    mutating func checkChoice(_ site: InferenceSite) throws {
        let logitRows = site.pass.logitRows
        guard let logits = try input(.logits, rows: logitRows.count, site) else { return }
        try inference.run(site.operation)
        let tokens = try inference.chosenTokens()
        guard tokens.count == logitRows.count else {
            return record.fail("\(site.name): \(tokens.count) tokens for \(logitRows.count) rows of logits")
        }
        for (row, token) in tokens.enumerated() {
            record.effort += logits.width
            let best = InferenceOracle.largest(logits.values[row * logits.width..<(row + 1) * logits.width])
            if token != best { record.fail("\(site.name(row: logitRows[row])): token \(token), not \(best)") }
        }
    }
}
