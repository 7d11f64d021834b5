import NodeModel

/// Positions, caches and attention.
extension InferenceCheck {
    mutating func checkRotation(_ site: InferenceSite, layer: Int) throws {
        guard let before = try input(.queryKeyValue, rows: site.pass.rows, site) else { return }
        try inference.run(site.operation)
        guard let after = try input(.queryKeyValue, rows: site.pass.rows, site) else { return }
        let queryWidth = program.step.model.queryWidth
        for row in rows(site, of: site.pass.rows) {
            let place = site.pass.place(ofRow: row)
            let expected = try oracle.rotate(before[row], layer: layer, position: place.position)
            record.effort += 16 * expected.count
            record.add(Array(after[row].prefix(queryWidth)), Array(expected.prefix(queryWidth))) {
                "\(site.name(row: row)), query"
            }
            let cacheRow = CacheRow(layer: layer, sequence: place.sequence, position: place.position)
            try compareCache(cacheRow, Array(expected[queryWidth...])) { site.name(row: row) }
        }
    }

    private mutating func compareCache(_ row: CacheRow, _ expected: [BoundedValue], name: () -> String) throws {
        guard let found = try readCache(row, name: name) else { return }
        stored[row] = found
        for (index, value) in (found.key + found.value).enumerated() {
            record.add(ratio: InferenceOracle.cacheDeviation(value, from: expected[index])) {
                let part = index < found.key.count ? "key" : "value"
                return "\(name()), stored \(part), element \(index % found.key.count), is \(value), "
                    + "not the f16 nearest to \(expected[index].value)"
            }
        }
    }

    private mutating func readCache(_ row: CacheRow, name: () -> String) throws -> StoredRow? {
        let found = try readCache(
            layer: row.layer, sequence: row.sequence, positions: row.position..<row.position + 1, name: name)
        return found.map { StoredRow(key: $0.keys[0], value: $0.values[0]) }
    }

    /// Rows of a cache; `nil`, and recorded, where they are of another size.
    private mutating func readCache(
        layer: Int, sequence: Int, positions: Range<Int>, name: () -> String
    ) throws -> (keys: [[Float]], values: [[Float]])? {
        let found = try inference.readCache(layer: layer, sequence: sequence, positions: positions)
        let width = program.step.model.keyValueWidth
        if found.keys.map(\.count) == positions.map({ _ in width }),
            found.values.map(\.count) == found.keys.map(\.count)
        {
            return found
        }
        record.fail("\(name()): the cache does not give \(positions.count) rows of \(width) numbers")
        return nil
    }

    /// Rows of the cache stay what they were when they were stored: no later pass and no other sequence overwrites them.
    mutating func checkThatTheCacheKept() throws {
        for (row, expected) in stored {
            let name = "layer \(row.layer), cache of sequence \(row.sequence), position \(row.position)"
            if try readCache(row, name: { name }) != expected { record.fail("\(name) was overwritten") }
        }
    }

    mutating func checkAttention(_ site: InferenceSite, layer: Int) throws {
        guard let queries = try input(.queryKeyValue, rows: site.pass.rows, site) else { return }
        try inference.run(site.operation)
        guard let output = try output(.attention, rows: site.pass.rows, site) else { return }
        let sampled = rows(site, of: site.pass.rows, count: sampling.queries)
        let bySequence = Dictionary(grouping: sampled) { site.pass.place(ofRow: $0).sequence }
        for (sequence, rows) in bySequence.sorted(by: { $0.key < $1.key }) {
            guard let cache = try gatherCache(site, layer: layer, sequence: sequence, rows: rows) else { return }
            for head in heads(site, queries: sampled.count) {
                compare(site, head: head, rows, queries, output, cache)
            }
        }
    }

    /// The keys and values that the last of some rows of a sequence attends to.
    private mutating func gatherCache(
        _ site: InferenceSite, layer: Int, sequence: Int, rows: [Int]
    ) throws -> AttendedCache? {
        let context = program.step.contextTokens
        let last = rows.map { site.pass.place(ofRow: $0).position }.max() ?? context
        let name = { "\(site.name), sequence \(sequence)" }
        try compareSeeded(site, layer: layer, sequence: sequence, name: name)
        guard
            let new = try readCache(layer: layer, sequence: sequence, positions: context..<last + 1, name: name)
        else { return nil }
        return AttendedCache(oracle: oracle, layer: layer, sequence: sequence, new: new)
    }

    /// Some seeded rows of the cache as they are on the device.
    private mutating func compareSeeded(_ site: InferenceSite, layer: Int, sequence: Int, name: () -> String) throws {
        let context = program.step.contextTokens
        let width = program.step.model.keyValueWidth
        let places = InferenceSampling.places(
            min(sampling.rows, 8), of: context, always: [0, context - 1], key: site.key(seed: 0xcac4e))
        for position in places {
            let row = CacheRow(layer: layer, sequence: sequence, position: position)
            guard let found = try readCache(row, name: name) else { return }
            record.effort += 16 * width
            let streams = [ModelStream.keys(layer: layer), ModelStream.values(layer: layer)]
            let expected = streams.map {
                oracle.seededCache(stream: $0, sequence: sequence, position: position, columns: 0..<width)
            }
            if [found.key, found.value] != expected {
                record.fail("\(name()): seeded row \(position) of the cache is not what its seed gives")
            }
        }
    }

    private func heads(_ site: InferenceSite, queries: Int) -> [Int] {
        let model = program.step.model
        let positions = site.pass.contextTokens + site.pass.tokens
        let each = 2 * queries * positions * model.headDimension
        return InferenceSampling.places(
            max(2, sampling.attentionTerms / max(each, 1)), of: model.heads, always: [0, model.heads - 1],
            key: site.key(seed: 0x4ead))
    }

    private mutating func compare(
        _ site: InferenceSite, head: Int, _ rows: [Int], _ queries: BufferRows, _ output: BufferRows,
        _ cache: AttendedCache
    ) {
        let model = program.step.model
        let columns = head * model.headDimension..<(head + 1) * model.headDimension
        let (keys, values) = cache.rows(group: head / (model.heads / model.keyValueHeads))
        record.effort += 16 * keys.count * model.headDimension
        for row in rows {
            let count = site.pass.place(ofRow: row).position + 1
            record.effort += 4 * count * model.headDimension
            let expected = InferenceOracle.attend(
                Array(queries[row][columns]), keys: Array(keys.prefix(count)), values: Array(values.prefix(count)))
            record.add(Array(output[row][columns]), expected) { "\(site.name(row: row)), head \(head)" }
        }
    }
}

/// The keys and values of a sequence: seeded ones, and new ones as they are on the device.
private struct AttendedCache {
    let oracle: InferenceOracle
    let layer: Int
    let sequence: Int
    let new: (keys: [[Float]], values: [[Float]])

    /// Those of a key and value head, position by position.
    func rows(group: Int) -> (keys: [[Float]], values: [[Float]]) {
        let dimension = oracle.program.step.model.headDimension
        let columns = group * dimension..<(group + 1) * dimension
        func seeded(_ stream: UInt32) -> [[Float]] {
            (0..<oracle.program.step.contextTokens).map {
                oracle.seededCache(stream: stream, sequence: sequence, position: $0, columns: columns)
            }
        }
        return (
            seeded(ModelStream.keys(layer: layer)) + new.keys.map { Array($0[columns]) },
            seeded(ModelStream.values(layer: layer)) + new.values.map { Array($0[columns]) }
        )
    }
}
