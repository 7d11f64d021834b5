public import NodeModel

/// The recurrence all peak kernels of multiply-adds run on registers, and its bit-exact check.
///
/// Every chain repeats x ← x·x + c with its own start and its own c in [−1.9, −1.5), where the map is chaotic: the bits
/// keep changing like random data, no compiler can shorten it, and because a fused multiply-add is rounded once, a
/// multiplication and an addition twice, any correct machine gives the same bits after any number of steps. Where a
/// multiply-add can only overwrite its addend, chains repeat x ← x + a·b with random a and b instead.
public enum PeakCheck {
    /// The start of chain `index`, in [−1, 1).
    public static func start(seed: UInt32, index: Int) -> Float {
        SeededData.uniform(key: SeededData.key(seed: seed, stream: 0x9ea0), index: UInt32(index))
    }

    /// The addend of chain `index`, in [−1.9, −1.5).
    public static func addend(seed: UInt32, index: Int) -> Float {
        -1.7 + 0.2 * SeededData.uniform(key: SeededData.key(seed: seed, stream: 0x9ea1), index: UInt32(index))
    }

    /// Follows chosen chains step by step and compares bits.
    ///
    /// - Parameters:
    ///   - steps: Multiply-adds per chain.
    ///   - starts: The starts of the chains, in the kernel's order.
    ///   - addends: Their addends.
    ///   - results: What the kernel left in each chain.
    ///   - fused: Whether multiply-adds are rounded once.
    ///   - chains: How many chains to follow, spread over all.
    /// - Returns: Whether every chain followed agreed to the bit.
    /// - Complexity: O(chains · steps).
    public static func follow<Value: BinaryFloatingPoint>(
        steps: Int, starts: [Value], addends: [Value], results: [Value], fused: Bool = true, chains: Int = 64
    ) -> Verification {
        guard starts.count == addends.count else { return wrongSize("recurrence") }
        return follow("\(fused ? "fma" : "multiply-add") recurrence", steps, starts, results, chains) { x, index in
            fused ? fusedStep(x, x, addends[index]) : x * x + addends[index]
        }
    }

    /// Follows chosen sums of products step by step and compares bits.
    ///
    /// - Parameters:
    ///   - steps: Multiply-adds per chain, each rounded once.
    ///   - starts: The starts of the chains, in the kernel's order.
    ///   - factors: What each chain multiplies at every step.
    ///   - results: What the kernel left in each chain.
    ///   - chains: How many chains to follow, spread over all.
    /// - Returns: Whether every chain followed agreed to the bit.
    /// - Complexity: O(chains · steps).
    public static func followSums<Value: BinaryFloatingPoint>(
        steps: Int, starts: [Value], factors: [(Value, Value)], results: [Value], chains: Int = 64
    ) -> Verification {
        guard starts.count == factors.count else { return wrongSize("sums") }
        return follow("fma sums", steps, starts, results, chains) { x, index in
            fusedStep(factors[index].0, factors[index].1, x)
        }
    }

    private static func wrongSize(_ method: String) -> Verification {
        Verification(passed: false, method: method, worst: .infinity, detail: "results of the wrong size")
    }

    private static func follow<Value: BinaryFloatingPoint>(
        _ name: String, _ steps: Int, _ starts: [Value], _ results: [Value], _ chains: Int,
        step: (Value, Int) -> Value
    ) -> Verification {
        let method = "bit-exact \(name) on \(min(chains, starts.count)) chains"
        guard starts.count == results.count, !starts.isEmpty else { return wrongSize(method) }
        for index in sampled(chains, of: starts.count) {
            var x = starts[index]
            for _ in 0..<steps { x = step(x, index) }
            if x != results[index] {
                return Verification(
                    passed: false, method: method, worst: .infinity,
                    detail: "chain \(index) is \(results[index]), not \(x), after \(steps) steps")
            }
        }
        return Verification(passed: true, method: method, worst: 0)
    }

    /// a·b + c rounded once.
    ///
    /// In f16 by way of f64, where it is exact: by way of f32 it would be rounded twice.
    private static func fusedStep<Value: BinaryFloatingPoint>(_ a: Value, _ b: Value, _ c: Value) -> Value {
        Value.significandBitCount < Float.significandBitCount
            ? Value(Double(c).addingProduct(Double(a), Double(b))) : c.addingProduct(a, b)
    }

    /// `count` of `total` indices, the first and the last among them.
    private static func sampled(_ count: Int, of total: Int) -> [Int] {
        let count = min(count, total)
        return (0..<count).map { $0 * (total - 1) / max(count - 1, 1) }
    }
}
