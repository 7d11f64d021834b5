import NodeModel
import OpenCLBackend
import OpenCLKernels
import Testing

/// Whether this process's OpenCL loader shows a device.
private let hasDevice = (try? OpenCLSession()) != nil

/// The kernels on the first device of the loader in this process, PoCL or another; no driver of a GPU is needed, since
/// kernels for GPUs run on processors too.
@Suite(
    .serialized,
    .enabled(if: hasDevice, "there is no OpenCL device; `apt-get install pocl-opencl-icd` brings one"))
struct KernelTests {
    static let styles: [DeviceKind] = [.cpu, .gpu]
    static let shapes = [
        "1", "1x1x7", "5x3x1", "6x64x16", "7x65x33", "13x129x515", "130x70x600", "128x128x16", "3x300x2",
    ]

    private func verify(_ workload: Workload, _ kernels: DeviceKind, runs: Int = 2) throws {
        let session = try OpenCLSession(kernels: kernels)
        let prepared = try session.prepare(workload, seed: 11)
        let before = try prepared.verify()
        #expect(before.passed, "\(before.detail ?? before.method)")
        let batch = try prepared.run(repetitions: runs)
        #expect(batch.repetitions == runs)
        #expect(batch.end > batch.start)
        let after = try prepared.verify()
        #expect(after.passed, "\(after.detail ?? after.method)")
        #expect(after.worst <= 1)
    }

    @Test(arguments: shapes, styles)
    func productsOfAnyShapeAreRight(_ text: String, _ kernels: DeviceKind) throws {
        let shape = try #require(GEMMShape(text))
        try verify(.gemm(shape, .f32), kernels)
    }

    @Test(arguments: ["1", "5x3x1", "13x129x515", "70x130x2100"], [Precision.f16, .bf16, .i8])
    func productsOfOtherFormatsAreRight(_ text: String, _ precision: Precision) throws {
        try verify(.gemm(try #require(GEMMShape(text)), precision), .cpu)
    }

    @Test(arguments: styles)
    func peakIsRightToTheBit(_ kernels: DeviceKind) throws {
        // The kernels for GPUs are emulated item by item here, so the processor's own are the fast half.
        try verify(.peak(.f32), kernels, runs: 1)
    }

    @Test(arguments: styles) func peakOfBytesIsRightOrSaysWhyThereIsNone(_ kernels: DeviceKind) throws {
        do {
            try verify(.peak(.i8), kernels, runs: 1)
        } catch let failure as TrialFailure {
            #expect(failure.status == .unsupported)
            for part in ["int8", "cl_khr_integer_dot_product", "PTX"] { #expect(failure.reason.contains(part)) }
        }
    }

    @Test(arguments: [64, 1_000, 4_096, 1 << 20], styles)
    func readsSeeEveryWord(_ bytes: Int, _ kernels: DeviceKind) throws {
        try verify(.readBandwidth(bytes: bytes), kernels)
    }

    @Test(arguments: [WeightFormat.bf16, .f16], styles)
    func everyOperationOfAStepIsRight(_ weights: WeightFormat, _ kernels: DeviceKind) throws {
        for context in [0, 1, 37, 300] {
            try verify(
                .inference(
                    InferenceStep(model: .tiny, weights: weights, phase: .decode, tokens: 1, contextTokens: context)),
                kernels)
        }
    }

    @Test(arguments: styles)
    func headsOfManyWidthsAreRight(_ kernels: DeviceKind) throws {
        for width in [32, 80, 128] {
            var model = ModelShape.tiny
            model.headDimension = width
            try verify(
                .inference(
                    InferenceStep(model: model, weights: .bf16, phase: .decode, tokens: 1, contextTokens: 19)), kernels)
        }
    }

    @Test func workIsWhatTheShapeSays() throws {
        let session = try OpenCLSession()
        let product = try session.prepare(.gemm(GEMMShape(m: 3, n: 5, k: 7), .f32), seed: 1)
        #expect(product.work.flops == Flops(210))
        let step = InferenceStep(model: .tiny, weights: .bf16, phase: .decode, tokens: 1, contextTokens: 3)
        let decode = try session.prepare(.inference(step), seed: 1)
        #expect(decode.work == InferenceProgram(step).work)
        let read = try session.prepare(.readBandwidth(bytes: 1_000), seed: 1)
        #expect(read.work.bytes == 960)
    }

    @Test func whatTheKernelsLackIsUnsupported() throws {
        let session = try OpenCLSession()
        let step = InferenceStep(model: .tiny, weights: .f32, phase: .decode, tokens: 0, contextTokens: 3)
        for workload in [Workload.peak(.bf16), .gemm(GEMMShape(m: 2, n: 2, k: 2), .f64), .inference(step)] {
            let failure = #expect(throws: TrialFailure.self) { try session.prepare(workload, seed: 1) }
            #expect(failure?.status == .unsupported)
        }
    }

    @Test func whatDoesNotFitIsSkipped() throws {
        let session = try OpenCLSession()
        let failure = #expect(throws: TrialFailure.self) {
            try session.prepare(.readBandwidth(bytes: 1 << 50), seed: 1)
        }
        #expect(failure?.status == .skipped)
    }

    @Test func devicesThatAreNotThereAreNamed() {
        for (platform, device) in [(63, 0), (0, 63), (-1, 0)] {
            #expect(throws: TrialFailure.self) { try OpenCLSession(platform: platform, device: device) }
        }
    }

    @Test func propertiesThatDecidePerformanceAreRead() throws {
        let device = try OpenCLSession().device
        #expect(device.computeUnits > 0)
        #expect(device.memoryBytes > 0)
        #expect(device.maximumAllocationBytes > 0)
        for name in ["opencl_version", "maximum_work_group_size", "local_memory_bytes", "local_memory_type", "fp64"] {
            #expect(device.properties[name] != nil, "\(name)")
        }
    }
}

/// The sources themselves.
struct SourceTests {
    /// What stands before kernels and has none itself.
    static let preludes = [
        "exponential", "integer_dot", "rows", "inference_weights",
        "sixteen_bit", "matrix_layout", "matrix_emulated", "engine_mma", "engine_mfma", "engine_wmma", "engine_dpas",
    ]

    @Test func everySourceIsEmbeddedAndSmall() throws {
        #expect(!OpenCLKernels.names.isEmpty)
        for name in OpenCLKernels.names {
            let text = try #require(OpenCLKernels.source(name))
            #expect(text.utf8.count < 8_192, "\(name)")
            #expect(text.contains("__kernel") || Self.preludes.contains(name), "\(name)")
        }
        #expect(OpenCLKernels.source("absent") == nil)
    }
}

extension ModelShape {
    /// Two layers that take milliseconds and still have every kind of edge.
    static let tiny = ModelShape(
        name: "tiny", source: "made up for tests", layers: 2, hidden: 64, feedForward: 160, heads: 4, keyValueHeads: 2,
        headDimension: 16, vocabulary: 96)
}
