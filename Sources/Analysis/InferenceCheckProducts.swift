import NodeModel

/// A row of a product: where it went, what was multiplied, and what the result was added to.
struct ProductRow {
    var place: Int
    var input: [Float]
    var base: [Float]?
}

/// Products with matrices.
extension InferenceCheck {
    mutating func checkProduct(
        _ site: InferenceSite, _ matrix: ModelMatrix, input: InferenceBuffer, output: InferenceBuffer, accumulate: Bool
    ) throws {
        let total = program.rows(of: output, in: site.pass)
        guard let factor = try self.input(input, rows: total, site),
            let before = try self.input(output, rows: total, site)
        else { return }
        try inference.run(site.operation)
        guard let after = try self.output(output, rows: total, site) else { return }
        let rows = rows(site, of: total).map {
            ProductRow(place: $0, input: factor[$0], base: accumulate ? before[$0] : nil)
        }
        let passRows = output == .logits ? site.pass.logitRows : Array(0..<total)
        try compare(site, matrix, rows, after) { site.name(row: passRows[$0]) }
    }

    mutating func checkVisits(
        _ site: InferenceSite, layer: Int, input: InferenceBuffer, output: InferenceBuffer
    ) throws {
        let visits = InferenceOracle.visits(of: routes)
        let inputRows = input == .gated ? visits.count : site.pass.rows
        guard let factor = try self.input(input, rows: inputRows, site) else { return }
        try inference.run(site.operation)
        guard let after = try self.output(output, rows: visits.count, site) else { return }
        let sampled = Dictionary(grouping: rows(site, of: visits.count)) { visits[$0].expert }
        for (expert, places) in sampled.sorted(by: { $0.key < $1.key }) {
            let rows = places.map { ProductRow(place: $0, input: factor[input == .gated ? $0 : visits[$0].row]) }
            let matrix: ModelMatrix =
                input == .gated
                ? .expertDown(layer: layer, expert: expert) : .expertGateUp(layer: layer, expert: expert)
            try compare(site, matrix, rows, after) {
                "\(site.name(row: visits[$0].row)), visit \($0) of expert \(expert)"
            }
        }
    }

    private mutating func compare(
        _ site: InferenceSite, _ matrix: ModelMatrix, _ rows: [ProductRow], _ output: BufferRows,
        name: (Int) -> String
    ) throws {
        let parts = oracle.weights.parts(of: matrix)
        var inputs: [Multiplicand: [[Double]]] = [:]
        for matrixRow in matrixRows(site, matrix, parts) {
            let format = InferenceOracle.format(ofRow: matrixRow, parts: parts)
            let multiplicand = inference.multiplicand(for: format)
            let rounded = inputs[multiplicand] ?? rows.map { InferenceOracle.rounded($0.input, to: multiplicand) }
            inputs[multiplicand] = rounded
            let weights = try oracle.weights.row(matrixRow, of: matrix)
            record.effort += weights.count * (8 + rows.count)
            for (row, input) in zip(rows, rounded) {
                let expected = InferenceOracle.product(
                    weights, input, multiplicand: multiplicand, base: row.base?[matrixRow])
                record.add(output.values[row.place * output.width + matrixRow], expected) {
                    "\(name(row.place)), element \(matrixRow),"
                }
            }
        }
    }

    /// Rows at every border within a matrix, and random ones.
    private func matrixRows(_ site: InferenceSite, _ matrix: ModelMatrix, _ parts: [MatrixPart]) -> [Int] {
        let model = program.step.model
        let total = model.size(of: matrix).rows
        let borders: [Int] =
            switch matrix {
            case .queryKeyValue: [model.queryWidth, model.queryWidth + model.keyValueWidth]
            case .gateUp, .expertGateUp: [model.feedForwardWidth]
            default: []
            }
        let starts = parts.indices.map { part in parts[..<part].reduce(0) { $0 + $1.rows } }
        let always = [0, total - 1] + (borders + starts).flatMap { [$0 - 1, $0] }
        return InferenceSampling.places(sampling.matrixRows, of: total, always: always, key: site.key(seed: 0x0a11))
    }
}
