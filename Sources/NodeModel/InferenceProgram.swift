/// Buffers of activations, all f32, a row for each of a pass's rows unless said otherwise.
public enum InferenceBuffer: String, Hashable, Codable, Sendable, CaseIterable {
    /// The residual stream, `hidden` values.
    case residual
    /// The normalised stream, `hidden` values; after the output norm its first rows are those that have logits.
    case normalised
    /// Queries, keys and values, `queryWidth + 2·keyValueWidth` values.
    case queryKeyValue
    /// Attention's output, `queryWidth` values.
    case attention
    /// Gate and up projections, twice the feed-forward width; with experts a row for each *visit*.
    case gateUp
    /// The gated activation, the feed-forward width; with experts a row for each visit.
    case gated
    /// The router's scores, a value for each expert.
    case router
    /// What the experts return, `hidden` values, a row for each visit.
    case visits
    /// The output head's scores, `vocabulary` values, only rows that have logits.
    case logits
}

/// The norms of a model.
public enum ModelNorm: Hashable, Codable, Sendable {
    /// Before a layer's attention.
    case attention(layer: Int)
    /// Before a layer's feed-forward part.
    case feedForward(layer: Int)
    /// Before the output head.
    case output
}

/// One operation of a pass.
///
/// A *visit* is a token's way through one of its experts. The visits of a pass are sorted by expert, those of an expert
/// by row.
public enum InferenceOperation: Hashable, Codable, Sendable {
    /// `residual` = the embeddings of the tokens.
    case embed
    /// `normalised = residual / √(mean of residual² + epsilon) · gain`, row by row; the output norm takes only rows that
    /// have logits and puts them one after the other.
    case normalise(ModelNorm)
    /// `output = input · matrixᵀ`, or `output += input · matrixᵀ`.
    case multiply(ModelMatrix, input: InferenceBuffer, output: InferenceBuffer, accumulate: Bool)
    /// In ``InferenceBuffer/queryKeyValue``: adds the biases and then normalises each head of query and key where the
    /// model does so, rotates query and key to the tokens' positions, and stores key and value in the layer's cache as
    /// f16, nearest even. What is left of keys and values in the buffer does not matter.
    ///
    /// A pair (x, y) becomes (x·cos a − y·sin a, x·sin a + y·cos a) with a = position · frequency, sine and cosine right
    /// to f32: an angle in f32 is not.
    case rotateAndStore(layer: Int)
    /// Attention of the rotated queries over the layer's cache, each over positions up to its own.
    case attend(layer: Int)
    /// `gated = silu(gate) · up`.
    case gate(layer: Int)
    /// Chooses each row's experts and their weights from ``InferenceBuffer/router``: the largest of the softmax over all
    /// (the first of equals), made to sum up to 1 where the model does so.
    case route(layer: Int)
    /// Row by row of the visits, `gateUp` = the expert's gate and up times `normalised`.
    case visitGateUp(layer: Int)
    /// Row by row of the visits, `visits` = the expert's down times `gated`.
    case visitDown(layer: Int)
    /// `residual` += the sum of a row's visits times their weights.
    case combine(layer: Int)
    /// The token with the largest logit, the first of equals, of each row that has logits.
    case choose
}

/// A pass through a model as a list of operations, the same for every backend.
public struct InferenceProgram: Hashable, Sendable {
    /// What is computed.
    public var step: InferenceStep

    /// Takes a step.
    public init(_ step: InferenceStep) { self.step = step }

    /// The operations of a pass in their order.
    public func operations(of pass: InferencePass) -> [InferenceOperation] {
        [.embed] + (0..<step.model.layers).flatMap(layer) + (pass.logits == .none ? [] : Self.head)
    }

    private static let head: [InferenceOperation] = [
        .normalise(.output), .multiply(.outputHead, input: .normalised, output: .logits, accumulate: false), .choose,
    ]

