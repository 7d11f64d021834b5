/// The two halves of an LLM's work.
public enum InferencePhase: String, Hashable, Codable, Sendable, CaseIterable {
    /// All tokens of the prompts, many at a time.
    case prefill
    /// New tokens, one after the other in each sequence.
    case decode
}

/// An LLM at work: a prompt read, or tokens generated, in one or more sequences side by side.
public struct InferenceStep: Hashable, Codable, Sendable {
    /// The model's shape.
    public var model: ModelShape
    /// The GGUF file with the model's weights; `nil` for seeded random ones.
    public var file: String?
    /// The format of the matrices; of a file that of most of their weights.
    public var weights: WeightFormat
    /// Prompt or generation.
    public var phase: InferencePhase
    /// Sequences side by side.
    public var batch: Int
    /// New tokens of each sequence: the prompt's in prefill, those generated in decode.
    public var tokens: Int
    /// Tokens in the cache of each sequence before.
    public var contextTokens: Int

    /// The most tokens in one pass through the layers.
    public static let largestPass = 512

    /// Creates a step.
    public init(
        model: ModelShape, file: String? = nil, weights: WeightFormat, phase: InferencePhase, batch: Int = 1,
        tokens: Int, contextTokens: Int = 0
    ) {
        self.model = model
        self.file = file
        self.weights = weights
        self.phase = phase
        self.batch = batch
        self.tokens = tokens
        self.contextTokens = contextTokens
    }

    /// Positions that a sequence's cache has to hold.
    public var positions: Int { contextTokens + tokens }

    /// The passes through the layers, in order.
    ///
    /// Decode makes one for each token of all sequences. Prefill puts as many whole prompts into a pass as it holds, or
    /// divides each prompt among several; only the last one of a prompt has logits.
    public var passes: [InferencePass] {
        switch phase {
        case .decode:
            (0..<tokens).map { token in
                InferencePass(
                    firstSequence: 0, sequences: batch, tokens: 1, contextTokens: contextTokens + token,
                    source: token == 0 ? .prompt : .chosen, logits: .last)
            }
        case .prefill where tokens > Self.largestPass:
            (0..<batch).flatMap(promptInParts)
        case .prefill: wholePrompts
        }
    }

    private var wholePrompts: [InferencePass] {
        let together = max(1, Self.largestPass / max(tokens, 1))
        return stride(from: 0, to: batch, by: together).map { first in
            InferencePass(
                firstSequence: first, sequences: min(together, batch - first), tokens: tokens,
                contextTokens: contextTokens, source: .prompt, logits: .last)
        }
    }

    private func promptInParts(of sequence: Int) -> [InferencePass] {
        stride(from: 0, to: tokens, by: Self.largestPass).map { first in
            let count = min(Self.largestPass, tokens - first)
            return InferencePass(
                firstSequence: sequence, sequences: 1, tokens: count, contextTokens: contextTokens + first,
                source: .prompt, logits: first + count == tokens ? .last : .none)
        }
    }
}

/// One pass through a model's layers: the next tokens of some sequences.
///
/// Row *r* of its buffers is token `r % tokens` of sequence `firstSequence + r / tokens`, at position
/// `contextTokens + r % tokens`.
public struct InferencePass: Hashable, Codable, Sendable {
    /// Where the tokens come from.
    public enum TokenSource: String, Hashable, Codable, Sendable {
        /// ``InferenceProgram/promptToken(sequence:position:seed:)``.
        case prompt
        /// The tokens the last pass of the same sequences chose.
        case chosen
    }

    /// Which rows have logits.
    public enum LogitRows: String, Hashable, Codable, Sendable {
        /// None, as in all but the last part of a prompt.
        case none
        /// The last of each sequence.
        case last
        /// All, to hold a model against another program.
        case all
    }

    /// The first sequence.
    public var firstSequence: Int
    /// Sequences, one after the other.
    public var sequences: Int
    /// Tokens of each sequence.
    public var tokens: Int
    /// Tokens in each sequence's cache before the pass.
    public var contextTokens: Int
    /// Where the tokens come from.
    public var source: TokenSource
    /// Which rows have logits.
    public var logits: LogitRows

    /// Creates a pass.
    public init(
        firstSequence: Int, sequences: Int, tokens: Int, contextTokens: Int, source: TokenSource, logits: LogitRows
    ) {
        self.firstSequence = firstSequence
        self.sequences = sequences
        self.tokens = tokens
        self.contextTokens = contextTokens
        self.source = source
        self.logits = logits
    }

    /// Rows of the buffers.
    public var rows: Int { sequences * tokens }

    /// The rows that have logits, in their order.
    public var logitRows: [Int] {
        switch logits {
        case .none: []
        case .last: (0..<sequences).map { ($0 + 1) * tokens - 1 }
        case .all: Array(0..<rows)
        }
    }

    /// The sequence and the position of a row.
    public func place(ofRow row: Int) -> (sequence: Int, position: Int) {
        (firstSequence + row / tokens, contextTokens + row % tokens)
    }
}

extension InferenceStep {
    /// Why the model cannot look back so far, in a sentence; `nil` when it can.
    public var contextReason: String? {
        guard let length = model.contextLength, positions > length else { return nil }
        return
            "\(model.name) looks back over \(length) tokens, and \(contextTokens) in the cache and \(tokens) new ones "
            + "are \(positions). Choose smaller --context, --prompt or --generate"
    }

    /// Refuses what cannot be computed, as a status of the row.
    ///
    /// - Throws: ``TrialFailure`` with the status `unsupported`.
    package func requireComputable() throws {
        do {
            try model.validate(source: model.name)
        } catch let error as InputError {
            throw TrialFailure(.unsupported, error.description)
        }
        if let reason = model.unsupportedReason ?? contextReason { throw TrialFailure(.unsupported, reason) }
        for (name, value, range) in [
            ("batch", batch, 1...4_096), ("new tokens", tokens, 1...1 << 20), ("context", contextTokens, 0...1 << 20),
        ] where !range.contains(value) {
            throw TrialFailure(.unsupported, "\(name): \(value) is not in \(range)")
        }
        for (name, width) in [
            ("hidden", model.hidden), ("feed_forward", model.feedForwardWidth), ("all heads", model.queryWidth),
        ] where weights.isBlocked && !width.isMultiple(of: WeightFormat.blockLength) {
            throw TrialFailure(
                .unsupported,
                "\(name): \(width) is no multiple of \(WeightFormat.blockLength), the block of \(weights.rawValue)")
        }
    }
}
