/// One decode step: a single new token for each sequence of the batch.
public struct DecodeStep: Hashable, Codable, Sendable {
    /// The model whose shape is used.
    public var model: ModelShape
    /// The format of the weights and of the key-value cache: ``Precision/bf16`` or ``Precision/f16``.
    public var weights: Precision
    /// Tokens already in the key-value cache; the new token attends to these and to itself.
    public var contextTokens: Int

    /// Creates a step for one sequence.
    public init(model: ModelShape, weights: Precision, contextTokens: Int) {
        self.model = model
        self.weights = weights
        self.contextTokens = contextTokens
    }
}

/// The buffers of activations a decode step works on, all f32.
public enum ActivationBuffer: String, Hashable, Codable, Sendable, CaseIterable {
    /// The residual stream, `hidden` values.
    case residual
    /// The normalised stream, `hidden` values.
    case normalised
    /// Query, key and value of the new token, `queryWidth + 2·keyValueWidth` values.
    case queryKeyValue
    /// Attention's output, `queryWidth` values.
    case attention
    /// Gate and up projections, `2·feedForward` values.
    case gateUp
    /// The gated activation, `feedForward` values.
    case gated
    /// The output head's scores, `vocabulary` values.
    case logits
}

/// A matrix of the model, stored row-major with one output per row.
public enum WeightMatrix: Hashable, Codable, Sendable {
    /// Query, key and value rows stacked: `queryWidth + 2·keyValueWidth` × `hidden`.
    case queryKeyValue(layer: Int)
    /// `hidden` × `queryWidth`.
    case attentionOutput(layer: Int)
    /// Gate rows, then up rows: `2·feedForward` × `hidden`.
    case gateUp(layer: Int)
    /// `hidden` × `feedForward`.
    case down(layer: Int)
    /// `vocabulary` × `hidden`.
    case outputHead
}

/// One operation of a decode step.
public enum DecodeOperation: Hashable, Codable, Sendable {
    /// `normalised = residual / rms(residual) · gain`; the gain of norm `index` is seeded data (see ``DecodeProgram``).
    case normalise(index: Int)
    /// `output = matrix · input`, or `output += matrix · input`.
    case multiply(WeightMatrix, input: ActivationBuffer, output: ActivationBuffer, accumulate: Bool)
    /// Rotates query and key of ``ActivationBuffer/queryKeyValue`` to the new position (pairs of neighbours) and
    /// appends key and value to the layer's cache, rounded to the weights' format.
    case rotateAndStore(layer: Int)
    /// Attention of the rotated query over the layer's cache, the new token included.
    case attend(layer: Int)
    /// `gated = silu(gate) · up`.
    case gate
}

/// A decode step as a list of operations, the same for every backend.
///
/// Streams of ``SeededData`` for a model of *L* layers: layer *l* uses streams `16·l + 1` (query-key-value),
/// `+ 2` (attention output), `+ 3` (gate and up), `+ 4` (down), `+ 5` (key cache), `+ 6` (value cache);
/// the output head is stream `16·L + 1`, the initial residual `16·L + 2`. Matrix elements are
/// ``SeededData/weight(key:index:)`` of the row-major index; the residual and the cache are
/// ``SeededData/uniform(key:index:)`` (cache values rounded to the weights' format, nearest even);
/// norm `i` has the gain `1 + uniform / 8` of stream `16·L + 16 + i`.
/// A layer's caches are `[contextTokens + 1][keyValueWidth]`, row `contextTokens` being the new token's.
public struct DecodeProgram: Hashable, Sendable {
    /// What is computed.
    public var step: DecodeStep
    /// The operations in order.
    public var operations: [DecodeOperation]

    /// Lists the operations of a step.
    public init(_ step: DecodeStep) {
        self.step = step
        operations =
            (0..<step.model.layers).flatMap(Self.layer) + [
                .normalise(index: 2 * step.model.layers),
                .multiply(.outputHead, input: .normalised, output: .logits, accumulate: false),
            ]
    }

