import FoundationEssentials
import NodeModel
import OpenCLBackend
import OpenCLKernels
import Testing

/// Whether this process's OpenCL loader shows a device.
let canOpenDevice = (try? OpenCLSession()) != nil

/// Verifies a workload on a session's device, before and after a run.
func verify(_ prepared: any PreparedWorkload, _ name: String) throws {
    let before = try prepared.verify()
    #expect(before.passed, "\(name): \(before.detail ?? before.method)")
    _ = try prepared.run(repetitions: 2)
    let after = try prepared.verify()
    #expect(after.passed && after.worst <= 1, "\(name): \(after.detail ?? after.method)")
}

/// Every kernel at the smallest sizes that have every kind of edge, which `make check-kernels` runs in a simulator that
/// finds races and accesses out of bounds.
@Suite(
    .serialized,
    .enabled(if: canOpenDevice, "there is no OpenCL device; `apt-get install pocl-opencl-icd` brings one"))
struct SmallKernelTests {
    static let styles: [DeviceKind] = [.cpu, .gpu]
    static let workloads: [Workload] =
        [
            .gemm(GEMMShape(m: 5, n: 3, k: 1), .f32), .gemm(GEMMShape(m: 17, n: 33, k: 19), .f32),
            .readBandwidth(bytes: 1_000), .stream(MemoryStream(.copy, level: .dram, bytesPerThread: 4_096, threads: 1)),
            .stream(MemoryStream(.triad, level: .dram, bytesPerThread: 4_096, threads: 1)),
            .inference(InferenceStep(model: .smallest, weights: .bf16, phase: .decode, tokens: 1, contextTokens: 3)),
            .inference(InferenceStep(model: .smallest, weights: .f16, phase: .decode, tokens: 1, contextTokens: 0)),
            .softmax(RowsShape(rows: 3, columns: 37)), .rmsnorm(RowsShape(rows: 2, columns: 64)), .launch(.queued),
            .attention(AttentionShape(heads: 2, keyValueHeads: 1, headDimension: 32, contextTokens: 3), .bf16),
            .attention(AttentionShape(heads: 2, keyValueHeads: 2, headDimension: 32, contextTokens: 2), .f16),
            .transfer(HostCopy(.write, pages: .pageable, bytes: 4_096)),
        ] + [Precision.f32, .f16, .bf16, .q8, .q4].map { .gemv(GEMVShape(rows: 5, columns: 64), $0) }
    /// Two or more copies, used in turn; as many as caches ask for are too much for a simulator.
    static let rotatedBytes = 2_048

    @Test(arguments: workloads, styles)
    func workloadsAreRight(_ workload: Workload, _ kernels: DeviceKind) throws {
        let session = try OpenCLSession(kernels: kernels, rotatedBytes: Self.rotatedBytes)
        try verify(try session.prepare(workload, seed: 7), "\(workload)")
    }

    /// One sequence and several, few rows and many, each feature and each way to unpack weights at least once.
    static let inferences: [InferenceStep] = {
        var (featured, routed) = (ModelShape.smallest, ModelShape.smallest)
        featured.queryKeyValueBias = true
        featured.queryKeyNorm = true
        featured.rotaryPairs = .halves
        routed.experts = ExpertShape(count: 3, perToken: 2, feedForward: 32, normalisesWeights: true)
        return [
            InferenceStep(model: featured, weights: .f16, phase: .decode, tokens: 2, contextTokens: 2),
            InferenceStep(model: .smallest, weights: .q8, phase: .decode, tokens: 1),
            InferenceStep(model: .smallest, weights: .q4, phase: .decode, batch: 3, tokens: 1, contextTokens: 1),
            InferenceStep(model: .smallest, weights: .bf16, phase: .prefill, batch: 2, tokens: 9),
            InferenceStep(model: routed, weights: .q8, phase: .prefill, tokens: 3),
        ]
    }()

    @Test(arguments: inferences, styles)
    func inferencesAreRight(_ step: InferenceStep, _ kernels: DeviceKind) throws {
        try verify(try OpenCLSession(kernels: kernels).prepare(step, seed: 7), "\(step)")
    }

    @Test func prefillOnAMatrixEngineIsRight() throws {
        let step = InferenceStep(model: .smallest, weights: .bf16, phase: .prefill, tokens: 17)
        let engine = try #require(MatrixEngine.emulated.first { $0.name.contains("LATE") && $0.formats.count == 2 })
        let prepared = try OpenCLSession(kernels: .gpu).prepare(step, seed: 7, emulated: engine)
        #expect(prepared.notes["engine"]?.contains(engine.name) == true)
        try verify(prepared, "\(step) on \(engine.name)")
    }

    @Test(arguments: MatrixEngine.emulated.indices)
    func emulatedProductsAreRight(_ index: Int) throws {
        let engine = MatrixEngine.emulated[index]
        // With eight chunks to a row compilers reckon in three bits, whose overflow oclgrind 21.10 does not know.
        guard engine.geometries.allSatisfy({ $0.depth == 64 }) else { return }
        // Two tiles of C, the second nearly empty, of odd rows, and as many of k as there are stages. What may race does
        // not depend on the format, but for bytes, whose B is never read by rows.
        for format in Set([engine.formats.first, engine.formats.last].compactMap(\.self)) {
            let product = EngineProduct(GEMMShape(m: 5, n: 67, k: 67), format)
            let prepared = try OpenCLSession(kernels: .gpu).prepare(product, emulated: engine, seed: 3)
            let outcome = try prepared.verify()
            #expect(outcome.passed, "\(engine.name) \(format): \(outcome.detail ?? outcome.method)")
        }
    }

    /// The simulator must be what these tests run on where they are meant to run on it.
    @Test func deviceIsTheOneThatWasMeant() throws {
        guard let name = ProcessInfo.processInfo.environment["NODEWATT_DEVICE_UNDER_TEST"] else { return }
        #expect(try OpenCLSession().device.name.contains(name))
    }

    /// What is built differently from every line of the table would be compiled by no check.
    @Test func everythingBuiltIsInTheTableOfVariants() throws {
        let table = Set(KernelVariants.all.map(\.family))
        for kernels in Self.styles {
            func session() throws -> OpenCLSession {
                try OpenCLSession(kernels: kernels, rotatedBytes: Self.rotatedBytes) { step, kind in
                    guard kind == .build, step.hasPrefix("building ") else { return }
                    #expect(table.contains(Self.family(step)), "\(step)")
                }
            }
            for workload in Self.workloads + [.peak(.f32)] { _ = try session().prepare(workload, seed: 1) }
            for step in Self.inferences { _ = try session().prepare(step, seed: 1) }
        }
    }

    /// The family of an announcement: `building a+b with -D X=1 -flag`.
    private static func family(_ step: String) -> String {
        let words = step.split(separator: " ").map(String.init)
        let macros = zip(words, words.dropFirst()).filter { $0.0 == "-D" }.map(\.1)
        return KernelVariant.family(sources: words[1].split(separator: "+").map(String.init), macros: macros)
    }

    @Test func everySourceIsInTheTableOfVariants() {
        let known = Set(KernelVariants.all.flatMap(\.sources)).union(["matrix_emulated"])
        #expect(known == Set(OpenCLKernels.names + OpenCLKernels.assemblyNames))
    }
}

extension ModelShape {
    /// One layer, for a simulator that interprets every instruction.
    static let smallest = ModelShape(
        name: "smallest", source: "made up for tests", layers: 1, hidden: 32, feedForward: 64, heads: 2,
        keyValueHeads: 1, headDimension: 16, vocabulary: 32)
}
