/// The type of a value in a file's metadata; raw values are those of the GGUF specification.
public enum GGUFValueType: UInt32, Sendable, CaseIterable {
    /// Whole numbers without a sign of 8 and 16 bits, and with one.
    case uint8 = 0, int8, uint16, int16
    /// Whole numbers of 32 bits, and numbers of single precision.
    case uint32, int32, float32
    /// A byte that is 0 or 1, a text, and several values of one type.
    case bool, string, array
    /// Whole numbers of 64 bits, and numbers of double precision.
    case uint64, int64, float64

    /// The bytes of a value; `nil` where they differ from value to value.
    var byteCount: Int? {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        case .string, .array: nil
        }
    }

    /// The fewest bytes of a value.
    var leastBytes: Int {
        switch self {
        case .string: 8
        case .array: 12
        default: byteCount ?? 1
        }
    }

    /// What messages call such a value.
    var text: String {
        switch self {
        case .bool: "a truth value (bool)"
        case .string: "a text (string)"
        case .array: "an array"
        case .float32, .float64: "a number (\(self))"
        default: "a whole number (\(self))"
        }
    }
}

/// A decoded value of a file's metadata.
public enum GGUFValue: Hashable, Sendable {
    /// A whole number of a type without a sign.
    case unsigned(UInt64)
    /// A whole number of a type with a sign.
    case signed(Int64)
    /// A number of single or double precision.
    case real(Double)
    /// A truth value.
    case bool(Bool)
    /// A text, as it is in the file.
    case string(String)
    /// Values of one type.
    case array([GGUFValue])
}
