import NodeModel

/// The kernels that send tokens to their experts and bring the results back.
final class ExpertKernels {
    /// The chosen experts of each row and their weights, best first.
    let chosen, weights: Buffer
    private let first, tiles, rowOf, visitOf: Buffer
    private let shape: ExpertShape
    private let program: Program
    private let local: Int

    /// Builds the kernels for a model.
    ///
    /// - Parameters:
    ///   - shape: Its experts.
    ///   - rows: The most rows at a time.
    ///   - tileRows: The rows that products are made of at a time.
    ///   - queue: The device.
    ///   - tuning: How its kernels are shaped.
    /// - Throws: `TrialFailure` when they cannot be built.
    init(_ shape: ExpertShape, rows: Int, tileRows: Int, queue: DeviceQueue, tuning: Tuning) throws {
        self.shape = shape
        let options =
            ["EXPERTS=\(shape.count)", "CHOSEN=\(shape.perToken)", "TILE=\(tileRows)"]
            + (shape.normalisesWeights ? ["SUM_TO_ONE"] : [])
        (program, local) = try queue.build(
            ["inference_experts"], kernels: ["route_rows", "plan_visits", "combine_visits"], options: options,
            localSizes: tuning.localSizes(from: 128))
        let visits = rows * shape.perToken
        chosen = try queue.buffer(bytes: 4 * visits)
        weights = try queue.buffer(bytes: 4 * visits)
        first = try queue.buffer(bytes: 4 * (shape.count + 1))
        tiles = try queue.buffer(bytes: 4 * (shape.count + 1))
        rowOf = try queue.buffer(bytes: 4 * visits)
        visitOf = try queue.buffer(bytes: 4 * visits)
    }

    /// Chooses the experts of some rows, and orders the visits.
    func route(router: Buffer, rows: Int) throws -> [Launch] {
        let choose = try program.kernel("route_rows", .buffer(router), .buffer(chosen), .buffer(weights))
        let plan = try program.kernel(
            "plan_visits", .buffer(chosen), .buffer(first), .buffer(tiles), .buffer(rowOf), .buffer(visitOf),
            .uint(rows))
        return [
            Launch(kernel: choose, groups: [rows], local: [local]),
            Launch(kernel: plan, groups: [1], local: [local]),
        ]
    }

    /// The visits as products take them.
    ///
    /// - Parameters:
    ///   - range: The experts a matrix holds.
    ///   - outputs: Rows of one expert's matrix.
    ///   - isGathered: Whether what is multiplied has a row for each token.
    /// - Returns: What a product is told of them.
    func visits(_ range: Range<Int>, outputs: Int, isGathered: Bool) -> ExpertRows {
        ExpertRows(
            first: first, tiles: tiles, rowOf: rowOf, isGathered: isGathered, perToken: shape.perToken,
            experts: shape.count, range: range, outputs: outputs)
    }

    /// Adds what the experts return to the residual.
    func combine(visits: Buffer, residual: Buffer, rows: Int, columns: Int) throws -> [Launch] {
        let kernel = try program.kernel(
            "combine_visits", .buffer(visits), .buffer(weights), .buffer(visitOf), .buffer(residual), .uint(columns))
        return [Launch(kernel: kernel, groups: [rows], local: [local])]
    }
}
