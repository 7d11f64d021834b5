package import NodeModel

/// What of a repetition is checked.
package struct InferenceSampling: Hashable, Sendable {
    /// Passes whose operations are checked, by their place in the step.
    package var passes: Set<Int>
    /// Layers whose operations are checked.
    package var layers: Set<Int>
    /// Rows of activations of an operation.
    package var rows: Int
    /// Rows of a matrix.
    package var matrixRows: Int
    /// Rows of queries of an attention.
    package var queries: Int
    /// About how many multiply-adds an attention's heads may take.
    package var attentionTerms: Int

    /// Multiply-adds and numbers made from seeds up to which everything is checked: well below a second.
    private static let completeLimit = 2e8

    /// Everything.
    package static func complete(_ program: InferenceProgram) -> InferenceSampling {
        InferenceSampling(
            passes: Set(program.step.passes.indices), layers: Set(0..<program.step.model.layers), rows: .max,
            matrixRows: .max, queries: .max, attentionTerms: .max)
    }

    /// First, middle and last layers and passes, and random rows beside the first and the last.
    package static func sampled(_ program: InferenceProgram) -> InferenceSampling {
        InferenceSampling(
            passes: ends(program.step.passes.count), layers: ends(program.step.model.layers), rows: 12, matrixRows: 64,
            queries: 4, attentionTerms: 1 << 22)
    }

    /// Everything of tiny models, samples of others.
    package static func fitting(_ program: InferenceProgram) -> InferenceSampling {
        let (step, model) = (program.step, program.step.model)
        let numbers = Double(model.layers * model.matrixParametersOfLayer + model.vocabulary * model.hidden)
        let effort = (program.work.flops?.rawValue ?? .infinity) / 2 + 8 * numbers * Double(step.passes.count)
        return effort <= completeLimit ? complete(program) : sampled(program)
    }

    private static func ends(_ count: Int) -> Set<Int> {
        Set([0, (count - 1) / 2, count - 1].filter { $0 >= 0 })
    }

    /// Sorted places below `total`: all, or those of `always` and random ones, `count` of them.
    ///
    /// - Parameters:
    ///   - count: How many.
    ///   - total: How many there are.
    ///   - always: Places chosen before random ones, the most important first; those out of range are left out.
    ///   - key: Of the random ones.
    /// - Returns: The places.
    static func places(_ count: Int, of total: Int, always: [Int], key: UInt32) -> [Int] {
        guard count < total else { return Array(0..<max(total, 0)) }
        var chosen = Set(always.filter { (0..<total).contains($0) }.prefix(count))
        var index: UInt32 = 0
        while chosen.count < count {
            chosen.insert(Int((UInt64(SeededData.word(key: key, index: index)) * UInt64(total)) >> 32))
            index += 1
        }
        return chosen.sorted()
    }
}
