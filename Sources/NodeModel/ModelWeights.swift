/// A matrix of a model, stored row-major with one output per row.
public enum ModelMatrix: Hashable, Codable, Sendable {
    /// `vocabulary` × `hidden`: a row for each token.
    case embedding
    /// Query, key and value rows, one below the other: `queryWidth + 2·keyValueWidth` × `hidden`.
    case queryKeyValue(layer: Int)
    /// `hidden` × `queryWidth`.
    case attentionOutput(layer: Int)
    /// Gate rows, then up rows: twice the feed-forward width × `hidden`.
    case gateUp(layer: Int)
    /// `hidden` × the feed-forward width.
    case down(layer: Int)
    /// A row for each expert: experts × `hidden`.
    case router(layer: Int)
    /// An expert's gate rows, then its up rows: twice the feed-forward width × `hidden`.
    case expertGateUp(layer: Int, expert: Int)
    /// `hidden` × the feed-forward width.
    case expertDown(layer: Int, expert: Int)
    /// `vocabulary` × `hidden`.
    case outputHead
}

/// A short row of numbers beside the matrices.
public enum ModelVector: Hashable, Codable, Sendable {
    /// The gain of a norm, `hidden` values.
    case gain(ModelNorm)
    /// What is added to queries, keys and values, `queryWidth + 2·keyValueWidth` values.
    case bias(layer: Int)
    /// The gains of the norm of each query head, `headDimension` values.
    case queryGain(layer: Int)
    /// The gains of the norm of each key head, `headDimension` values.
    case keyGain(layer: Int)
}

/// Rows of a matrix that are stored alike.
public struct MatrixPart: Hashable, Sendable {
    /// How many.
    public var rows: Int
    /// How they are stored.
    public var format: WeightFormat

    /// Creates a part.
    public init(rows: Int, format: WeightFormat) {
        self.rows = rows
        self.format = format
    }
}

/// The bytes of a part of a matrix, or what they are made of.
package enum PartContent {
    /// Row after row in the format's own layout, at any address; valid within the call.
    case bytes(UnsafeRawBufferPointer)
    /// Two streams of ``SeededData``; the row-major index of the part's first weight within its matrix goes before.
    ///
    /// f32: uniform values of the first; f16 and bf16: weights of the first. Of q8_0 and q4_0 the blocks' bytes without
    /// scales are the little-endian words of the first stream, the scale of block *i* is the f16 with the bits
    /// `word i of the second & 0x87ff | 0x1000`.
    case seeded(weights: UInt32, scales: UInt32)
}

/// A model's numbers, seeded or from a file.
package protocol ModelWeights: AnyObject, Sendable {
    /// The model's shape.
    var shape: ModelShape { get }
    /// The frequency of each pair of rotated values, in radians for each position, `headDimension / 2` of them.
    var rotaryFrequencies: [Double] { get }

    /// How the rows of a matrix are stored, from the first one on.
    func parts(of matrix: ModelMatrix) -> [MatrixPart]

    /// Calls with the content of a part of a matrix.
    ///
    /// - Parameters:
    ///   - matrix: One that the model has.
    ///   - part: Its place in ``parts(of:)``.
    ///   - body: Reads it.
    /// - Throws: `InputError` when the file was changed since it was opened, and what `body` throws.
    func withContent(of matrix: ModelMatrix, part: Int, _ body: (PartContent) throws -> Void) throws

    /// A row of a matrix as numbers, exactly those that are stored.
    ///
    /// - Parameters:
    ///   - row: Below the rows of the matrix.
    ///   - matrix: One that the model has.
    /// - Returns: A value for each column.
    /// - Throws: `InputError` when the file was changed since it was opened.
    func row(_ row: Int, of matrix: ModelMatrix) throws -> [Float]

    /// A vector; `nil` where the model has none.
    ///
    /// - Parameter vector: Which one.
    /// - Returns: Its values.
    /// - Throws: `InputError` when the file was changed since it was opened.
    func values(of vector: ModelVector) throws -> [Float]?
}

