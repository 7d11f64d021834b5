import Analysis
import NodeModel

/// Tiny models with the parts of those that people run.
enum InferenceModel: String, CaseIterable {
    case llama, llama3, qwen2, qwen3, mixtral, looseExperts

    /// The shape.
    var shape: ModelShape {
        var shape = ModelShape(
            name: rawValue, source: "test", layers: 2, hidden: 64, feedForward: 96, heads: 4, keyValueHeads: 2,
            headDimension: 16, vocabulary: 96, tiedEmbedding: self == .llama3 || self == .qwen2)
        switch self {
        case .llama: break
        case .llama3:
            shape.rotaryScaling = RotaryScaling(
                factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 64)
        case .qwen2:
            shape.queryKeyValueBias = true
            shape.rotaryPairs = .halves
        case .qwen3:
            shape.queryKeyNorm = true
            shape.rotaryPairs = .halves
        case .mixtral:
            shape.experts = ExpertShape(count: 4, perToken: 2, feedForward: 32, normalisesWeights: true)
        case .looseExperts:
            shape.queryKeyNorm = true
            shape.experts = ExpertShape(count: 6, perToken: 3, feedForward: 64, normalisesWeights: false)
        }
        return shape
    }

    /// A step of three sequences.
    func step(_ phase: InferencePhase, weights: WeightFormat, context: Int = 4) -> InferenceStep {
        InferenceStep(
            model: shape, weights: weights, phase: phase, batch: 3, tokens: phase == .decode ? 3 : 5,
            contextTokens: context)
    }
}

/// Seeded weights whose queries, keys and values are stored in different formats, as in files of mixed ones.
final class PartedWeights: ModelWeights {
    let shape: ModelShape
    private let seeded: [WeightFormat: SeededModelWeights]

    init(_ shape: ModelShape) {
        self.shape = shape
        seeded = Dictionary(
            uniqueKeysWithValues: WeightFormat.allCases.map { ($0, SeededModelWeights(shape, format: $0, seed: 9)) })
    }

    var rotaryFrequencies: [Double] { shape.rotaryFrequencies }

    func parts(of matrix: ModelMatrix) -> [MatrixPart] {
        guard case .queryKeyValue = matrix else { return [MatrixPart(rows: shape.size(of: matrix).rows, format: .f16)] }
        return [
            MatrixPart(rows: shape.queryWidth, format: .q4), MatrixPart(rows: shape.keyValueWidth, format: .bf16),
            MatrixPart(rows: shape.keyValueWidth, format: .q8),
        ]
    }

    func withContent(of matrix: ModelMatrix, part: Int, _ body: (PartContent) throws -> Void) throws {
        try seeded[parts(of: matrix)[part].format]?.withContent(of: matrix, part: 0, body)
    }

    func row(_ row: Int, of matrix: ModelMatrix) throws -> [Float] {
        var first = 0
        for part in parts(of: matrix) {
            first += part.rows
            if row < first { return try seeded[part.format]?.row(row, of: matrix) ?? [] }
        }
        return []
    }

    func values(of vector: ModelVector) throws -> [Float]? { try seeded[.f16]?.values(of: vector) }
}

/// An inference that computes nothing, to see what the check costs.
final class SilentInference: InspectableInference {
    let program: InferenceProgram
    let weights: any ModelWeights
    let seed: UInt32 = 5
    private var pass: InferencePass

    init(_ step: InferenceStep) {
        program = InferenceProgram(step)
        weights = SeededModelWeights(step.model, format: step.weights, seed: 5)
        pass = step.passes[0]
    }

    func multiplicand(for format: WeightFormat) -> Multiplicand { format.isBlocked ? .blocks : .f32 }
    func begin(_ pass: InferencePass, tokens: [Int]?) { self.pass = pass }
    func run(_ operation: InferenceOperation) {}

    func read(_ buffer: InferenceBuffer) -> [Float] {
        [Float](repeating: 0.5, count: program.rows(of: buffer, in: pass) * program.width(of: buffer))
    }

    func readCache(layer: Int, sequence: Int, positions: Range<Int>) -> (keys: [[Float]], values: [[Float]]) {
        let row = [Float](repeating: 0.5, count: program.step.model.keyValueWidth)
        return (positions.map { _ in row }, positions.map { _ in row })
    }

    func readRoutes() -> [[(expert: Int, weight: Float)]] {
        let count = program.step.model.experts?.perToken ?? 0
        return (0..<pass.rows).map { _ in (0..<count).map { ($0, 0.5) } }
    }

    func chosenTokens() -> [Int] { pass.logitRows.map { _ in 0 } }
}
