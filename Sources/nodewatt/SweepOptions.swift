import ArgumentParser
import Engine
import NodeControls
import NodeModel

/// What a sweep varies.
struct SweepAxesOptions: ParsableArguments {
    @Option(
        help: """
            Numbers of threads of the CPU's own kernels, e.g. 1,2,4. Default, where nothing else is varied: powers of \
            two up to all cores.
            """)
    var threads: String?

    @Option(
        help: """
            Long-term power limits of each package in watts, e.g. 100,150,max, or auto: 8 steps from 40 % of the \
            present limit up to it. Never above the present limit.
            """)
    var powerCap: String?

    @Option(help: "Highest clocks of the processors, e.g. 1.5GHz,2.0GHz,max, or auto.")
    var frequency: String?

    @Option(help: "Power limits of each GPU in watts, e.g. 150,200,max, or auto.")
    var gpuPower: String?

    /// Whether anything is varied that outlives the program.
    var changesLimits: Bool { powerCap != nil || frequency != nil || gpuPower != nil }
}

/// What a sweep runs at each point.
struct SweepWorkloadOptions: ParsableArguments {
    @Option(help: "The device: cpu, opencl:<platform>:<device>, or a PCI address.")
    var device = "cpu"

    @Option(help: "One workload: peak, bandwidth, latency, gemm, gemv, llm, or one of OpenCL devices.")
    var workload: WorkloadName = .gemm

    @Option(help: "The operands' format. Default: f32, or what the workload usually has.")
    var precision: Precision?

    @Option(
        name: .long, parsing: .unconditional, help: "Size of the product: MxNxK or one number; of gemv: ROWSxCOLUMNS.")
    var shape: String?

    @Option(
        help: """
            Model of the llm workload: a name in Profiles/models, a JSON file of the same form, or a GGUF file, whose \
            weights are used (LLaMA, Qwen2, Qwen3, Qwen3-MoE; F32, F16, BF16, Q8_0, Q4_0).
            """)
    var model: String?

    @Option(help: "Format of the weights of llm and gemv.")
    var quantization: WeightFormat?

    @Option(name: .long, parsing: .unconditional, help: "Tokens in the key-value cache when a token is decoded.")
    var prompt: Int?

    @Flag(help: "Use every hardware thread of a core (SMT) instead of one per core.")
    var smt = false

    @Option(name: .long, parsing: .unconditional, help: "Seconds each point is measured, each time.")
    var seconds = 5.0

    @Option(name: .long, parsing: .unconditional, help: "How often each point is measured, in rounds of random order.")
    var repeats = 1

    @Option(help: "Seed of all random data and of the order of the points.")
    var seed: UInt32 = 1

    /// Checks the numbers.
    func validate() throws {
        guard seconds.isFinite, (0.1...3_600).contains(seconds) else {
            throw ValidationError("--seconds \(seconds): expected 0.1 to 3600")
        }
        guard (1...100).contains(repeats) else { throw ValidationError("--repeats \(repeats): expected 1 to 100") }
    }

    /// The selection these options make, with so many threads.
    func selection(threads: Int?) throws -> TrialSelection {
        if let prompt, !(1...131_072).contains(prompt) {
            throw UsageError("--prompt \(prompt): expected 1 to 131072 tokens")
        }
        let isPlain = quantization == nil && [.gemm, .peak].contains(workload)
        var selection = TrialSelection(
            workloads: [workload], precisions: precision.map { [$0] } ?? (isPlain ? [.f32] : []),
            quantization: quantization, inference: InferenceSelection(prompt: prompt, phase: .decode),
            threads: threads)
        if let shape {
            (selection.shape, selection.gemvShape) = (GEMMShape(shape), GEMVShape(shape))
            let fits = workload == .gemv ? selection.gemvShape != nil : selection.shape != nil
            guard fits, [.gemm, .gemv].contains(workload) else {
                throw UsageError(
                    "--shape \(Terminal.printable(shape)): expected MxNxK or one number for gemm, ROWSxCOLUMNS for gemv"
                )
            }
            if workload == .gemv { selection.shape = nil } else { selection.gemvShape = nil }
        }
        selection.usesSMT = smt && threads == nil
        selection.trialTime = Seconds(seconds)
        return selection
    }
}

