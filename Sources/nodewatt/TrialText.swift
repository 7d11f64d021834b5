import NodeModel

/// One trial in words.
enum TrialText {
    /// A plan, with what sets it apart.
    static func name(_ plan: TrialPlan) -> String {
        let marks = [engine(plan.workload.engine, plan.workload.accumulator), plan.projection, plan.variation]
        return ([name(plan.workload)] + marks.compactMap(\.self)).joined(separator: ", ")
    }

    /// What is computed: `gemm f32 2048x2048x2048`.
    static func name(_ workload: Workload) -> String {
        switch workload {
        case .peak(let precision): "peak \(precision.rawValue)"
        case .readBandwidth, .stream, .latency: MemoryText.name(workload)
        case .gemm(let shape, let precision): "gemm \(precision.rawValue) \(square(shape))"
        case .engineProduct(let product): "gemm \(product.format.precision.rawValue) \(square(product.shape))"
        case .gemv(let shape, let precision): "gemv \(precision.rawValue) \(shape)"
        case .transfer, .launch: DeviceText.name(workload.name, shape: workload.shape)
        case .softmax(let shape), .rmsnorm(let shape): "\(workload.name.rawValue) f32 \(shape)"
        case .attention(let shape, let precision): "attention \(precision.rawValue) \(shape)"
        case .inference(let step): name(step)
        }
    }

    private static func name(_ step: InferenceStep) -> String {
        let words = ["llm", step.phase.rawValue, step.weights.rawValue, step.model.name]
        let tokens = step.phase == .prefill ? ["prompt \(step.tokens)"] : []
        let context = step.phase == .decode || step.contextTokens > 0 ? ["context \(step.contextTokens)"] : []
        let batch = step.batch > 1 ? ["batch \(step.batch)"] : []
        return ([words.joined(separator: " ")] + tokens + context + batch).joined(separator: ", ")
    }

    /// What a record's trial computed.
    static func name(_ trial: TrialRecord) -> String {
        let marks = [engine(trial.engine, trial.accumulator), trial.projection, trial.variation]
        return ([plainName(trial)] + marks.compactMap(\.self)).joined(separator: ", ")
    }

    private static func engine(_ engine: ComputeEngine?, _ accumulator: Accumulator?) -> String? {
        engine.map { "\($0.rawValue) engine" + (accumulator.map { ", \($0.rawValue) sums" } ?? "") }
    }

    private static func plainName(_ trial: TrialRecord) -> String {
        let precision = trial.precision.map { " \($0.rawValue)" } ?? ""
        switch trial.workload {
        case .peak: return "peak\(precision)"
        case .bandwidth, .latency: return MemoryText.name(trial)
        case .gemm: return "gemm\(precision) \(trial.shape.flatMap(GEMMShape.init).map(square) ?? "")"
        case .gemv, .softmax, .rmsnorm, .attention:
            return "\(trial.workload.rawValue)\(precision) \(trial.shape ?? "")"
        case .transfer, .launch: return DeviceText.name(trial.workload, shape: trial.shape)
        case .llm:
            let batch = trial.batch.map { $0 > 1 ? " ×\($0)" : "" } ?? ""
            return "\(trial.phase ?? "llm")\(precision) \(trial.model ?? "")\(batch)"
        }
    }

    /// The main speed of some work in a time.
    static func speed(_ work: Work, seconds: Seconds, precision: Precision?) -> String {
        if let tokens = work.tokens { return "\(UnitFormat.digits(tokens / seconds.rawValue)) tokens/s" }
        if let flops = work.flops { return UnitFormat.scaled((flops / seconds).rawValue, operations(precision)) }
        if let hops = work.hops { return UnitFormat.nanoseconds(seconds.rawValue / hops) }
        if let bytes = work.bytes { return UnitFormat.scaled(bytes / seconds.rawValue, "B/s") }
        return ""
    }

    /// The main speed of a record.
    static func speed(_ trial: TrialRecord) -> String {
        guard let seconds = trial.medianSeconds else { return "" }
        if let latency = trial.latencySeconds { return UnitFormat.nanoseconds(latency) }
        if let tokens = trial.tokensPerSecond { return "\(UnitFormat.digits(tokens)) tokens/s" }
        // What bounds these is the memory, and what they are held against is its bandwidth.
        let flops = trial.workload.isCountedInBytes ? nil : trial.flops
        let work = Work(flops: flops, bytes: trial.bytes)
        return speed(work, seconds: Seconds(seconds), precision: trial.precision)
    }

    /// Operations on integers are none of floating point.
    static func operations(_ precision: Precision?) -> String { precision == .i8 ? "OPS" : "FLOPS" }

    private static func square(_ shape: GEMMShape) -> String {
        shape.m == shape.n && shape.n == shape.k ? "\(shape.m)³" : "\(shape)"
    }
}
