import CPUKernels
import NodeModel

/// What defines an inference for the kernels, gathered from the model's numbers.
final class InferencePreparation {
    private let program: InferenceProgram
    private let weights: any ModelWeights
    private let gains: [Float]
    private let biases: [Float]?
    private let queryGains: [Float]?
    private let keyGains: [Float]?
    private let prompts: [Int32]

    private var step: InferenceStep { program.step }

    init(_ program: InferenceProgram, _ weights: any ModelWeights, seed: UInt32) throws {
        self.program = program
        self.weights = weights
        let layers = 0..<program.step.model.layers
        let norms = layers.flatMap { [ModelNorm.attention(layer: $0), .feedForward(layer: $0)] } + [.output]
        gains = try norms.flatMap { norm in
            guard let values = try weights.values(of: .gain(norm)) else {
                throw TrialFailure(.unsupported, "the model has no gain for \(norm)")
            }
            return values
        }
        biases = try Self.perLayer(layers, weights) { .bias(layer: $0) }
        queryGains = try Self.perLayer(layers, weights) { .queryGain(layer: $0) }
        keyGains = try Self.perLayer(layers, weights) { .keyGain(layer: $0) }
        let step = program.step
        prompts = (0..<step.batch * step.positions).map { place in
            Int32(
                program.promptToken(
                    sequence: place / step.positions, position: place % step.positions, seed: seed))
        }
    }

    /// All layers' vectors; `nil` where the model has none.
    private static func perLayer(
        _ layers: Range<Int>, _ weights: any ModelWeights, _ vector: (Int) -> ModelVector
    ) throws -> [Float]? {
        var all: [Float] = []
        for layer in layers {
            guard let values = try weights.values(of: vector(layer)) else { return nil }
            all += values
        }
        return all
    }

    /// Bytes of caches and buffers beside the model.
    static func bytesNeeded(_ step: InferenceStep, _ weights: any ModelWeights, threads: Int) -> Int {
        var spec = spec(of: step)
        spec.embedding.format = nw_weight_format(weights.parts(of: .embedding)[0].format)
        return nw_inference_bytes(&spec, LoadedModel.formats(weights), Int32(threads))
    }

    /// Reserves caches and buffers.
    func create(_ model: LoadedModel) throws -> OpaquePointer {
        var handle: OpaquePointer?
        var status = NW_INVALID_ARGUMENT
        try weights.withContent(of: .embedding, part: 0) { content in
            var spec = Self.spec(of: step)
            spec.embedding = embedding(content)
            status = withArrays(&spec) { nw_inference_create(model.handle, &$0, &handle) }
        }
        try check(status, "allocating caches and buffers for \(step.model.name)")
        guard let handle else { throw TrialFailure(.failed, "the inference is missing") }
        return handle
    }

    private func embedding(_ content: PartContent) -> nw_embedding {
        let format = nw_weight_format(weights.parts(of: .embedding)[0].format)
        return switch content {
        case .bytes(let bytes): nw_embedding(format: format, rows: bytes.baseAddress, keys: (0, 0))
        case .seeded(let weights, let scales): nw_embedding(format: format, rows: nil, keys: (weights, scales))
        }
    }

    private func withArrays(_ spec: inout nw_inference_spec, _ body: (inout nw_inference_spec) -> nw_status)
        -> nw_status
    {
        gains.withUnsafeBufferPointer { gains in
            (biases ?? []).withUnsafeBufferPointer { biases in
                (queryGains ?? []).withUnsafeBufferPointer { queryGains in
                    (keyGains ?? []).withUnsafeBufferPointer { keyGains in
                        weights.rotaryFrequencies.withUnsafeBufferPointer { frequencies in
                            prompts.withUnsafeBufferPointer { prompts in
                                spec.gains = gains.baseAddress
                                spec.biases = self.biases == nil ? nil : biases.baseAddress
                                spec.query_gains = self.queryGains == nil ? nil : queryGains.baseAddress
                                spec.key_gains = self.keyGains == nil ? nil : keyGains.baseAddress
                                spec.frequencies = frequencies.baseAddress
                                spec.prompts = prompts.baseAddress
                                return body(&spec)
                            }
                        }
                    }
                }
            }
        }
    }

    /// The figures; the arrays and the embedding are left out.
    private static func spec(of step: InferenceStep) -> nw_inference_spec {
        let model = step.model
        let passes = step.passes
        var spec = nw_inference_spec()
        spec.layers = Int32(model.layers)
        spec.hidden = Int32(model.hidden)
        spec.heads = Int32(model.heads)
        spec.kv_heads = Int32(model.keyValueHeads)
        spec.head_dimension = Int32(model.headDimension)
        spec.vocabulary = Int32(model.vocabulary)
        spec.feed_forward = Int32(model.feedForwardWidth)
        spec.experts = Int32(model.experts?.count ?? 0)
        spec.experts_per_token = Int32(model.experts?.perToken ?? 0)
        spec.normalise_routes = model.experts?.normalisesWeights ?? false
        spec.norm_epsilon = Float(model.normEpsilon)
        spec.rotate_halves = model.rotaryPairs == .halves
        spec.sequences = Int32(clamping: step.batch)
        spec.positions = Int64(step.positions)
        spec.rows = Int32(clamping: passes.map(\.rows).max() ?? 1)
        spec.logit_rows = Int32(clamping: max(1, passes.map(\.logitRows.count).max() ?? 1))
        return spec
    }
}