    private static func layer(_ layer: Int) -> [DecodeOperation] {
        [
            .normalise(index: 2 * layer),
            .multiply(.queryKeyValue(layer: layer), input: .normalised, output: .queryKeyValue, accumulate: false),
            .rotateAndStore(layer: layer),
            .attend(layer: layer),
            .multiply(.attentionOutput(layer: layer), input: .attention, output: .residual, accumulate: true),
            .normalise(index: 2 * layer + 1),
            .multiply(.gateUp(layer: layer), input: .normalised, output: .gateUp, accumulate: false),
            .gate,
            .multiply(.down(layer: layer), input: .gated, output: .residual, accumulate: true),
        ]
    }

    /// How many values a buffer holds.
    public func count(of buffer: ActivationBuffer) -> Int {
        let model = step.model
        return switch buffer {
        case .residual, .normalised: model.hidden
        case .queryKeyValue: model.queryWidth + 2 * model.keyValueWidth
        case .attention: model.queryWidth
        case .gateUp: 2 * model.feedForward
        case .gated: model.feedForward
        case .logits: model.vocabulary
        }
    }

    /// Rows and columns of a matrix.
    public func size(of matrix: WeightMatrix) -> (rows: Int, columns: Int) { step.model.size(of: matrix) }

    /// The data stream of a matrix.
    public func stream(of matrix: WeightMatrix) -> UInt32 {
        switch matrix {
        case .queryKeyValue(let layer): UInt32(16 * layer + 1)
        case .attentionOutput(let layer): UInt32(16 * layer + 2)
        case .gateUp(let layer): UInt32(16 * layer + 3)
        case .down(let layer): UInt32(16 * layer + 4)
        case .outputHead: UInt32(16 * step.model.layers + 1)
        }
    }

    /// The data stream of a layer's key cache.
    public func keyStream(layer: Int) -> UInt32 { UInt32(16 * layer + 5) }

    /// The data stream of a layer's value cache.
    public func valueStream(layer: Int) -> UInt32 { UInt32(16 * layer + 6) }

    /// The data stream of the initial residual.
    public var residualStream: UInt32 { UInt32(16 * step.model.layers + 2) }

    /// The data stream of a norm's gain.
    public func gainStream(norm index: Int) -> UInt32 { UInt32(16 * step.model.layers + 16 + index) }

    /// The work of one step: two operations per matrix parameter and per key and value attended to; bytes of all
    /// 16-bit weights and of the cache, each read once.
    public var work: Work {
        let model = step.model
        let parameters = Double(model.matrixParametersPerToken)
        let attended = Double(step.contextTokens + 1)
        let attentionFlops = 4 * Double(model.layers * model.queryWidth) * attended
        let cacheBytes = 2 * 2 * Double(model.layers * model.keyValueWidth) * attended
        return Work(flops: Flops(2 * parameters + attentionFlops), bytes: 2 * parameters + cacheBytes, tokens: 1)
    }
}

/// A backend's decode step, opened up so that one oracle can check every operation of every backend.
public protocol InspectableDecodeStep: AnyObject {
    /// The operations and their data.
    var program: DecodeProgram { get }

    /// The seed of all data.
    var seed: UInt32 { get }

    /// Resets the residual stream to its seeded start.
    ///
    /// - Throws: ``TrialFailure`` when the device fails.
    func reset() throws

    /// Runs one operation and waits for it, with the kernels of the timed step.
    ///
    /// - Parameter operation: One of the program's operations.
    /// - Throws: ``TrialFailure`` when the device fails.
    func run(_ operation: DecodeOperation) throws

    /// Copies a buffer of activations out.
    ///
    /// - Parameter buffer: Which one.
    /// - Returns: Its values.
    /// - Throws: ``TrialFailure`` when the device fails.
    func read(_ buffer: ActivationBuffer) throws -> [Float]

    /// Copies the cache row of the new token out.
    ///
    /// - Parameter layer: The layer.
    /// - Returns: The key and the value as stored, widened to f32.
    /// - Throws: ``TrialFailure`` when the device fails.
    func readCache(layer: Int) throws -> (key: [Float], value: [Float])
}
