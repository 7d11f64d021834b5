import NodeModel

/// The kernels over rows of f32: softmax and the RMS norm.
final class RowKernels {
    let program: Program
    let name: String
    private let tuning: Tuning
    private let local: Int

    /// Builds one of them.
    ///
    /// - Parameters:
    ///   - source: The source, which `rows.cl` comes before.
    ///   - name: The kernel in it.
    ///   - columns: Values of a row.
    ///   - queue: The device.
    ///   - tuning: How its kernels are shaped.
    /// - Throws: `TrialFailure` when it cannot be built.
    init(_ source: String, _ name: String, columns: Int, queue: DeviceQueue, tuning: Tuning) throws {
        let lanes = tuning.isProcessor ? 16 : 4
        let aligned = columns.isMultiple(of: lanes) ? ["ALIGNED"] : []
        // Work-groups in which each item has about two vectors of a row.
        let best = [256, 128, 64].first { $0 * 2 * lanes <= columns } ?? 32
        (program, local) = try queue.build(
            tuning.isProcessor ? ["rows", "exponential", source] : ["rows", source], kernels: [name],
            options: ["V=\(lanes)", tuning.isProcessor ? "EXP=exponential" : "EXP=exp"] + aligned,
            localSizes: tuning.localSizes(from: best))
        self.name = name
        self.tuning = tuning
    }

    /// What the record says of them.
    var notes: [String: String] {
        ["kernel": "\(name), \(tuning.isProcessor ? "one item" : "\(local) items") a row", "options": program.options]
    }

    /// How many rows a group makes: on processors so many that each core has some 16 items, and reads one stream.
    func run(rows: Int) -> Int { tuning.isProcessor ? max(rows / (tuning.units * 16), 1) : 1 }

    /// A launch of a kernel with its arguments set.
    func launch(_ kernel: Kernel, rows: Int) -> Launch {
        let run = run(rows: rows)
        return Launch(kernel: kernel, groups: [(rows + run - 1) / run], local: [local])
    }
}
