import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

/// Attention.
extension ReferenceInference {
    func attention(_ rows: [[Double]], layer: Int, _ pass: InferencePass) throws -> [[Double]] {
        let products = try multiply(.queryKeyValue(layer: layer), normalise(rows, .attention(layer: layer)))
        let outputs = try products.enumerated().map { row, values in
            let place = pass.place(ofRow: row)
            let rotated = try rotate(values, layer: layer, position: place.position)
            store(rotated, layer: layer, place)
            return attend(Array(rotated.prefix(model.queryWidth)), caches[layer][place.sequence], place.position)
        }
        return try multiply(.attentionOutput(layer: layer), outputs)
    }

    private func rotate(_ row: [Double], layer: Int, position: Int) throws -> [Double] {
        let bias = try weights.values(of: .bias(layer: layer))?.map(Double.init)
        var result = zip(row, bias ?? row.map { _ in 0 }).map(+)
        for head in 0..<model.heads + model.keyValueHeads {
            let place = head * model.headDimension..<(head + 1) * model.headDimension
            let gain: ModelVector = head < model.heads ? .queryGain(layer: layer) : .keyGain(layer: layer)
            if let gain = try weights.values(of: gain) {
                result.replaceSubrange(
                    place, with: Self.normalise(Array(result[place]), gain: gain, epsilon: model.normEpsilon))
            }
            for (pair, frequency) in weights.rotaryFrequencies.enumerated() {
                let angle = frequency * Double(position)
                let halves = model.rotaryPairs == .halves
                let first = place.lowerBound + (halves ? pair : 2 * pair)
                let second = first + (halves ? model.headDimension / 2 : 1)
                let (x, y) = (result[first], result[second])
                result[first] = x * cos(angle) - y * sin(angle)
                result[second] = y * cos(angle) + x * sin(angle)
            }
        }
        return result
    }

    private func store(_ row: [Double], layer: Int, _ place: (sequence: Int, position: Int)) {
        let key = row[model.queryWidth..<model.queryWidth + model.keyValueWidth].map { Double(Float16($0)) }
        let value = row[(model.queryWidth + model.keyValueWidth)...].map { Double(Float16($0)) }
        // A pass over the same positions again takes the place of what was there.
        caches[layer][place.sequence].keys.replaceSubrange(place.position..., with: [key])
        caches[layer][place.sequence].values.replaceSubrange(place.position..., with: [value])
    }

    private func attend(_ queries: [Double], _ cache: Cache, _ position: Int) -> [Double] {
        (0..<model.heads).flatMap { head -> [Double] in
            let size = model.headDimension
            let query = queries[head * size..<(head + 1) * size]
            let group = head / (model.heads / model.keyValueHeads) * size
            let scores = cache.keys[...position].map { key in
                zip(query, key[group..<group + size]).reduce(0) { $0 + $1.0 * $1.1 } / Double(size).squareRoot()
            }
            let weights = Self.softmax(scores)
            return (group..<group + size).map { column in
                zip(weights, cache.values).reduce(0) { $0 + $1.0 * $1.1[column] }
            }
        }
    }

    private static func softmax(_ scores: [Double]) -> [Double] {
        let top = scores.max() ?? 0
        let weights = scores.map { exp($0 - top) }
        let total = weights.reduce(0, +)
        return weights.map { $0 / total }
    }
}

/// The feed-forward part.
extension ReferenceInference {
    func feedForward(_ rows: [[Double]], layer: Int) throws -> [[Double]] {
        guard let experts = model.experts else {
            let gated = gate(try multiply(.gateUp(layer: layer), rows))
            return try multiply(.down(layer: layer), gated)
        }
        let scores = try multiply(.router(layer: layer), rows)
        return try zip(rows, scores).map { row, scores in
            var sum = row.map { _ in 0.0 }
            for (expert, weight) in Self.route(scores, experts) {
                let gated = gate(try multiply(.expertGateUp(layer: layer, expert: expert), [row]))
                let output = try multiply(.expertDown(layer: layer, expert: expert), gated)[0]
                sum = zip(sum, output).map { $0 + weight * $1 }
            }
            return sum
        }
    }

    private func gate(_ rows: [[Double]]) -> [[Double]] {
        rows.map { row in
            let half = row.count / 2
            return (0..<half).map { row[$0] / (1 + exp(-row[$0])) * row[half + $0] }
        }
    }

    /// The experts of a row, best first, and their weights.
    private static func route(_ scores: [Double], _ experts: ExpertShape) -> [(expert: Int, weight: Double)] {
        let shares = softmax(scores)
        let order = shares.indices.sorted { shares[$0] == shares[$1] ? $0 < $1 : shares[$0] > shares[$1] }
        let chosen = order.prefix(experts.perToken).map { (expert: $0, weight: shares[$0]) }
        let total = experts.normalisesWeights ? chosen.reduce(0) { $0 + $1.weight } : 1
        return chosen.map { ($0.expert, $0.weight / total) }
    }
}
