public import NodeModel

/// The sums all peak kernels of dot products make on registers, and their exact check.
///
/// Every step adds the same dot product to a sum, so the sum after any number of steps is known in closed form. The
/// operands are random, but such that every sum is exact whatever the order: bytes, added modulo 2³², and bf16 integers
/// (p, −p)·(r, r − 1) = p, which stay below 2²⁴ for up to 32,768 steps. Where a step sums several groups, every other p
/// nearly cancels the one before it.
public enum DotPeakCheck {
    /// The most steps after which sums of bf16 are still exact in f32.
    public static let maximumSteps = 32_768

    /// A group of operands: four bytes, or two bf16 values in 32 bits, the first one lowest.
    ///
    /// - Parameters:
    ///   - precision: ``Precision/i8`` (uint8 or int8 times int8) or ``Precision/bf16``.
    ///   - isFirst: Whether it is a first operand or a second.
    ///   - seed: The seed of the run.
    ///   - index: Which group.
    ///   - depth: Groups a step sums, 1 or at most 16; they lie behind each other in first operands.
    /// - Returns: The group's bits.
    public static func operand(_ precision: Precision, isFirst: Bool, seed: UInt32, index: Int, depth: Int = 1)
        -> UInt32
    {
        let key = SeededData.key(seed: seed, stream: isFirst ? 0x9ea2 : 0x9ea3)
        let word = SeededData.word(key: key, index: UInt32(truncatingIfNeeded: index))
        guard precision == .bf16 else { return word }
        var value = integer(word, below: depth == 1 ? 256 : 224)
        if isFirst, depth > 1, index % 2 == 1 {
            // With the group before it 1 to 32, and so at most 256 for all.
            let before = SeededData.word(key: key, index: UInt32(truncatingIfNeeded: index - 1))
            value = Float(word >> 27) + 1 - integer(before, below: 224)
        }
        let pair = isFirst ? (value, -value) : (value, value - 1)
        return UInt32(SixteenBit.bf16Bits(pair.0)) | UInt32(SixteenBit.bf16Bits(pair.1)) << 16
    }

    /// A random integer of a magnitude from 1 to `limit` − 1, at most 255: it has at most eight significant bits.
    private static func integer(_ word: UInt32, below limit: Int) -> Float {
        Float(Int(word >> 16) % (limit - 1) + 1) * (word & 1 == 0 ? 1 : -1)
    }

    /// What one group of operands times another is.
    ///
    /// - Parameters:
    ///   - precision: ``Precision/i8`` or ``Precision/bf16``.
    ///   - first: The first operand's bits.
    ///   - second: The second operand's bits.
    ///   - signedFirst: Whether the first operand's bytes have a sign.
    /// - Returns: The sum of the products of their elements.
    public static func product(_ precision: Precision, _ first: UInt32, _ second: UInt32, signedFirst: Bool = false)
        -> Int
    {
        if precision == .bf16 {
            let halves = (0..<2).map { half in
                Double(SixteenBit.float(bf16Bits: UInt16(truncatingIfNeeded: first >> (16 * half))))
                    * Double(SixteenBit.float(bf16Bits: UInt16(truncatingIfNeeded: second >> (16 * half))))
            }
            return Int(halves[0] + halves[1])
        }
        return (0..<4).reduce(0) { sum, byte in
            let bits = UInt8(truncatingIfNeeded: first >> (8 * byte))
            let factor = signedFirst ? Int(Int8(bitPattern: bits)) : Int(bits)
            return sum + factor * Int(Int8(truncatingIfNeeded: second >> (8 * byte)))
        }
    }

    /// Checks every sum.
    ///
    /// - Parameters:
    ///   - precision: The operands' format.
    ///   - steps: Dot products added to each sum.
    ///   - starts: What the sums started from: integers.
    ///   - products: What each step added to each sum.
    ///   - results: The kernel's sums: of f32, rounded to integers where they are integers, else `nil`; or of int32.
    /// - Returns: Whether all agreed.
    public static func follow(_ precision: Precision, steps: Int, starts: [Int], products: [Int], results: [Int?])
        -> Verification
    {
        let method = "exact sums of \(starts.count) chains of dot products"
        guard starts.count == products.count, starts.count == results.count, !starts.isEmpty else {
            return Verification(passed: false, method: method, worst: .infinity, detail: "results of the wrong size")
        }
        for index in starts.indices {
            var expected = starts[index] + steps * products[index]
            if precision == .i8 { expected = Int(Int32(truncatingIfNeeded: expected)) }
            if results[index] != expected {
                return Verification(
                    passed: false, method: method, worst: .infinity,
                    detail: "chain \(index) is \(results[index].map(String.init) ?? "no integer"), not \(expected), "
                        + "after \(steps) steps")
            }
        }
        return Verification(passed: true, method: method, worst: 0)
    }

    // MARK: Walks

    /// Follows chosen pairs of words step by step: x ← x + dot(y, b), then y ← y + dot(x, b), modulo 2³².
    ///
    /// The way to keep a compiler from taking a dot product out of a loop. Either half of a step can be undone, so the
    /// pairs walk through a permutation: they neither come to rest nor fall together.
    ///
    /// - Parameters:
    ///   - steps: Steps of a pair, each of two dot products of four int8.
    ///   - starts: All x, then all y.
    ///   - factors: The b of each pair.
    ///   - results: What the kernel left, in the order of the starts.
    ///   - pairs: How many pairs to follow, spread over all.
    /// - Returns: Whether every pair followed agreed.
    /// - Complexity: O(pairs · steps).
    public static func followWalks(
        steps: Int, starts: [UInt32], factors: [UInt32], results: [UInt32], pairs: Int = 64
    ) -> Verification {
        let count = min(pairs, factors.count)
        let method = "bit-exact walk of \(count) pairs of dot products"
        guard starts.count == 2 * factors.count, results.count == starts.count, count > 0 else {
            return Verification(passed: false, method: method, worst: .infinity, detail: "results of the wrong size")
        }
        for sample in 0..<count {
            let pair = sample * (factors.count - 1) / max(count - 1, 1)
            var (x, y) = (starts[pair], starts[factors.count + pair])
            for _ in 0..<steps {
                x &+= dot(y, factors[pair])
                y &+= dot(x, factors[pair])
            }
            let found = (results[pair], results[factors.count + pair])
            if found != (x, y) {
                return Verification(
                    passed: false, method: method, worst: .infinity,
                    detail: "pair \(pair) is \(found), not \((x, y)), after \(steps) steps")
            }
        }
        return Verification(passed: true, method: method, worst: 0)
    }

    private static func dot(_ first: UInt32, _ second: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: product(.i8, first, second, signedFirst: true))
    }
}