/// The streams of seeded data of a model of *L* layers.
///
/// A matrix, vector or cache has the stream below; `key(key(seed, stream), 0)` is the key of weights and values,
/// `key(key(seed, stream), 1)` that of the scales of weights in blocks. The matrices of expert *e* have
/// `key(key(key(seed, stream), 2 + e), 0 or 1)`. Gains are `1 + uniform / 8`, biases `uniform / 8`. The router is
/// always f32. Caches hold `uniform` rounded to f16, nearest even: element
/// `(sequence · contextTokens + position) · keyValueWidth + column` with the step's `contextTokens`.
package enum ModelStream {
    /// The stream of a matrix.
    package static func matrix(_ matrix: ModelMatrix, of model: ModelShape) -> UInt32 {
        switch matrix {
        case .queryKeyValue(let layer): of(layer, 1)
        case .attentionOutput(let layer): of(layer, 2)
        case .gateUp(let layer), .expertGateUp(let layer, _): of(layer, 3)
        case .down(let layer), .expertDown(let layer, _): of(layer, 4)
        case .router(let layer): of(layer, 10)
        case .outputHead: of(model.layers, 1)
        case .embedding: of(model.layers, model.tiedEmbedding ? 1 : 3)
        }
    }

    /// The stream of a vector.
    package static func vector(_ vector: ModelVector, of model: ModelShape) -> UInt32 {
        switch vector {
        case .gain(.attention(let layer)): of(layer, 11)
        case .gain(.feedForward(let layer)): of(layer, 12)
        case .gain(.output): of(model.layers, 2)
        case .bias(let layer): of(layer, 7)
        case .queryGain(let layer): of(layer, 8)
        case .keyGain(let layer): of(layer, 9)
        }
    }

    /// The stream of a layer's keys of earlier positions.
    package static func keys(layer: Int) -> UInt32 { of(layer, 5) }
    /// The stream of a layer's values of earlier positions.
    package static func values(layer: Int) -> UInt32 { of(layer, 6) }
    /// The stream of the tokens of prompts.
    package static func prompt(_ model: ModelShape) -> UInt32 { of(model.layers, 4) }

    private static func of(_ layer: Int, _ place: Int) -> UInt32 { UInt32(truncatingIfNeeded: 16 * layer + place) }
}

/// A backend's inference, opened up so that one oracle can check every operation of every backend.
package protocol InspectableInference: AnyObject {
    /// The operations and their data.
    var program: InferenceProgram { get }
    /// The model's numbers.
    var weights: any ModelWeights { get }
    /// The seed of tokens and caches.
    var seed: UInt32 { get }

    /// What rows of activations are rounded to before they are multiplied with weights of a format.
    func multiplicand(for format: WeightFormat) -> Multiplicand

    /// Makes a pass the current one: takes its tokens, resets nothing.
    ///
    /// - Parameters:
    ///   - pass: One that fits the step.
    ///   - tokens: A token for each of its rows; `nil` for those its source tells.
    /// - Throws: ``TrialFailure`` when the device fails.
    func begin(_ pass: InferencePass, tokens: [Int]?) throws

    /// Runs one operation of the current pass and waits for it, with the kernels of timed steps.
    ///
    /// - Parameter operation: One of the program's.
    /// - Throws: ``TrialFailure`` when the device fails.
    func run(_ operation: InferenceOperation) throws

    /// Copies a buffer of activations out.
    ///
    /// - Parameter buffer: Which one.
    /// - Returns: Its rows in the current pass, one after the other without gaps; after the output norm those without
    ///   logits may be there or not.
    /// - Throws: ``TrialFailure`` when the device fails.
    func read(_ buffer: InferenceBuffer) throws -> [Float]

    /// Copies keys and values out.
    ///
    /// - Parameters:
    ///   - layer: The layer.
    ///   - sequence: The sequence.
    ///   - positions: The positions, of the seeded rows from 0 on.
    /// - Returns: Rows of `keyValueWidth` numbers as stored.
    /// - Throws: ``TrialFailure`` when the device fails.
    func readCache(layer: Int, sequence: Int, positions: Range<Int>) throws -> (keys: [[Float]], values: [[Float]])

    /// The experts of each row after ``InferenceOperation/route(layer:)``, best first, and their weights.
    ///
    /// - Returns: A list for each row.
    /// - Throws: ``TrialFailure`` when the device fails.
    func readRoutes() throws -> [[(expert: Int, weight: Float)]]

    /// The tokens the last ``InferenceOperation/choose`` chose, one for each row that has logits.
    ///
    /// - Returns: The tokens.
    /// - Throws: ``TrialFailure`` when the device fails.
    func chosenTokens() throws -> [Int]
}

/// What a row of activations is rounded to before it is multiplied.
package enum Multiplicand: String, Hashable, Sendable {
    /// Nothing: f32.
    case f32
    /// To the nearest bf16, ties to even.
    case bf16
    /// To the nearest f16, ties to even.
    case f16
    /// To blocks of 32 signed bytes and an f32 scale, by the rule of `nw_gemv`.
    case blocks
}
