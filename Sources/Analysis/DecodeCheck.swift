public import NodeModel

/// Checks every operation of a decode step against a float64 oracle on what the operation really read.
///
/// The weights are made again from their seed, so a wrong upload shows as well. Layers 0, middle and last and the
/// output head are checked; of matrices 32 rows each, of attention 4 heads, of everything else every element.
public struct DecodeCheck {
    private let step: any InspectableDecodeStep
    private let program: DecodeProgram
    private let oracle: DecodeOracle
    private var worst = 0.0
    private var detail: String?

    private init(_ step: any InspectableDecodeStep) {
        self.step = step
        program = step.program
        oracle = DecodeOracle(program: step.program, seed: step.seed)
    }

    /// Runs one step operation by operation and checks it.
    ///
    /// - Parameter step: The backend's step, opened up.
    /// - Returns: The largest deviation relative to what is allowed, and the operation it was seen in.
    /// - Throws: What the backend throws.
    public static func verify(_ step: any InspectableDecodeStep) throws -> Verification {
        var check = DecodeCheck(step)
        try step.reset()
        let start = try step.read(.residual)
        check.compare("initial residual", start, check.oracle.initialResidual, allowed: { _ in 0x1p-30 })
        for operation in check.program.operations {
            if check.isChecked(operation) { try check.check(operation) } else { try step.run(operation) }
        }
        return Verification(
            passed: check.worst <= 1, method: "float64 oracle on every operation of 3 layers and the head",
            worst: check.worst, detail: check.detail)
    }

    private func isChecked(_ operation: DecodeOperation) -> Bool {
        let last = program.step.model.layers - 1
        let checked: Set = [0, last / 2, last]
        return switch operation {
        case .normalise(let index): checked.contains(index / 2) || index == 2 * last + 2
        case .multiply(.queryKeyValue(let layer), _, _, _), .multiply(.attentionOutput(let layer), _, _, _),
            .multiply(.gateUp(let layer), _, _, _), .multiply(.down(let layer), _, _, _),
            .rotateAndStore(let layer), .attend(let layer):
            checked.contains(layer)
        case .multiply(.outputHead, _, _, _), .gate: true
        }
    }

    private mutating func check(_ operation: DecodeOperation) throws {
        switch operation {
        case .normalise(let index):
            let input = try step.read(.residual)
            try step.run(operation)
            let expected = oracle.normalise(input, index: index)
            compare("norm \(index)", try step.read(.normalised), expected, allowed: { abs($0) * 0x1p-18 + 1e-30 })
        case .multiply(let matrix, let input, let output, let accumulate):
            try checkMultiply(operation, matrix, input: input, output: output, accumulate: accumulate)
        case .rotateAndStore(let layer):
            try checkRotation(operation, layer: layer)
        case .attend(let layer):
            let qkv = try step.read(.queryKeyValue)
            let new = try step.readCache(layer: layer)
            try step.run(operation)
            try checkAttention(layer: layer, queryKeyValue: qkv, new: new)
        case .gate:
            let input = try step.read(.gateUp)
            try step.run(operation)
            compare(
                "gate", try step.read(.gated), oracle.gate(input), allowed: { abs($0) * 0x1p-16 + 1e-30 })
        }
    }

    private mutating func checkMultiply(
        _ operation: DecodeOperation, _ matrix: WeightMatrix, input: ActivationBuffer, output: ActivationBuffer,
        accumulate: Bool
    ) throws {
        let vector = try step.read(input)
        let before = accumulate ? try step.read(output) : []
        try step.run(operation)
        let after = try step.read(output)
        let size = program.size(of: matrix)
        guard after.count == size.rows, vector.count == size.columns else {
            return record("\(matrix)", ratio: .infinity, at: 0)
        }
        for row in oracle.sampledRows(of: matrix) {
            let exact = oracle.product(matrix, row: row, vector)
            let base = accumulate ? Double(before[row]) : 0
            let allowed =
                Tolerance.dotProduct(length: size.columns, magnitude: exact.magnitude) + abs(base) * 2
                * Tolerance.f32Unit
            let error = abs(Double(after[row]) - base - exact.sum)
            record("\(matrix)", ratio: Tolerance.ratio(error: error, allowed: allowed), at: row)
        }
    }

    private mutating func checkRotation(_ operation: DecodeOperation, layer: Int) throws {
        let before = try step.read(.queryKeyValue)
        try step.run(operation)
        let after = try step.read(.queryKeyValue)
        let stored = try step.readCache(layer: layer)
        let model = program.step.model
        let expected = oracle.rotate(before)
        let rotated = model.queryWidth + model.keyValueWidth
        compare(
            "rotation in layer \(layer)", Array(after.prefix(rotated)), Array(expected.prefix(rotated)),
            allowed: { abs($0) * 0x1p-20 + 4e-6 })
        let half = program.step.weights == .bf16 ? 0x1p-8 : 0x1p-11
        compare(
            "key cache of layer \(layer)", stored.key, Array(expected[model.queryWidth..<rotated]),
            allowed: { abs($0) * half * 1.01 + 6e-6 })
        compare(
            "value cache of layer \(layer)", stored.value, Array(expected[rotated...]),
            allowed: { abs($0) * half * 1.01 + 6e-6 })
    }

    private mutating func checkAttention(layer: Int, queryKeyValue: [Float], new: (key: [Float], value: [Float])) throws
    {
        let result = try step.read(.attention)
        let model = program.step.model
        guard result.count == model.queryWidth, new.key.count == model.keyValueWidth else {
            return record("attention of layer \(layer)", ratio: .infinity, at: 0)
        }
        for head in Set([0, model.heads / 3, model.heads / 2, model.heads - 1]).sorted() {
            let range = head * model.headDimension..<(head + 1) * model.headDimension
            let expected = oracle.attend(layer: layer, head: head, query: Array(queryKeyValue[range]), new: new)
            compare(
                "attention of layer \(layer), head \(head)", Array(result[range]), expected, allowed: { _ in 3e-5 })
        }
    }

    private mutating func compare(_ place: String, _ actual: [Float], _ expected: [Double], allowed: (Double) -> Double)
    {
        guard actual.count == expected.count else { return record(place, ratio: .infinity, at: 0) }
        for index in actual.indices {
            let error = abs(Double(actual[index]) - expected[index])
            record(place, ratio: Tolerance.ratio(error: error, allowed: allowed(expected[index])), at: index)
        }
    }

    private mutating func record(_ place: String, ratio: Double, at index: Int) {
        guard ratio > worst else { return }
        worst = ratio
        if ratio > 1 { detail = "\(place), element \(index): \(ratio) times the allowed error" }
    }
}
