import ArgumentParser
import CPUBackend
import Engine
import NodeModel

/// What to measure.
struct SelectionOptions: ParsableArguments {
    @Option(help: "quick: at most a minute on a small node; standard: minutes; full: for acceptance.")
    var suite: SuiteName = .quick

    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Devices: cpu, opencl:<platform>:<device>, or a PCI address. Default: all.")
    var device: [String] = []

    @Option(
        name: .long, parsing: .upToNextOption,
        help: """
            Workloads: peak, bandwidth, latency, gemm, gemv, llm; of OpenCL devices also transfer, launch, softmax, \
            rmsnorm, attention. Default: the suite's.
            """)
    var workload: [WorkloadName] = []

    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Formats to measure; what a device cannot do becomes a row that says so. Default: the suite's.")
    var precision: [Precision] = []

    @Option(
        name: .long, parsing: .unconditional,
        help: """
            Size of matrix products: MxNxK, or one number (up to 1048576, on OpenCL devices 65536); of gemv: ROWSxCOLUMNS.
            """)
    var shape: String?

    @Option(
        help: """
            Model of the llm workload: a name in Profiles/models, a JSON file of the same form, or a GGUF file, whose \
            weights are used (LLaMA, Qwen2, Qwen3, Qwen3-MoE; F32, F16, BF16, Q8_0, Q4_0).
            """)
    var model: String?

    @Option(help: "One format of the weights of llm and gemv: f16, bf16, q8_0, q4_0, f32.")
    var quantization: WeightFormat?

    @Option(
        name: .long, parsing: .unconditional,
        help: "Tokens of each prompt of llm; 0 to measure no prefill. Default: the suite's.")
    var prompt: Int?

    @Option(
        name: .long, parsing: .unconditional,
        help: "Tokens llm generates behind each prompt; 0 to measure no decode. Default: the suite's.")
    var generate: Int?

    @Option(
        name: .long, parsing: .unconditional, help: "Tokens in the key-value cache before llm's prompts. Default: 0.")
    var context: Int?

    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Sequences llm computes side by side, one row for each number, e.g. 1 2 4 8. Default: the suite's.")
    var batch: [Int] = []

    @Option(
        name: .long, parsing: .unconditional,
        help: "Threads of the CPU's own kernels. Default: one per core, within the control group's quota.")
    var threads: Int?

    @Flag(help: "Use every hardware thread of a core (SMT) instead of one per core.")
    var smt = false

    @Flag(help: "Repeat peak, read and product on 1, 2, 4 … threads, each package, and all hardware threads.")
    var scaling = false

    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Instruction sets of the CPU kernels, or all this processor has, e.g. avx2 scalar. Default: the best.")
    var isa: [String] = []

    @Option(
        name: .long, parsing: .unconditional,
        help: "Seconds each trial is measured. Default: until precise, within the suite's limits.")
    var trialSeconds: Double?

    @Option(
        name: .long, parsing: .unconditional,
        help: "Seconds idle power is watched before and after; 0 for not at all. Default: the suite's.")
    var idleSeconds: Double?

    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Memory levels of bandwidth and latency: l1, l2, l3, dram. Default: the suite's.")
    var level: [MemoryLevel] = []

    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Bandwidths: read, copy, triad, copy-nt, triad-nt (with non-temporal stores). Default: the suite's.")
    var variant: [StreamVariant] = []

    @Option(
        name: .long, parsing: .unconditional,
        help: """
            Bytes of each thread in bandwidth and latency, in place of --level; a multiple of 64. Copies and triads \
            round it down to whole cache lines of each array, and say so.
            """)
    var workingSet: Int?

    @Flag(help: "Use the shapes of OpenCL kernels chosen by hand; do not look for better ones, nor use those found.")
    var noTune = false

    @Flag(help: ArgumentHelp("Run OpenCL kernels in this process, without isolation.", visibility: .hidden))
    var inProcess = false

    @Option(help: "Seed of all random data.")
    var seed: UInt32 = 1

    /// Whether anything less than the whole suite is measured.
    var narrows: Bool {
        let lists = [
            device.isEmpty, workload.isEmpty, precision.isEmpty, level.isEmpty, variant.isEmpty, isa.isEmpty, !smt,
            batch.isEmpty,
        ]
        let values: [Any?] = [
            shape, model, quantization, prompt, generate, context, threads, workingSet, trialSeconds, idleSeconds,
        ]
        return lists.contains(false) || values.contains { $0 != nil }
    }

    /// What `--shape` says: two numbers are a matrix that multiplies a vector, one or three a matrix product.
    private var shapes: (gemm: GEMMShape?, gemv: GEMVShape?) {
        get throws {
            guard let shape else { return (nil, nil) }
            let (gemm, gemv) = (GEMMShape(shape), GEMVShape(shape))
            if let gemv, workload.isEmpty || workload.contains(.gemv) { return (nil, gemv) }
            if let gemm, workload.isEmpty || workload != [.gemv] { return (gemm, nil) }
            let forProducts = "MxNxK or one number, with 1 to \(GEMVShape.largest) each, e.g. 2048x2048x2048"
            let forVectors = "ROWSxCOLUMNS with 1 to \(GEMVShape.largest) each, e.g. \(GEMVShape.common)"
            let expected =
                workload == [.gemv]
                ? forVectors
                : workload.contains(.gemv) || workload.isEmpty
                    ? "\(forProducts), or for gemv \(forVectors)" : forProducts
            throw UsageError("--shape \(Terminal.printable(shape)): expected \(expected)")
        }
    }

