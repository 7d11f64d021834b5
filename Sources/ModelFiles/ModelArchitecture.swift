/// A decoder architecture that this program computes; raw values are those of `general.architecture`.
public enum ModelArchitecture: String, Sendable, CaseIterable {
    /// Llama 1 to 3, TinyLlama, Mistral, and Mixtral, which is the same with experts.
    case llama
    /// Qwen 2 and 2.5: biases of queries, keys and values.
    case qwen2
    /// Qwen 3: norms of each head's queries and keys.
    case qwen3
    /// Qwen 3 with a mixture of experts in every layer.
    case qwen3moe

    /// Whether something is part of an architecture.
    enum Presence: Sendable {
        case never, possible, always
    }

    /// What tells the architectures apart, as in llama.cpp's src/models and `llama_model_rope_type`.
    struct Traits: Sendable {
        let pairing: RotaryPairing
        /// Biases of queries, keys and values.
        let biases: Presence
        /// Norms of each head's queries and keys.
        let headNorms: Bool
        let experts: Presence
        /// Factors of the rotary frequencies in a tensor, as Llama 3.1 has them.
        let rotaryFactors: Bool
    }

    private static let table: [ModelArchitecture: Traits] = [
        .llama: Traits(
            pairing: .adjacent, biases: .possible, headNorms: false, experts: .possible, rotaryFactors: true),
        .qwen2: Traits(pairing: .halves, biases: .always, headNorms: false, experts: .never, rotaryFactors: false),
        .qwen3: Traits(pairing: .halves, biases: .never, headNorms: true, experts: .never, rotaryFactors: false),
        .qwen3moe: Traits(pairing: .halves, biases: .never, headNorms: true, experts: .always, rotaryFactors: false),
    ]

    var traits: Traits {
        guard let traits = Self.table[self] else { preconditionFailure("no traits of \(self)") }
        return traits
    }
}

/// Which elements of a head the rotary position embedding turns together.
public enum RotaryPairing: String, Sendable {
    /// Elements 2i and 2i + 1 (ggml's NORM): files of architecture `llama`, whose queries and keys were permuted so.
    case adjacent
    /// Elements i and i + n/2 of n (ggml's NEOX).
    case halves
}
