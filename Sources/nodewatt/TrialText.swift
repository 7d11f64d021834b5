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
        case .decode(let step): "llm decode \(step.weights.rawValue) \(step.model.name), context \(step.contextTokens)"
        }
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
        case .llm: return "decode\(precision) \(trial.model ?? "")"
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
        let tokens = trial.workload == .llm ? 1.0 : nil
        // What bounds these is the memory, and what they are held against is its bandwidth.
        let flops = trial.workload.isCountedInBytes ? nil : trial.flops
        let work = Work(flops: flops, bytes: trial.bytes, tokens: tokens)
        return speed(work, seconds: Seconds(seconds), precision: trial.precision)
    }

    /// Operations on integers are none of floating point.
    static func operations(_ precision: Precision?) -> String { precision == .i8 ? "OPS" : "FLOPS" }

    private static func square(_ shape: GEMMShape) -> String {
        shape.m == shape.n && shape.n == shape.k ? "\(shape.m)³" : "\(shape)"
    }
}
