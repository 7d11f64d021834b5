/// What is wrong with a shape.
package struct ModelShapeFault: Hashable, Sendable {
    /// The key at fault as model files write it, such as `experts.per_token`.
    package var key: String
    /// What is wrong and what was expected.
    package var problem: String
}

extension ModelShape {
    /// Checks that the figures fit together and that the computation can do them.
    ///
    /// A model with parts that are not computed passes; see ``unsupportedReason``.
    ///
    /// - Parameter source: The file's name, for errors.
    /// - Throws: ``InputError`` naming the key that is wrong.
    public func validate(source: String) throws {
        guard let fault else { return }
        throw InputError(source: source, place: fault.key, problem: fault.problem)
    }

    /// The first figure that is impossible or that the computation cannot do.
    package var fault: ModelShapeFault? {
        let missed = counts.lazy.compactMap(\.fault).first ?? numbers.lazy.compactMap(\.fault).first
        if let missed { return missed }
        let relations: [(Bool, String, String)] = [
            (
                heads.isMultiple(of: keyValueHeads), "key_value_heads",
                "\(keyValueHeads) does not divide heads = \(heads)"
            ),
            (
                (experts?.perToken ?? 0) <= experts?.count ?? 0, "experts.per_token",
                "\(experts?.perToken ?? 0) of \(experts?.count ?? 0) experts"
            ),
            (
                rotaryScaling.map { $0.lowFrequencyFactor < $0.highFrequencyFactor } ?? true,
                "rotary_scaling.high_frequency_factor", "expected a number above low_frequency_factor"
            ),
            (
                (activeParameters ?? 0) <= parameters ?? .max, "active_parameters",
                "\(activeParameters ?? 0) of \(parameters ?? 0) parameters"
            ),
            (unsupported.map { (1...100).contains($0.count) } ?? true, "unsupported", "expected 1 to 100 texts"),
        ]
        return relations.first { !$0.0 }.map { ModelShapeFault(key: $0.1, problem: $0.2) }
    }

    private var counts: [CountRule] {
        let contexts = 1...(1 << 24)
        let every = [
            CountRule("layers", layers, 1...1_000), CountRule("hidden", hidden, 32...65_536, step: 16),
            CountRule("feed_forward", feedForward, 32...262_144, step: 16), CountRule("heads", heads, 1...1_024),
            CountRule("key_value_heads", keyValueHeads, 1...1_024),
            CountRule("head_dimension", headDimension, 16...1_024, step: 16),
            CountRule("vocabulary", vocabulary, 32...1_048_576), CountRule("context_length", contextLength, contexts),
            CountRule("parameters", parameters, 1...Self.mostParameters),
            CountRule("active_parameters", activeParameters, 1...Self.mostParameters),
        ]
        let mixture = experts.map { experts in
            [
                CountRule("experts.count", experts.count, 1...4_096),
                CountRule("experts.per_token", experts.perToken, 1...4_096),
                CountRule("experts.feed_forward", experts.feedForward, 16...262_144, step: 16),
            ]
        }
        let scaling = rotaryScaling.map { [CountRule("rotary_scaling.original_context", $0.originalContext, contexts)] }
        return every + (mixture ?? []) + (scaling ?? [])
    }

    /// A million times what the largest models have.
    private static let mostParameters = 1_000_000_000_000_000_000

    private var numbers: [NumberRule] {
        let every = [
            NumberRule("rope_theta", ropeTheta, above: 1, upTo: 1e12),
            NumberRule("norm_epsilon", normEpsilon, above: 0, upTo: 0.1),
        ]
        let scaling = rotaryScaling.map { scaling in
            [
                NumberRule("rotary_scaling.factor", scaling.factor, above: 0, upTo: 1e6),
                NumberRule("rotary_scaling.low_frequency_factor", scaling.lowFrequencyFactor, above: 0, upTo: 1e6),
                NumberRule("rotary_scaling.high_frequency_factor", scaling.highFrequencyFactor, above: 0, upTo: 1e6),
            ]
        }
        return every + (scaling ?? [])
    }

    /// Why the model cannot be run, in a sentence; `nil` when every part of it is computed.
    ///
    /// Its parameters and bytes can be told all the same.
    public var unsupportedReason: String? { reason(unsupported ?? [], subject: "this program") }

    fileprivate func reason(_ parts: [String], subject: String) -> String? {
        guard let last = parts.last else { return nil }
        let first = parts.dropLast().joined(separator: ", ")
        return "\(name) needs \(first.isEmpty ? last : "\(first) and \(last)"), which \(subject) does not compute"
    }
}

extension DecodeStep {
    /// Why the step cannot stand for its model, in a sentence; `nil` when it computes all of it.
    public var unsupportedReason: String? {
        let parts = [
            (model.experts != nil, "a mixture of experts"),
            (model.hasQueryKeyValueBias, "biases of queries, keys and values"),
            (model.hasQueryKeyNorm, "norms of each head's query and key"),
        ]
        return model.reason(parts.filter(\.0).map(\.1) + (model.unsupported ?? []), subject: "this workload")
    }
}

/// What a whole number may be.
private struct CountRule {
    let key: String
    let value: Int?
    let range: ClosedRange<Int>
    let step: Int

    init(_ key: String, _ value: Int?, _ range: ClosedRange<Int>, step: Int = 1) {
        self.key = key
        self.value = value
        self.range = range
        self.step = step
    }

    var fault: ModelShapeFault? {
        guard let value else { return nil }
        guard range.contains(value) else { return ModelShapeFault(key: key, problem: "\(value) is not in \(range)") }
        guard value.isMultiple(of: step) else {
            return ModelShapeFault(key: key, problem: "\(value) is not a multiple of \(step)")
        }
        return nil
    }
}

/// What a number may be; no number is, if it is none.
private struct NumberRule {
    let key: String
    let value: Double
    let low: Double
    let high: Double

    init(_ key: String, _ value: Double, above low: Double, upTo high: Double) {
        self.key = key
        self.value = value
        self.low = low
        self.high = high
    }

    var fault: ModelShapeFault? {
        if value > low, value <= high { return nil }
        return ModelShapeFault(key: key, problem: "\(value), expected a number above \(low) and up to \(high)")
    }
}