    private func layer(_ layer: Int) -> [InferenceOperation] {
        [
            .normalise(.attention(layer: layer)),
            .multiply(.queryKeyValue(layer: layer), input: .normalised, output: .queryKeyValue, accumulate: false),
            .rotateAndStore(layer: layer),
            .attend(layer: layer),
            .multiply(.attentionOutput(layer: layer), input: .attention, output: .residual, accumulate: true),
            .normalise(.feedForward(layer: layer)),
        ] + (step.model.experts == nil ? Self.feedForward(layer) : Self.experts(layer))
    }

    private static func feedForward(_ layer: Int) -> [InferenceOperation] {
        [
            .multiply(.gateUp(layer: layer), input: .normalised, output: .gateUp, accumulate: false),
            .gate(layer: layer),
            .multiply(.down(layer: layer), input: .gated, output: .residual, accumulate: true),
        ]
    }

    private static func experts(_ layer: Int) -> [InferenceOperation] {
        [
            .multiply(.router(layer: layer), input: .normalised, output: .router, accumulate: false),
            .route(layer: layer), .visitGateUp(layer: layer), .gate(layer: layer), .visitDown(layer: layer),
            .combine(layer: layer),
        ]
    }

    /// Values in a row of a buffer.
    public func width(of buffer: InferenceBuffer) -> Int {
        let model = step.model
        return switch buffer {
        case .residual, .normalised, .visits: model.hidden
        case .queryKeyValue: model.queryWidth + 2 * model.keyValueWidth
        case .attention: model.queryWidth
        case .gateUp: 2 * model.feedForwardWidth
        case .gated: model.feedForwardWidth
        case .router: model.experts?.count ?? 0
        case .logits: model.vocabulary
        }
    }

    /// Rows of a buffer in a pass.
    public func rows(of buffer: InferenceBuffer, in pass: InferencePass) -> Int {
        switch buffer {
        case .residual, .normalised, .queryKeyValue, .attention, .router: pass.rows
        case .gateUp, .gated: pass.rows * (step.model.experts?.perToken ?? 1)
        case .visits: pass.rows * (step.model.experts?.perToken ?? 0)
        case .logits: pass.logitRows.count
        }
    }

    /// The seeded token of a position.
    public func promptToken(sequence: Int, position: Int, seed: UInt32) -> Int {
        let key = SeededData.key(seed: seed, stream: ModelStream.prompt(step.model))
        let index = UInt32(truncatingIfNeeded: sequence * step.positions + position)
        return Int((UInt64(SeededData.word(key: key, index: index)) * UInt64(step.model.vocabulary)) >> 32)
    }

    /// The work of one repetition, which is all passes of the step.
    ///
    /// Flops: two for each weight a token meets, four for each query element and position attended to; of the output
    /// head only rows that have logits. Bytes: the weights that a pass meets, once for each pass, and keys and values
    /// of all positions attended to, once for each pass and sequence. Of experts, as many are counted as a pass is
    /// expected to visit if every choice is equally likely.
    public var work: Work {
        step.passes.reduce(into: Work(flops: .zero, bytes: 0, tokens: Double(step.batch * step.tokens))) { sum, pass in
            let work = work(of: pass)
            sum.flops = (sum.flops ?? .zero) + work.flops
            sum.bytes = (sum.bytes ?? 0) + work.bytes
        }
    }

    private func work(of pass: InferencePass) -> (flops: Flops, bytes: Double) {
        let model = step.model
        let (rows, heads) = (Double(pass.rows), Double(pass.logitRows.count))
        let layers = Double(model.layers)
        let attended = (0..<pass.tokens).reduce(0.0) { $0 + Double(pass.contextTokens + $1 + 1) }
        let headWeights = Double(model.hidden * model.vocabulary)
        let flops =
            2 * rows * layers * Double(model.matrixParametersPerLayer) + 2 * heads * headWeights
            + 4 * layers * Double(model.queryWidth) * attended * Double(pass.sequences)
        let perWeight = Double(step.weights.bytes(of: 1 << 10)) / 0x1p10
        let weights = layers * model.matrixParametersVisited(rows: pass.rows) + (heads > 0 ? headWeights : 0)
        let cache = 2 * 2 * layers * Double(model.keyValueWidth * (pass.contextTokens + pass.tokens) * pass.sequences)
        return (Flops(flops), perWeight * weights + cache)
    }
}
