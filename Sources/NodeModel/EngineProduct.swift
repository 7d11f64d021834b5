/// Which part of a device computes, where a row is of one part and others could do the same work.
public enum ComputeEngine: String, Codable, Sendable, CaseIterable {
    /// An engine for matrix products: tensor cores, MFMA, WMMA, DPAS.
    case matrix
}

/// The format a matrix engine adds its products up in.
public enum Accumulator: String, Codable, Sendable, CaseIterable {
    case f16, f32, i32
}

/// The formats of a product on a matrix engine.
public struct EngineFormat: Hashable, Codable, Sendable {
    /// The operands' format.
    public var precision: Precision
    /// The sums' format.
    public var accumulator: Accumulator

    /// Creates a pair of formats; whether an engine has it is another question.
    public init(_ precision: Precision, _ accumulator: Accumulator) {
        self.precision = precision
        self.accumulator = accumulator
    }

    /// The pairs there are kernels for, the usual one first.
    public static let all = [
        EngineFormat(.f16, .f32), EngineFormat(.bf16, .f32), EngineFormat(.f16, .f16), EngineFormat(.i8, .i32),
    ]
}

/// A product on the matrix engine of a device; C is f32, or int32 for int8.
public struct EngineProduct: Hashable, Codable, Sendable {
    /// The dimensions.
    public var shape: GEMMShape
    /// The formats.
    public var format: EngineFormat

    /// Creates a product.
    public init(_ shape: GEMMShape, _ format: EngineFormat) {
        self.shape = shape
        self.format = format
    }
}

extension Workload {
    /// The part of the device that computes, where the workload says so.
    public var engine: ComputeEngine? {
        if case .engineProduct = self { .matrix } else { nil }
    }

    /// The format sums are kept in, where the workload says so.
    public var accumulator: Accumulator? {
        if case .engineProduct(let product) = self { product.format.accumulator } else { nil }
    }
}
