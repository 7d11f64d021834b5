/// How a matrix of weights is stored.
public enum WeightFormat: String, Codable, Sendable, CaseIterable {
    /// One number per weight.
    case f32, f16, bf16
    /// ggml's Q8_0: blocks of 32 weights, an f16 scale d and 32 signed bytes q; the value is d·q. 34 bytes.
    case q8 = "q8_0"
    /// ggml's Q4_0: blocks of 32 weights, an f16 scale d and 16 bytes; byte j holds weight j in its low four bits and
    /// weight j + 16 in its high ones; the value is d·(q − 8). 18 bytes.
    case q4 = "q4_0"

    /// The weights of a block.
    public static let blockLength = 32

    /// The formats of language models, which are measured by default.
    public static let common: [WeightFormat] = [.f16, .bf16, .q8, .q4]

    /// The format a precision names; `nil` where weights cannot have it.
    public init?(_ precision: Precision) { self.init(rawValue: precision.rawValue) }

    /// The format as records name it.
    public var precision: Precision {
        switch self {
        case .f32: .f32
        case .f16: .f16
        case .bf16: .bf16
        case .q8: .q8
        case .q4: .q4
        }
    }

    /// Whether weights share scales in blocks, so that rows are whole blocks.
    public var isBlocked: Bool { self == .q8 || self == .q4 }

    /// The bytes of `count` weights, whole blocks where there are blocks.
    public func bytes(of count: Int) -> Int {
        switch self {
        case .f32: 4 * count
        case .f16, .bf16: 2 * count
        case .q8: count / Self.blockLength * 34
        case .q4: count / Self.blockLength * 18
        }
    }
}

/// The dimensions of y = W·x.
public struct GEMVShape: Hashable, Codable, Sendable, CustomStringConvertible {
    /// Rows of W, elements of y.
    public var rows: Int
    /// Columns of W, elements of x.
    public var columns: Int

    /// The largest number of rows or columns.
    public static let largest = 1 << 20

    /// The most copies of a matrix that products go through in turn.
    public static let mostCopies = 4_096

    /// The shape measured where nobody asks for another: the feed-forward matrix of a model of 7 billion parameters.
    public static let common = GEMVShape(rows: 4_096, columns: 11_008)

    /// Creates a shape.
    public init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    /// Reads `ROWSxCOLUMNS`; `nil` unless both are between 1 and ``largest``.
    public init?(_ text: String) {
        let parts = text.lowercased().split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        let numbers = parts.compactMap(\.self)
        guard parts.count == 2, numbers.count == 2, numbers.allSatisfy({ (1...Self.largest).contains($0) }) else {
            return nil
        }
        self.init(rows: numbers[0], columns: numbers[1])
    }

    /// Operations of one product: 2·rows·columns.
    public var flops: Flops { Flops(2 * Double(rows) * Double(columns)) }

    /// `ROWSxCOLUMNS`.
    public var description: String { "\(rows)x\(columns)" }
}
