import Analysis
import NodeModel
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// A straightforward decode step in Swift, f32 throughout, with a fault that can be switched on.
final class ReferenceDecodeStep: InspectableDecodeStep {
    /// What to get wrong.
    enum Fault: CaseIterable { case weight, gain, angle, cacheRounding, mask, softmax, gate, accumulate }

    let program: DecodeProgram
    let seed: UInt32 = 5
    let fault: Fault?
    private var buffers: [ActivationBuffer: [Float]] = [:]
    private var caches: [Int: (key: [Float], value: [Float])] = [:]
    private var model: ModelShape { program.step.model }

    init(weights: Precision, fault: Fault?) {
        let shape = ModelShape(
            name: "tiny", source: "test", layers: 2, hidden: 64, feedForward: 160, heads: 4, keyValueHeads: 2,
            headDimension: 16, vocabulary: 96)
        program = DecodeProgram(DecodeStep(model: shape, weights: weights, contextTokens: 9))
        self.fault = fault
    }

    func reset() { buffers[.residual] = stream(program.residualStream, model.hidden) }
    func read(_ buffer: ActivationBuffer) -> [Float] { buffers[buffer] ?? [] }

    func readCache(layer: Int) -> (key: [Float], value: [Float]) {
        caches[layer] ?? (
            [Float](repeating: 0, count: model.keyValueWidth), [Float](repeating: 0, count: model.keyValueWidth)
        )
    }

    private func stream(_ stream: UInt32, _ count: Int) -> [Float] {
        let key = SeededData.key(seed: seed, stream: stream)
        return (0..<count).map { SeededData.uniform(key: key, index: UInt32($0)) }
    }

    func run(_ operation: DecodeOperation) {
        switch operation {
        case .normalise(let index): normalise(index)
        case .multiply(let matrix, let input, let output, let accumulate):
            multiply(matrix, read(input), output, accumulate && fault != .accumulate)
        case .rotateAndStore(let layer): rotate(layer)
        case .attend(let layer): attend(layer)
        case .gate:
            let x = read(.gateUp)
            buffers[.gated] = (0..<model.feedForward).map {
                fault == .gate
                    ? x[$0] * x[model.feedForward + $0] : x[$0] / (1 + expf(-x[$0])) * x[model.feedForward + $0]
            }
        }
    }

    private func normalise(_ index: Int) {
        let x = read(.residual)
        let scale = 1 / (x.map { $0 * $0 }.reduce(0, +) / Float(x.count) + Float(model.normEpsilon)).squareRoot()
        let gain = stream(program.gainStream(norm: fault == .gain ? index + 1 : index), model.hidden)
        buffers[.normalised] = x.indices.map { x[$0] * scale * (1 + gain[$0] / 8) }
    }

    private func multiply(_ matrix: WeightMatrix, _ x: [Float], _ output: ActivationBuffer, _ accumulate: Bool) {
        let rows = program.size(of: matrix).rows
        let key = SeededData.key(seed: seed, stream: program.stream(of: matrix))
        let old = accumulate ? read(output) : [Float](repeating: 0, count: rows)
        buffers[output] = (0..<rows).map { row in
            let shift = fault == .weight && row == rows - 1 ? 1 : 0
            return old[row]
                + x.indices.map { x[$0] * SeededData.weight(key: key, index: UInt32(row * x.count + $0 + shift)) }
                .reduce(0, +)
        }
    }

    private func rotate(_ layer: Int) {
        var x = read(.queryKeyValue)
        let position = Double(program.step.contextTokens + (fault == .angle ? 1 : 0))
        for head in 0..<(model.heads + model.keyValueHeads) {
            for pair in 0..<model.headDimension / 2 {
                let angle = position * pow(model.ropeTheta, -2 * Double(pair) / Double(model.headDimension))
                let i = head * model.headDimension + 2 * pair
                let (c, s) = (Float(cos(angle)), Float(sin(angle)))
                (x[i], x[i + 1]) = (x[i] * c - x[i + 1] * s, x[i] * s + x[i + 1] * c)
            }
        }
        buffers[.queryKeyValue] = x
        let kv = x[model.queryWidth...].map {
            SixteenBit.rounded(fault == .cacheRounding ? $0 * 1.01 : $0, to: program.step.weights)
        }
        caches[layer] = (Array(kv.prefix(model.keyValueWidth)), Array(kv.suffix(model.keyValueWidth)))
    }

    private func attend(_ layer: Int) {
        let (width, size) = (model.keyValueWidth, model.headDimension)
        let past = program.step.contextTokens * width
        let new = readCache(layer: layer)
        let round = { (value: Float) in SixteenBit.rounded(value, to: self.program.step.weights) }
        let keys = stream(program.keyStream(layer: layer), past).map(round) + new.key
        let values = stream(program.valueStream(layer: layer), past).map(round) + new.value
        let q = read(.queryKeyValue)
        let rows = program.step.contextTokens + (fault == .mask ? 0 : 1)
        buffers[.attention] = (0..<model.heads).flatMap { head -> [Float] in
            let offset = head / (model.heads / model.keyValueHeads) * size
            let scores = (0..<rows).map { row in
                (0..<size).map { q[head * size + $0] * keys[row * width + offset + $0] }.reduce(0, +)
                    / Float(size).squareRoot()
            }
            let weights = scores.map { fault == .softmax ? 1 : expf($0 - (scores.max() ?? 0)) }
            let total = weights.reduce(0, +)
            return (0..<size).map { i in
                (0..<rows).map { weights[$0] * values[$0 * width + offset + i] }.reduce(0, +) / total
            }
        }
    }
}

@Suite struct DecodeCheckTests {
    @Test(arguments: [Precision.bf16, .f16]) func aRightStepPasses(weights: Precision) throws {
        let verification = try DecodeCheck.verify(ReferenceDecodeStep(weights: weights, fault: nil))
        #expect(verification.passed, "\(verification)")
        #expect(verification.worst > 0)
    }

    @Test(arguments: ReferenceDecodeStep.Fault.allCases) func everyFaultShows(fault: ReferenceDecodeStep.Fault) throws {
        let verification = try DecodeCheck.verify(ReferenceDecodeStep(weights: .bf16, fault: fault))
        #expect(!verification.passed)
        #expect(verification.detail != nil)
    }
}