/// The values of one axis as they are written on the command line.
enum AxisText {
    private static let units: [ControlKind: [(suffix: String, factor: Double)]] = [
        .powerCap: [("kw", 1e3), ("mw", 1e-3), ("w", 1), ("", 1)],
        .gpuPower: [("kw", 1e3), ("mw", 1e-3), ("w", 1), ("", 1)],
        .frequency: [("ghz", 1e9), ("mhz", 1e6), ("khz", 1e3), ("hz", 1), ("", 1e9)],
    ]

    /// Steps of `auto`, and the least of the present value it goes down to.
    private static let automaticSteps = 8
    private static let leastShare = 0.4

    /// The values an option asks for, in the system's unit, each once, the greatest first.
    ///
    /// - Parameters:
    ///   - text: A list such as `100,150,max`, or `auto`.
    ///   - kind: What is varied.
    ///   - allowed: The values that may be set; the greatest is the present one.
    ///   - option: The option's name, for messages.
    /// - Returns: At least one value.
    /// - Throws: ``NodeModel/UsageError`` for a value that is none or not allowed.
    static func values(_ text: String, _ kind: ControlKind, _ allowed: ClosedRange<UInt64>, option: String) throws
        -> [UInt64]
    {
        if text.lowercased() == "auto" { return automatic(kind, allowed) }
        let values = try text.split(separator: ",", omittingEmptySubsequences: false).map { item -> UInt64 in
            if item.lowercased() == "max" { return allowed.upperBound }
            guard let value = amount(String(item), kind).flatMap(kind.value) else {
                throw UsageError(
                    "\(option) \(Terminal.printable(text)): '\(Terminal.printable(String(item)))' is no value; expected "
                        + (kind == .frequency ? "1.5GHz,2.0GHz,max or auto" : "100,150,max (watts) or auto"))
            }
            guard allowed.contains(value) else {
                throw UsageError(
                    "\(option) \(kind.text(value)): expected \(kind.text(allowed.lowerBound)) to "
                        + "\(kind.text(allowed.upperBound)), the present limit, which a sweep never exceeds")
            }
            return value
        }
        return Set(values).sorted(by: >)
    }

    private static func automatic(_ kind: ControlKind, _ allowed: ClosedRange<UInt64>) -> [UInt64] {
        let low = max(Double(allowed.lowerBound), Double(allowed.upperBound) * leastShare)
        let step = (Double(allowed.upperBound) - low) / Double(automaticSteps - 1)
        // Round numbers, but for the greatest, which is the present value whatever it is.
        let values = (0..<automaticSteps).map { index in
            let value = UInt64((low + step * Double(index)).rounded())
            return index == automaticSteps - 1 ? allowed.upperBound : value / kind.rounding * kind.rounding
        }
        return Set(values.map { min(max($0, allowed.lowerBound), allowed.upperBound) }).sorted(by: >)
    }

    /// A number with a unit, in watts or hertz.
    private static func amount(_ text: String, _ kind: ControlKind) -> Double? {
        let text = text.lowercased().filter { $0 != " " }
        for (suffix, factor) in units[kind] ?? [] where text.hasSuffix(suffix) {
            let digits = text.dropLast(suffix.count)
            guard let first = digits.first, first.isNumber || first == ".", let number = Double(digits),
                number.isFinite,
                number > 0
            else { return nil }
            return number * factor
        }
        return nil
    }

    /// Numbers of threads.
    static func threads(_ text: String?, cores: Int, available: Int) throws -> [Int] {
        guard let text else { return Array(sequence(first: 1) { $0 * 2 }.prefix { $0 < cores }) + [cores] }
        let counts = try text.split(separator: ",", omittingEmptySubsequences: false).map { item -> Int in
            if item.lowercased() == "max" { return cores }
            guard let count = Int(item), (1...available).contains(count) else {
                throw UsageError(
                    "--threads \(Terminal.printable(text)): expected numbers from 1 to \(available), the hardware threads "
                        + "this process may use, e.g. 1,2")
            }
            return count
        }
        return Set(counts).sorted()
    }
}
