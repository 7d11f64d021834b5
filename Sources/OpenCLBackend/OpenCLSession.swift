import Analysis
import COpenCL
import Isolation
public import NodeModel

/// One device of the OpenCL loader in this process, without isolation: what a worker runs, and what tests drive.
///
/// Loading a driver may crash the process; ``OpenCLBackend`` does it in children.
public final class OpenCLSession {
    /// The device, its identifier numbered by this process's loader.
    public let device: Device
    private let queue: DeviceQueue
    private let tuning: Tuning
    /// What the search for the last workload's kernel found, where there was one.
    private(set) var tuningResult: TuningResult?
    private let rotation: Rotation

    /// Opens the loader and a device.
    ///
    /// - Parameters:
    ///   - platform: The platform's index in the loader's order.
    ///   - index: The device's index in the platform.
    ///   - kernels: The kind of device whose kernels to use; by default the device's own. Tests run the kernels for
    ///     GPUs on processors with it.
    ///   - rotatedBytes: How many bytes workloads with copies in turn go through; by default more than any cache holds.
    ///   - report: Told before every step that may crash or hang.
    /// - Throws: `TrialFailure` when there is no loader or no such device.
    public init(
        platform: Int = 0, device index: Int = 0, kernels: DeviceKind? = nil, rotatedBytes: Int? = nil,
        report: @escaping (_ step: String, _ kind: StepKind) -> Void = { _, _ in }
    ) throws {
        let scan = try Self.load()
        guard platform < scan, platform >= 0, index >= 0 else {
            throw TrialFailure(.failed, "there is no OpenCL platform \(platform); the loader shows \(scan)")
        }
        device = DeviceScan.describe(platform: platform, device: index, platformName: "").device
        var styled = device
        styled.kind = kernels ?? device.kind
        tuning = Tuning(styled)
        rotation = rotatedBytes.map(Rotation.init(bytes:)) ?? Rotation(for: device)
        queue = try DeviceQueue(platform: platform, device: index, report: report)
    }

    private static func load() throws -> Int {
        var message = [CChar](repeating: 0, count: 512)
        guard nwcl_load(&message, message.count) == 0 else {
            let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw TrialFailure(.failed, CleanText.line(String(decoding: bytes, as: UTF8.self)))
        }
        var count: UInt32 = 0
        return nwcl_platform_count(&count) == 0 ? Int(count) : 0
    }

    /// Makes a workload ready on this device.
    ///
    /// - Parameters:
    ///   - workload: What to compute.
    ///   - seed: The seed of all data.
    /// - Returns: The prepared workload; releasing it frees its buffers and kernels.
    /// - Throws: `TrialFailure` with the status the row gets.
    public func prepare(_ workload: Workload, seed: UInt32) throws -> any PreparedWorkload {
        try prepare(workload, seed: seed, tuning: .seeds)
    }

    /// Makes a workload ready, its kernel shaped as told; what a search found is in ``tuningResult``.
    func prepare(_ workload: Workload, seed: UInt32, tuning order: TuningOrder) throws -> any PreparedWorkload {
        tuningResult = nil
        switch workload {
        case .peak(let precision): return try peak(precision, seed: seed)
        case .readBandwidth(let bytes):
            return try ReadWorkload(bytes: bytes, queue: queue, device: device, tuning: tuning, seed: seed)
        case .gemm(let shape, let precision):
            let result = try ProductWorkload(
                shape: shape, precision: precision, queue: queue, device: device, tuning: tuning, seed: seed)
            tuningResult = try result.shapeKernel(order, TuningSpaces.product(shape, precision, tuning))
            return result
        case .engineProduct(let product):
            return try MatrixEngine.prepare(product, queue: queue, device: device, seed: seed)
        case .inference(let step): return try inference(step, seed: seed)
        case .stream(let stream) where stream.level == .dram || stream.level == nil:
            let bytes = stream.bytesPerThread * stream.threads
            guard stream.variant != .read else {
                return try ReadWorkload(bytes: bytes, queue: queue, device: device, tuning: tuning, seed: seed)
            }
            return try StreamWorkload(
                stream.variant, bytes: bytes, queue: queue, device: device, tuning: tuning, seed: seed)
        case .stream, .latency:
            throw TrialFailure(.unsupported, "of memory the OpenCL kernels measure what a device's own memory serves")
        case .gemv(let shape, let format):
            return try GEMVWorkload(
                shape: shape, precision: format, queue: queue, device: device, tuning: tuning, rotation: rotation,
                seed: seed)
        case .transfer, .launch, .softmax, .rmsnorm, .attention: return try part(workload, seed: seed)
        }
    }