    /// Refuses options of the CPU's own kernels where only other devices were chosen.
    func requireProcessor(among devices: [Device]) throws {
        guard !devices.isEmpty, devices.allSatisfy({ $0.backend == "opencl" }) else { return }
        let given = [(threads != nil, "--threads"), (!isa.isEmpty, "--isa"), (smt, "--smt"), (scaling, "--scaling")]
            .filter(\.0).map(\.1)
        guard given.isEmpty else {
            throw UsageError(
                "\(given.joined(separator: ", ")): for the CPU's own kernels alone; add --device cpu, or leave it out")
        }
    }

    /// The selection these options make.
    ///
    /// - Parameter topology: The running machine.
    /// - Returns: The selection.
    /// - Throws: ``NodeModel/UsageError`` for a value out of range.
    func selection(in topology: Topology) throws -> TrialSelection {
        let shapes = try self.shapes
        let available = topology.allowedThreads.count
        if let threads, !(1...available).contains(threads) {
            throw UsageError(
                "--threads \(threads): expected 1 to \(available), the hardware threads this process may use")
        }
        if smt, threads != nil { throw UsageError("--smt and --threads exclude each other") }
        if let trialSeconds, !(0.1...3_600).contains(trialSeconds) {
            throw UsageError("--trial-seconds \(trialSeconds): expected 0.1 to 3600")
        }
        if let idleSeconds, !(0...3_600).contains(idleSeconds) {
            throw UsageError("--idle-seconds \(idleSeconds): expected 0 to 3600")
        }
        var selection = TrialSelection(
            workloads: workload, precisions: precision, shape: shapes.gemm, gemvShape: shapes.gemv,
            quantization: quantization, inference: try inferenceSelection, threads: threads,
            memory: try memorySelection())
        selection.usesSMT = smt
        selection.scales = scaling
        selection.instructionSets = try instructionSets
        selection.trialTime = trialSeconds.map { Seconds($0) }
        return selection
    }

    /// What is measured of language models.
    private var inferenceSelection: InferenceSelection {
        get throws {
            for (name, tokens) in [("--prompt", prompt), ("--generate", generate), ("--context", context)] {
                if let tokens, !(0...131_072).contains(tokens) {
                    throw UsageError("\(name) \(tokens): expected 0 to 131072 tokens")
                }
            }
            if prompt == 0, generate == 0 { throw UsageError("--prompt 0 and --generate 0 leave nothing to measure") }
            if let wrong = batch.first(where: { !(1...1_024).contains($0) }) {
                throw UsageError("--batch \(wrong): expected 1 to 1024 sequences")
            }
            return InferenceSelection(prompt: prompt, generate: generate, context: context, batches: batch)
        }
    }

    /// The names `--isa` means, each of which this processor has.
    private var instructionSets: [String] {
        get throws {
            if isa.count > 1, isa.contains("all") { throw UsageError("--isa all stands alone: it names all there are") }
            guard Set(isa).count == isa.count else { throw UsageError("--isa names an instruction set twice") }
            if isa == ["all"] { return InstructionSet.all.filter(\.isSupported).map(\.name) }
            return try isa.map { try InstructionSet.named($0, source: "--isa ").name }
        }
    }

    /// What of memory is measured.
    private func memorySelection() throws -> MemorySelection {
        let memory = MemorySelection(levels: level, variants: variant, workingSetBytes: workingSet)
        guard memory != MemorySelection() else { return memory }
        guard workload.contains(.bandwidth) || workload.contains(.latency) else {
            throw UsageError("--level, --variant and --working-set need --workload bandwidth or latency")
        }
        guard let workingSet else { return memory }
        guard level.isEmpty else { throw UsageError("--level and --working-set exclude each other") }
        guard workingSet > 0, workingSet % 64 == 0 else {
            throw UsageError("--working-set \(workingSet): expected a multiple of 64 bytes, e.g. 524288")
        }
        return memory
    }
}

/// Where results go.
struct ResultOptions: ParsableArguments {
    @Option(
        help:
            "Directory of history.sqlite. Default: NODEWATT_RESULTS, Results/ of a checkout, else the state directory.")
    var results: String?

    @Option(
        help: """
            File of the node profile. Default, for whole runs: Profiles/nodes/<host>.json of a checkout, else \
            nodes/<host>.json beside the history.
            """)
    var profile: String?

    @Flag(help: "Store no history and write no profile.")
    var noSave = false

    @Option(help: "Also write the session record as JSON to this file.")
    var output: String?

    @Flag(help: "Show no progress.")
    var quiet = false
}

/// The power model's figures, where the user knows better.
struct PowerModelOptions: ParsableArguments {
    @Option(help: "The node's idle power in watts, for the power model of nodes without a meter.")
    var idleWatts: Double?

    @Option(help: "The node's full-load power in watts, for the power model of nodes without a meter.")
    var maxWatts: Double?

    @Option(help: "Replace all meters by a simulated one of constant power, to try things out; marks every record.")
    var simulatedWatts: Double?

    /// Checks the figures.
    mutating func validate() throws {
        for (name, value) in [
            ("--idle-watts", idleWatts), ("--max-watts", maxWatts), ("--simulated-watts", simulatedWatts),
        ] {
            guard let value else { continue }
            guard value.isFinite, (0...100_000).contains(value) else {
                throw ValidationError("\(name) \(value): expected 0 to 100000 watts")
            }
        }
        if let idleWatts, let maxWatts, idleWatts >= maxWatts {
            throw ValidationError("--idle-watts \(idleWatts) is not below --max-watts \(maxWatts)")
        }
    }
}
