/// Rounding to the 16-bit formats that weights and caches are stored in.
public enum SixteenBit {
    /// The bits of the bf16 nearest to `value`, ties to even; a NaN stays one.
    @inlinable
    public static func bf16Bits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ ((bits >> 16) & 1)) >> 16)
    }

    /// The value of some bf16 bits.
    @inlinable
    public static func float(bf16Bits bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

    /// `value` rounded to the format and widened again; formats wider than 16 bits leave it as it is.
    @inlinable
    public static func rounded(_ value: Float, to precision: Precision) -> Float {
        switch precision {
        case .bf16: float(bf16Bits: bf16Bits(value))
        case .f16: Float(Float16(value))
        case .f64, .f32, .i8, .q8, .q4: value
        }
    }
}
