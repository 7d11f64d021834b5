/// What a tensor is for.
public enum TensorRole: Hashable, Sendable, CustomStringConvertible {
    /// Matrix [vocabulary × embedding]: the input of a token.
    case tokenEmbedding
    /// Vector [embedding]: weights of the last norm.
    case outputNorm
    /// Matrix [vocabulary × embedding]: logits; the embedding's where the model has none of its own.
    case output
    /// Vector [head / 2]: divisors of the rotary frequencies.
    case rotaryFactors
    /// A tensor of a layer, counted from 0.
    case layer(Int, LayerTensor)

    /// The name in a file.
    public var name: String {
        switch self {
        case .tokenEmbedding: "token_embd.weight"
        case .outputNorm: "output_norm.weight"
        case .output: "output.weight"
        case .rotaryFactors: "rope_freqs.weight"
        case .layer(let index, let tensor): "blk.\(index).\(tensor.rawValue)"
        }
    }

    /// The name in a file.
    public var description: String { name }
}

/// A tensor of one layer; raw values are what follows `blk.N.` in names.
///
/// Matrices are [rows × columns], a row for each output.
public enum LayerTensor: String, Sendable, CaseIterable {
    /// Vector [embedding]: weights of the norm before attention.
    case attentionNorm = "attn_norm.weight"
    /// Matrix [queries × embedding].
    case query = "attn_q.weight"
    /// Matrix [keys × embedding].
    case key = "attn_k.weight"
    /// Matrix [values × embedding].
    case value = "attn_v.weight"
    /// Vector [queries].
    case queryBias = "attn_q.bias"
    /// Vector [keys].
    case keyBias = "attn_k.bias"
    /// Vector [values].
    case valueBias = "attn_v.bias"
    /// Vector [head]: weights of the norm of each head's query.
    case queryNorm = "attn_q_norm.weight"
    /// Vector [head]: weights of the norm of each head's key.
    case keyNorm = "attn_k_norm.weight"
    /// Matrix [embedding × queries].
    case attentionOutput = "attn_output.weight"
    /// Vector [embedding]: weights of the norm before the feed-forward network.
    case feedForwardNorm = "ffn_norm.weight"
    /// Matrix [feed-forward × embedding]: what passes SiLU.
    case gate = "ffn_gate.weight"
    /// Matrix [feed-forward × embedding].
    case up = "ffn_up.weight"
    /// Matrix [embedding × feed-forward].
    case down = "ffn_down.weight"
    /// Matrix [experts × embedding].
    case router = "ffn_gate_inp.weight"
    /// For each expert, a matrix [feed-forward × embedding]: what passes SiLU.
    case expertGates = "ffn_gate_exps.weight"
    /// For each expert, a matrix [feed-forward × embedding].
    case expertUps = "ffn_up_exps.weight"
    /// For each expert, a matrix [embedding × feed-forward].
    case expertDowns = "ffn_down_exps.weight"
}

/// What a model's tensor has to be.
struct TensorRequirement {
    /// What a tensor is multiplied with, which decides about its types.
    enum Kind {
        /// Read in full for every token.
        case matrix
        /// Small, and never in blocks.
        case vector
        /// Always single precision.
        case factors

        var types: [GGMLType] {
            switch self {
            case .matrix: GGMLType.supported
            case .vector: [.f32, .f16, .bf16]
            case .factors: [.f32]
            }
        }
    }

    let role: TensorRole
    let kind: Kind
    /// Sizes in the file's order: columns, rows, experts.
    let dimensions: [Int]

    /// Everything a model of these figures has, and nothing else.
    static func all(_ model: ModelHyperparameters) -> [TensorRequirement] {
        let width = model.embeddingLength
        var all = [
            TensorRequirement(role: .tokenEmbedding, kind: .matrix, dimensions: [width, model.vocabularySize]),
            TensorRequirement(role: .outputNorm, kind: .vector, dimensions: [width]),
        ]
        if !model.isOutputTied {
            all.append(TensorRequirement(role: .output, kind: .matrix, dimensions: [width, model.vocabularySize]))
        }
        if model.rotary.hasFrequencyFactors {
            all.append(TensorRequirement(role: .rotaryFactors, kind: .factors, dimensions: [model.headLength / 2]))
        }
        let layer = ofLayer(model)
        for index in 0..<model.blockCount {
            all += layer.map { TensorRequirement(role: .layer(index, $0), kind: $1, dimensions: $2) }
        }
        return all
    }

    private static func ofLayer(_ model: ModelHyperparameters) -> [(LayerTensor, Kind, [Int])] {
        let (width, hidden, head) = (model.embeddingLength, model.feedForwardLength, model.headLength)
        let (queries, keys) = (model.queryLength, model.keyValueLength)
        var layer: [(LayerTensor, Kind, [Int])] = [
            (.attentionNorm, .vector, [width]), (.query, .matrix, [width, queries]), (.key, .matrix, [width, keys]),
            (.value, .matrix, [width, keys]), (.attentionOutput, .matrix, [queries, width]),
            (.feedForwardNorm, .vector, [width]),
        ]
        if model.hasAttentionBiases {
            layer += [
                (.queryBias, .vector, [queries]), (.keyBias, .vector, [keys]), (.valueBias, .vector, [keys]),
            ]
        }
        if model.hasHeadNorms { layer += [(.queryNorm, .vector, [head]), (.keyNorm, .vector, [head])] }
        if let count = model.experts?.count {
            layer += [
                (.router, .matrix, [width, count]), (.expertGates, .matrix, [width, hidden, count]),
                (.expertUps, .matrix, [width, hidden, count]), (.expertDowns, .matrix, [hidden, width, count]),
            ]
        } else {
            layer += [
                (.gate, .matrix, [width, hidden]), (.up, .matrix, [width, hidden]), (.down, .matrix, [hidden, width]),
            ]
        }
        return layer
    }
}
