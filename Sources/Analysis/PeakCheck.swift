public import NodeModel

/// The recurrence all f32 peak kernels run on registers, and its bit-exact check.
///
/// Every chain repeats x ← x·x + c with its own start and its own c in [−1.9, −1.5), where the map is chaotic: the bits
/// keep changing like random data, no compiler can shorten it, and because a fused multiply-add is rounded once, a
/// multiplication and an addition twice, any correct machine gives the same bits after any number of steps.
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
    public static func follow(
        steps: Int, starts: [Float], addends: [Float], results: [Float], fused: Bool = true, chains: Int = 64
    ) -> Verification {
        let method = "bit-exact \(fused ? "fma" : "multiply-add") recurrence on \(min(chains, starts.count)) chains"
        guard starts.count == addends.count, starts.count == results.count, !starts.isEmpty else {
            return Verification(passed: false, method: method, worst: .infinity, detail: "results of the wrong size")
        }
        for sample in 0..<min(chains, starts.count) {
            let index = sample * (starts.count - 1) / max(min(chains, starts.count) - 1, 1)
            var x = starts[index]
            if fused {
                for _ in 0..<steps { x = addends[index].addingProduct(x, x) }
            } else {
                for _ in 0..<steps { x = x * x + addends[index] }
            }
            if x.bitPattern != results[index].bitPattern {
                return Verification(
                    passed: false, method: method, worst: .infinity,
                    detail: "chain \(index) is \(results[index]), not \(x), after \(steps) steps")
            }
        }
        return Verification(passed: true, method: method, worst: 0)
    }
}
