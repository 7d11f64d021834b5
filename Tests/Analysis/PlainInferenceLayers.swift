import Analysis
import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

/// Positions and attention.
extension PlainInference {
    func rotate(_ layer: Int) throws {
        let bias = fault == .bias ? nil : try weights.values(of: .bias(layer: layer))
        for row in 0..<pass.rows {
            var values = rows(.queryKeyValue)[row]
            if let bias { values = zip(values, bias).map(+) }
            let place = pass.place(ofRow: row)
            for head in 0..<model.heads + model.keyValueHeads {
                let range = head * model.headDimension..<(head + 1) * model.headDimension
                let gain: ModelVector = head < model.heads ? .queryGain(layer: layer) : .keyGain(layer: layer)
                if let gain = try weights.values(of: gain), fault != .headNorm {
                    values.replaceSubrange(range, with: scaled(Array(values[range]), gain))
                }
                rotate(&values, range, position: place.position + (fault == .position ? 1 : 0))
            }
            buffers[.queryKeyValue]?[row] = values
            store(values, layer, place)
        }
    }

    private func rotate(_ values: inout [Float], _ range: Range<Int>, position: Int) {
        let halves = (model.rotaryPairs == .halves) != (fault == .pairing)
        for pair in 0..<model.headDimension / 2 {
            let plain = pow(model.ropeTheta, -2 * Double(pair) / Double(model.headDimension))
            let frequency = fault == .rotaryScaling ? plain : weights.rotaryFrequencies[pair]
            let angle = Double(position) * frequency
            let (c, s) = (Float(cos(angle)), Float(sin(angle)))
            let first = range.lowerBound + (halves ? pair : 2 * pair)
            let second = first + (halves ? model.headDimension / 2 : 1)
            (values[first], values[second]) = (
                values[first] * c - values[second] * s, values[first] * s + values[second] * c
            )
        }
    }

    private func store(_ row: [Float], _ layer: Int, _ place: (sequence: Int, position: Int)) {
        let (query, width) = (model.queryWidth, model.keyValueWidth)
        func stored(_ value: Float) -> Float {
            switch fault {
            case .cacheNotRounded: value
            case .cacheCutOff: cutOff(value)
            default: Float(Float16(value))
            }
        }
        let last = keys[layer][place.sequence].count - 1
        let position = fault == .cacheRow ? min(place.position + 1, last) : place.position
        keys[layer][place.sequence][position] = row[query..<query + width].map(stored)
        values[layer][place.sequence][position] = row[(query + width)...].map(stored)
        if fault == .cacheOverwritten, place.position > 0 { values[layer][place.sequence][place.position - 1][0] += 1 }
    }

    /// The f16 next to a number towards 0.
    private func cutOff(_ value: Float) -> Float {
        let nearest = Float16(value)
        guard abs(Float(nearest)) > abs(value) else { return Float(nearest) }
        return Float(Float16(bitPattern: nearest.bitPattern - 1))
    }

    func attend(_ layer: Int) {
        buffers[.attention] = (0..<pass.rows).map { row in
            let place = pass.place(ofRow: row)
            let sequence = fault == .sequences ? (place.sequence + 1) % program.step.batch : place.sequence
            let held = keys[layer][sequence].count
            let count =
                switch fault {
                case .maskAhead: min(place.position + 2, held)
                case .maskBehind: max(place.position, 1)
                default: place.position + 1
                }
            return (0..<model.heads).flatMap { attend(row, $0, keys[layer][sequence], values[layer][sequence], count) }
        }
    }

    private func attend(_ row: Int, _ head: Int, _ keys: [[Float]], _ values: [[Float]], _ count: Int) -> [Float] {
        let size = model.headDimension
        let query = rows(.queryKeyValue)[row][head * size..<(head + 1) * size]
        let mates = model.heads / model.keyValueHeads
        let group = (fault == .group ? head % model.keyValueHeads : head / mates) * size
        let divisor = Float(fault == .attentionScale ? model.hidden : size).squareRoot()
        var scores = (0..<count).map { position -> Float in
            zip(query, keys[position][group..<group + size]).reduce(0) { $0 + $1.0 * $1.1 } / divisor
        }
        let top = scores.max() ?? 0
        scores = scores.map { expf($0 - top) }
        let total = scores.reduce(0, +)
        var result = [Float](repeating: 0, count: size)
        for (score, value) in zip(scores, values) {
            for i in 0..<size { result[i] += score * value[group + i] }
        }
        return result.map { $0 / total }
    }
}

/// The feed-forward part and the end.
extension PlainInference {
    func gate() {
        let half = model.feedForwardWidth
        buffers[.gated] = rows(.gateUp).map { row in
            (0..<half).map { i in
                let (gate, up) = fault == .gateSwapped ? (row[half + i], row[i]) : (row[i], row[half + i])
                return gate / (1 + expf(-gate)) * up
            }
        }
    }

    func route() {
        guard let experts = model.experts else { return }
        routes = rows(.router).map { scores in
            let top = scores.max() ?? 0
            let weights = scores.map { expf($0 - top) }
            let all = weights.reduce(0, +)
            let order = weights.indices.sorted {
                weights[$0] == weights[$1] ? $0 < $1 : weights[$0] > weights[$1]
            }
            let skipped = fault == .expertChoice ? 1 : 0
            var chosen = order.dropFirst(skipped).prefix(experts.perToken).map {
                (expert: $0, weight: weights[$0] / all)
            }
            let total = chosen.reduce(0) { $0 + $1.weight }
            if experts.normalisesWeights != (fault == .expertWeights) {
                chosen = chosen.map { ($0.expert, $0.weight / total) }
            }
            return fault == .expertOrder ? chosen.reversed() : chosen
        }
    }

    /// The visits in the order of their rows in the buffers.
    func visits() -> [(expert: Int, row: Int, weight: Float)] {
        let byRow = routes.enumerated().flatMap { row, experts in
            experts.map { (expert: $0.expert, row: row, weight: $0.weight) }
        }
        return fault == .visits ? byRow : byRow.sorted { ($0.expert, $0.row) < ($1.expert, $1.row) }
    }

    func combine() {
        for (visit, output) in zip(visits(), rows(.visits)) {
            let weight = fault == .combination ? 0.5 : visit.weight
            for i in output.indices { buffers[.residual]?[visit.row][i] += weight * output[i] }
        }
    }

    func choose() {
        chosen = rows(.logits).map { logits in
            let best = logits.max() ?? 0
            let others = logits.filter { $0 < best }
            return logits.firstIndex(of: fault == .argmax ? others.max() ?? best : best) ?? 0
        }
        for (row, token) in zip(pass.logitRows, chosen) {
            chosenOfSequence[pass.place(ofRow: row).sequence] = token
        }
    }

    /// Runs a repetition without any check.
    func repetition() throws -> [(logits: [[Float]], tokens: [Int])] {
        try program.step.passes.compactMap { pass in
            begin(pass, tokens: nil)
            for operation in program.operations(of: pass) { try run(operation) }
            return pass.logits == .none ? nil : (rows(.logits), chosen)
        }
    }
}
