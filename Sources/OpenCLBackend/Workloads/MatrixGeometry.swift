/// How a product on a matrix engine is cut up.
package struct MatrixGeometry: Hashable, Sendable {
    /// The tile of C of a work-group.
    package var rows, columns: Int
    /// The part of it that a wave makes.
    package var waveRows, waveColumns: Int
    /// The bytes of k of a tile of A or B.
    package var depth = 64
    /// How many tiles of each are in local memory at once.
    package var stages: Int

    package init(_ rows: Int, _ columns: Int, waves: (rows: Int, columns: Int), depth: Int = 64, stages: Int) {
        (self.rows, self.columns, self.depth, self.stages) = (rows, columns, depth, stages)
        (waveRows, waveColumns) = waves
    }

    /// The bytes of local memory its tiles take.
    package var localBytes: Int { stages * (rows + columns) * depth }

    /// The work-items of a group with waves of so many.
    package func items(lanes: Int) -> Int { rows / waveRows * (columns / waveColumns) * lanes }

    /// What the sources are told of it.
    package var macros: [String] {
        [
            "BM=\(rows)", "BN=\(columns)", "WM=\(waveRows)", "WN=\(waveColumns)", "DEPTH=\(depth)", "STAGES=\(stages)",
        ]
    }

    /// The tile and the stages in words.
    package var description: String {
        "tiles of \(rows)x\(columns), \(waveRows)x\(waveColumns) a wave, \(depth) bytes of k, \(stages) stages"
    }
}
