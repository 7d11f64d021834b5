/// The one definition of the random data all kernels compute on, so that C, OpenCL and Swift make the same numbers.
///
/// Element `i` of a stream is a hash of its index and the stream's key, so any element can be made again without the
/// ones before it. The mixing steps are the `lowbias32` integer hash (Chris Wellons, public domain).
public enum SeededData {
    /// Mixes all 32 bits of a word.
    @inlinable
    public static func mix(_ word: UInt32) -> UInt32 {
        var x = word
        x ^= x >> 16
        x = x &* 0x7feb_352d
        x ^= x >> 15
        x = x &* 0x846c_a68b
        x ^= x >> 16
        return x
    }

    /// The key of a stream: one tensor or buffer of a run.
    @inlinable
    public static func key(seed: UInt32, stream: UInt32) -> UInt32 {
        mix(seed &* 0x9e37_79b1 ^ mix(stream &+ 0x85eb_ca6b))
    }

    /// The random word of element `index`.
    @inlinable
    public static func word(key: UInt32, index: UInt32) -> UInt32 {
        mix(index &* 0x9e37_79b1 ^ key)
    }

    /// A float uniform in [−1, 1), a multiple of 2⁻²³.
    @inlinable
    public static func uniform(key: UInt32, index: UInt32) -> Float {
        Float(Int32(bitPattern: word(key: key, index: index)) >> 8) * 0x1p-23
    }

    /// An integer from −3 to 3 as a float, for products that are exact in every format.
    @inlinable
    public static func smallInteger(key: UInt32, index: UInt32) -> Float {
        Float(Int32(((word(key: key, index: index) >> 16) &* 7) >> 16) - 3)
    }

    /// A weight: a signed 8-bit integer times 2⁻¹², exact in bf16, f16 and f32; its deviation is about 0.018.
    @inlinable
    public static func weight(key: UInt32, index: UInt32) -> Float {
        Float(Int32(bitPattern: word(key: key, index: index)) >> 24) * 0x1p-12
    }
}
