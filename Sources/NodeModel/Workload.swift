/// The number format of a workload's operands.
public enum Precision: String, Codable, Sendable, CaseIterable {
    case f64, f32, f16, bf16, i8
    /// The blocks of ``WeightFormat/q8`` and ``WeightFormat/q4``, of weights alone.
    case q8 = "q8_0"
    case q4 = "q4_0"

    /// Bytes of one number; `nil` for blocks, whose numbers share scales.
    public var bytes: Int? {
        switch self {
        case .f64: 8
        case .f32: 4
        case .f16, .bf16: 2
        case .i8: 1
        case .q8, .q4: nil
        }
    }
}

/// The dimensions of C(M×N) = A(M×K) · B(K×N), all row-major.
public struct GEMMShape: Hashable, Codable, Sendable, CustomStringConvertible {
    /// Rows of A and C.
    public var m: Int
    /// Columns of B and C.
    public var n: Int
    /// Columns of A and rows of B.
    public var k: Int

    /// Creates a shape.
    public init(m: Int, n: Int, k: Int) {
        self.m = m
        self.n = n
        self.k = k
    }

    /// Reads `MxNxK`, or one number for a cube; `nil` unless all are between 1 and ``GEMVShape/largest``.
    public init?(_ text: String) {
        let parts = text.lowercased().split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        let numbers = parts.compactMap(\.self)
        guard numbers.count == parts.count, numbers.allSatisfy({ (1...GEMVShape.largest).contains($0) }) else {
            return nil
        }
        switch numbers.count {
        case 1: self.init(m: numbers[0], n: numbers[0], k: numbers[0])
        case 3: self.init(m: numbers[0], n: numbers[1], k: numbers[2])
        default: return nil
        }
    }

    /// Operations of one product: 2·M·N·K.
    public var flops: Flops { Flops(2 * Double(m) * Double(n) * Double(k)) }

    /// `MxNxK`.
    public var description: String { "\(m)x\(n)x\(k)" }

    /// The most rows of A for which the time to fetch B counts.
    public static let fewRows = 64
}

/// What a trial computes.
public enum Workload: Hashable, Codable, Sendable {
    /// Fused multiply-adds on registers alone: the ceiling of every compute figure.
    case peak(Precision)
    /// Reads of `bytes` bytes that no cache can hold.
    case readBandwidth(bytes: Int)
    /// A stream through some level of memory other than the read of DRAM.
    case stream(MemoryStream)
    /// Dependent loads.
    case latency(PointerChase)
    /// A matrix product.
    case gemm(GEMMShape, Precision)
    /// A matrix product on the device's matrix engine, apart from what its ordinary arithmetic reaches.
    case engineProduct(EngineProduct)
    /// Matrix times vector, the weights in some format, which need not be one that weights are stored in.
    case gemv(GEMVShape, Precision)
    /// Copies between the host and a device.
    case transfer(HostCopy)
    /// Launches of a kernel that does next to nothing.
    case launch(LaunchMode)
    /// exp(x − largest) over their sum, of each row.
    case softmax(RowsShape)
    /// x over the root mean square, times a gain, of each row.
    case rmsnorm(RowsShape)
    /// Attention of one token over a cache of ``Precision/f16`` or ``Precision/bf16``.
    case attention(AttentionShape, Precision)
    /// A prompt read, or tokens generated, by a language model.
    case inference(InferenceStep)

    /// The name on the command line and in records.
    public var name: WorkloadName {
        switch self {
        case .peak: .peak
        case .readBandwidth, .stream: .bandwidth
        case .latency: .latency
        case .gemm, .engineProduct: .gemm
        case .gemv: .gemv
        case .transfer: .transfer
        case .launch: .launch
        case .softmax: .softmax
        case .rmsnorm: .rmsnorm
        case .attention: .attention
        case .inference: .llm
        }
    }

    /// The operands' format; for an LLM and for matrix times vector that of the weights, for attention of the cache.
    public var precision: Precision? {
        switch self {
        case .peak(let precision), .gemm(_, let precision), .gemv(_, let precision), .attention(_, let precision):
            precision
        case .softmax, .rmsnorm: .f32
        case .engineProduct(let product): product.format.precision
        case .inference(let step): step.weights.precision
        case .readBandwidth, .stream, .latency, .transfer, .launch: nil
        }
    }

    /// The size in one word: `2048x2048x2048`, `1073741824B`, the model's name; `nil` for the peak.
    public var shape: String? {
        switch self {
        case .peak: nil
        case .readBandwidth(let bytes): "\(bytes)B"
        case .stream(let stream): stream.shape
        case .latency(let chase): chase.shape
        case .gemm(let shape, _): "\(shape)"
        case .engineProduct(let product): "\(product.shape)"
        case .gemv(let shape, _): "\(shape)"
        case .transfer(let copy): copy.shape
        case .launch(let mode): mode.rawValue
        case .softmax(let shape), .rmsnorm(let shape): "\(shape)"
        case .attention(let shape, _): "\(shape)"
        case .inference(let step): step.model.name
        }
    }
}

/// The workloads a user can name.
public enum WorkloadName: String, Codable, Sendable, CaseIterable {
    case peak, bandwidth, latency, gemm, gemv, transfer, launch, softmax, rmsnorm, attention, llm

    /// Whether its bytes over its time are its rate, and its energy is told for a byte.
    public var isCountedInBytes: Bool {
        switch self {
        case .bandwidth, .gemv, .transfer, .softmax, .rmsnorm, .attention: true
        case .peak, .latency, .gemm, .launch, .llm: false
        }
    }
}

/// The countable work of one repetition of a workload.
public struct Work: Hashable, Codable, Sendable {
    /// Floating-point operations, where the workload is counted in them.
    public var flops: Flops?
    /// Bytes of explicit traffic, where the workload is counted in them.
    public var bytes: Double?
    /// Tokens produced.
    public var tokens: Double?
    /// Loads that had to wait for one another, or launches.
    public var hops: Double?

    /// Creates an amount of work.
    public init(flops: Flops? = nil, bytes: Double? = nil, tokens: Double? = nil, hops: Double? = nil) {
        self.hops = hops
        self.flops = flops
        self.bytes = bytes
        self.tokens = tokens
    }
}