    /// Makes prefill or decode of an LLM ready.
    ///
    /// - Parameters:
    ///   - step: What to compute.
    ///   - seed: The seed of all data.
    ///   - engine: One of ``MatrixEngine/emulated`` in place of the device's own, to test what surrounds it.
    /// - Returns: The prepared workload, opened up for checks.
    /// - Throws: `TrialFailure` with the status the row gets.
    package func prepare(_ step: InferenceStep, seed: UInt32, emulated engine: MatrixEngine? = nil) throws
        -> InferenceWorkload
    {
        try InferenceWorkload(
            step: step, weights: SeededModelWeights(step.model, format: step.weights, seed: seed), queue: queue,
            device: device, tuning: tuning, seed: seed, emulated: engine)
    }

    /// Why the device cannot do something; `nil` where it can.
    package func missing(_ capability: Capability) -> String? { capability.missing(on: queue) }

    /// What the device's own clock says of the last run, beside the wall clock.
    func checkEvents() -> String { queue.checkEvents() }

    /// A token of one sequence behind a context that stays as long as it is.
    ///
    /// ``InferenceWorkload`` is not used yet: where tokens change, what is found after its timed passes is not theirs. The
    /// look at the device's own clock seems to run the last pass again, with the token that this pass chose.
    private func inference(_ step: InferenceStep, seed: UInt32) throws -> any PreparedWorkload {
        guard step.phase == .decode, step.batch == 1, step.model.isPlain, step.file == nil else {
            throw TrialFailure(
                .unsupported, "the OpenCL kernels decode one sequence of a dense model without biases and head norms")
        }
        let decode = DecodeStep(
            model: step.model, weights: step.weights.precision, contextTokens: step.contextTokens)
        return try DecodeWorkload(step: decode, queue: queue, device: device, tuning: tuning, seed: seed)
    }

    /// What only OpenCL devices are measured in.
    private func part(_ workload: Workload, seed: UInt32) throws -> any PreparedWorkload {
        switch workload {
        case .transfer(let copy): return try TransferWorkload(copy, queue: queue, device: device, seed: seed)
        case .launch(let mode): return try LaunchWorkload(mode, queue: queue, seed: seed)
        case .softmax(let shape):
            return try RowsWorkload(.softmax, shape, queue: queue, device: device, tuning: tuning, seed: seed)
        case .rmsnorm(let shape):
            return try RowsWorkload(.rmsnorm, shape, queue: queue, device: device, tuning: tuning, seed: seed)
        case .attention(let shape, let format):
            return try AttentionWorkload(
                shape, format: format, queue: queue, device: device, tuning: tuning, rotation: rotation, seed: seed)
        default: throw TrialFailure(.unsupported, "no OpenCL kernels for \(workload.name.rawValue)")
        }
    }

    /// Makes a product on an emulated matrix engine ready, to test what surrounds the engine's instructions.
    ///
    /// - Parameters:
    ///   - product: What to compute.
    ///   - engine: One of ``MatrixEngine/emulated``.
    ///   - seed: The seed of all data.
    /// - Returns: The prepared workload, of whose speed nothing can be said.
    /// - Throws: `TrialFailure` with the status the row would get.
    package func prepare(_ product: EngineProduct, emulated engine: MatrixEngine, seed: UInt32) throws
        -> any PreparedWorkload
    {
        try MatrixEngineWorkload(product, engine, queue: queue, device: device, seed: seed)
    }

    private func peak(_ precision: Precision, seed: UInt32) throws -> any PreparedWorkload {
        if precision == .i8 { return try DotPeakWorkload(queue: queue, device: device, tuning: tuning, seed: seed) }
        guard let format = RealFormat.all[precision] else {
            throw TrialFailure(.unsupported, "the OpenCL kernels have no peak in \(precision.rawValue)")
        }
        switch precision {
        case .f64: return try PeakWorkload<Double>(format, queue: queue, tuning: tuning, seed: seed)
        case .f16: return try PeakWorkload<Float16>(format, queue: queue, tuning: tuning, seed: seed)
        default: return try PeakWorkload<Float>(format, queue: queue, tuning: tuning, seed: seed)
        }
    }
}
