package import NodeModel

/// Checks an LLM's prefill or decode against ``InferenceOracle`` on what each operation really read.
///
/// The model's numbers, the tokens and the seeded caches are made or read again, so a wrong upload shows as well as a
/// wrong kernel, position, sequence or mask. Of large models first, middle and last passes and layers are checked, of an
/// operation some rows; the rest is run.
package struct InferenceCheck {
    let inference: any InspectableInference
    let program: InferenceProgram
    let oracle: InferenceOracle
    let sampling: InferenceSampling
    var record = InferenceRecord()
    /// The token each sequence chose last.
    var chosen: [Int: Int] = [:]
    /// The experts of the pass's rows, after the layer's routing.
    var routes: [[(expert: Int, weight: Float)]] = []
    /// Rows of the cache that were right when they were stored.
    var stored: [CacheRow: StoredRow] = [:]

    /// Prepares a check.
    ///
    /// - Parameters:
    ///   - inference: The backend's inference, opened up.
    ///   - sampling: What is checked; `nil` for everything of tiny models and samples of others.
    package init(_ inference: any InspectableInference, sampling: InferenceSampling? = nil) {
        self.inference = inference
        program = inference.program
        oracle = InferenceOracle(program: inference.program, weights: inference.weights, seed: inference.seed)
        self.sampling = sampling ?? .fitting(inference.program)
    }

    /// Runs one repetition operation by operation and checks it.
    ///
    /// - Parameter inference: The backend's inference, opened up.
    /// - Returns: The largest deviation relative to what is allowed, and what was wrong first.
    /// - Throws: What the backend and the model's file throw.
    package static func verify(_ inference: any InspectableInference) throws -> Verification {
        var check = InferenceCheck(inference)
        return try check.run()
    }

    /// Runs one repetition and checks it.
    ///
    /// - Returns: The largest deviation relative to what is allowed, and what was wrong first.
    /// - Throws: What the backend and the model's file throw.
    package mutating func run() throws -> Verification {
        for (index, pass) in program.step.passes.enumerated() {
            try inference.begin(pass, tokens: nil)
            var layer: Int?
            for operation in program.operations(of: pass) {
                layer = operation.place(after: layer)
                try visit(InferenceSite(index: index, pass: pass, layer: layer, operation: operation))
            }
        }
        try checkThatTheCacheKept()
        return record.verification(method: method)
    }

    /// Multiply-adds and seeded numbers the oracle computed so far, about.
    package var effort: Int { record.effort }

    private var method: String {
        guard sampling != .complete(program) else { return "float64 oracle on every element of every operation" }
        let layers = sampling.layers.sorted().map(String.init).joined(separator: ", ")
        let passes = sampling.passes.sorted().map(String.init).joined(separator: ", ")
        return "float64 oracle on every operation of layers \(layers) and the head in passes \(passes), sampled rows"
    }

    private mutating func visit(_ site: InferenceSite) throws {
        let isChecked =
            sampling.passes.contains(site.index) && (site.layer.map(sampling.layers.contains) ?? true)
        if isChecked { try check(site) } else { try inference.run(site.operation) }
        if site.operation == .choose { try keepChosenTokens(site) }
    }

    private mutating func check(_ site: InferenceSite) throws {
        switch site.operation {
        case .embed: try checkEmbedding(site)
        case .normalise(let norm): try checkNorm(site, norm)
        case .multiply(let matrix, let input, let output, let accumulate):
            try checkProduct(site, matrix, input: input, output: output, accumulate: accumulate)
        case .rotateAndStore(let layer): try checkRotation(site, layer: layer)
        case .attend(let layer): try checkAttention(site, layer: layer)
        case .gate: try checkGate(site)
        case .route: try checkRoutes(site)
        case .visitGateUp(let layer): try checkVisits(site, layer: layer, input: .normalised, output: .gateUp)
        case .visitDown(let layer): try checkVisits(site, layer: layer, input: .gated, output: .visits)
        case .combine: try checkCombination(site)
        case .choose: try checkChoice(site)
        }
    }

    /// What the next pass of these sequences begins with.
    private mutating func keepChosenTokens(_ site: InferenceSite) throws {
        for (row, token) in zip(site.pass.logitRows, try inference.chosenTokens()) {
            chosen[site.pass.place(ofRow: row).sequence] = token
        }
    }

    /// Rows an operation reads; `nil`, and recorded, where there are more or fewer.
    mutating func input(_ buffer: InferenceBuffer, rows: Int, _ site: InferenceSite) throws -> BufferRows? {
        let width = program.width(of: buffer)
        let values = try inference.read(buffer)
        // After the output norm, the rows without logits may be there or not.
        if [rows, program.rows(of: buffer, in: site.pass)].contains(where: { $0 * width == values.count }) {
            return BufferRows(values: values, width: width)
        }
        record.fail("\(site.name): \(buffer) has \(values.count) numbers, not \(rows) rows of \(width)")
        return nil
    }

    /// Rows an operation wrote, all of which have to be numbers.
    mutating func output(_ buffer: InferenceBuffer, rows: Int, _ site: InferenceSite) throws -> BufferRows? {
        guard let found = try input(buffer, rows: rows, site) else { return nil }
        record.addFinite(found, count: rows, place: site.name)
        return found
    }

    /// The rows to check of an operation's output.
    func rows(_ site: InferenceSite, of total: Int, count: Int? = nil) -> [Int] {
        let tokens = site.pass.tokens
        return InferenceSampling.places(
            count ?? sampling.rows, of: total, always: [0, total - 1, tokens - 1, tokens], key: site.key(seed: 0xc4ec))
    }
}
