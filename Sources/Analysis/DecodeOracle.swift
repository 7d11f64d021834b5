import NodeModel

#if canImport(Glibc)
    import Glibc
#endif

/// The operations of a decode step in float64, straight from their definitions.
struct DecodeOracle {
    let program: DecodeProgram
    let seed: UInt32

    private var model: ModelShape { program.step.model }
    private func key(_ stream: UInt32) -> UInt32 { SeededData.key(seed: seed, stream: stream) }

    var initialResidual: [Double] {
        let key = key(program.residualStream)
        return (0..<model.hidden).map { Double(SeededData.uniform(key: key, index: UInt32($0))) }
    }

    func normalise(_ input: [Float], index: Int) -> [Double] {
        let key = key(program.gainStream(norm: index))
        let gain = input.indices.map { 1 + SeededData.uniform(key: key, index: UInt32($0)) / 8 }
        return BlockOracle.normalise(input, gain: gain, epsilon: model.normEpsilon)
    }

    /// First, last and random rows.
    func sampledRows(of matrix: WeightMatrix) -> [Int] {
        let rows = program.size(of: matrix).rows
        let key = key(0x0a11)
        let random = (0..<30).map { Int(SeededData.word(key: key, index: UInt32($0))) % rows }
        return Set([0, rows - 1] + random).sorted()
    }

    func product(_ matrix: WeightMatrix, row: Int, _ vector: [Float]) -> (sum: Double, magnitude: Double) {
        let key = key(program.stream(of: matrix))
        var sum = 0.0
        var magnitude = 0.0
        for column in vector.indices {
            let weight = SeededData.weight(key: key, index: UInt32(truncatingIfNeeded: row * vector.count + column))
            let term = Double(weight) * Double(vector[column])
            sum += term
            magnitude += abs(term)
        }
        return (sum, magnitude)
    }

    /// Rotates the query and key parts by the new token's position; the value part stays.
    func rotate(_ queryKeyValue: [Float]) -> [Double] {
        var result = queryKeyValue.map(Double.init)
        let half = model.headDimension / 2
        for head in 0..<(model.heads + model.keyValueHeads) {
            for pair in 0..<half {
                let angle =
                    Double(program.step.contextTokens)
                    * pow(model.ropeTheta, -2 * Double(pair) / Double(model.headDimension))
                let first = head * model.headDimension + 2 * pair
                let (x, y) = (result[first], result[first + 1])
                result[first] = x * cos(angle) - y * sin(angle)
                result[first + 1] = x * sin(angle) + y * cos(angle)
            }
        }
        return result
    }

    func attend(layer: Int, head: Int, query: [Float], new: (key: [Float], value: [Float])) -> [Double] {
        let group = head / (model.heads / model.keyValueHeads)
        let offset = group * model.headDimension
        let range = offset..<offset + model.headDimension
        let past = program.step.contextTokens
        let keys = (0..<past).map { cacheRow(program.keyStream(layer: layer), $0, range) } + [Array(new.key[range])]
        let values =
            (0..<past).map { cacheRow(program.valueStream(layer: layer), $0, range) } + [Array(new.value[range])]
        return BlockOracle.attention(query: query, keys: keys, values: values)
    }

    private func cacheRow(_ stream: UInt32, _ row: Int, _ columns: Range<Int>) -> [Float] {
        let key = key(stream)
        return columns.map {
            let value = SeededData.uniform(key: key, index: UInt32(row * model.keyValueWidth + $0))
            return SixteenBit.rounded(value, to: program.step.weights)
        }
    }

    func gate(_ gateUp: [Float]) -> [Double] {
        let half = gateUp.count / 2
        return (0..<half).map { i in
            let gate = Double(gateUp[i])
            return gate / (1 + exp(-gate)) * Double(gateUp[half + i])
        }
    }
}
