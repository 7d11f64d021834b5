/// A digest that shows accidents and edits, and is no protection against anybody who means to forge it.
public enum Checksum {
    /// The 64-bit FNV-1a of bytes as sixteen hexadecimal digits.
    ///
    /// - Parameter bytes: The bytes, in their order.
    /// - Returns: Lower-case digits, with leading zeros.
    public static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let hash = bytes.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
