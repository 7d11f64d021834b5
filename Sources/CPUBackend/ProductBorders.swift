package import CPUKernels
package import NodeModel

/// Where the parts of C meet that a product computes apart, as its blocking says: a kernel's mistakes sit at their edges.
///
/// A border is the first row or column behind it; the ends of C are none.
package struct ProductBorders: Hashable {
    /// Borders of one kind from the finest to the coarsest.
    package struct Kinds: Hashable {
        /// Between register tiles (rows) or panels of B (columns), the last of which may be partial.
        package var tiles: [Int] = []
        /// Between blocks of A; columns have none, as there is one block of them.
        package var blocks: [Int] = []
        /// Between the parts of two threads.
        package var parts: [Int] = []
    }

    /// The most borders of one kind that ``edges(seed:)`` chooses.
    ///
    /// A panel of A has one of a few heights, each of which is a function of its own in the kernel: eight nearly always
    /// show all.
    private static let most = 8

    package let shape: GEMMShape
    package private(set) var rows = Kinds()
    package private(set) var columns = Kinds()

    /// Finds the borders.
    ///
    /// - Parameters:
    ///   - shape: The dimensions.
    ///   - blocking: How the product of this shape is blocked.
    package init(_ shape: GEMMShape, _ blocking: nw_gemm_blocking) {
        self.shape = shape
        let (mr, nr, mc) = (Int(blocking.mr), Int(blocking.nr), Int(blocking.mc))
        let panels = (shape.n + nr - 1) / nr
        columns.tiles = (1..<max(panels, 1)).map { $0 * nr }
        columns.parts = Self.shares(panels, Int(blocking.column_groups)).map { $0 * nr }
        rows.parts = Self.shares(shape.m, Int(blocking.row_groups))
        let starts = [0] + rows.parts
        for (start, end) in zip(starts, rows.parts + [shape.m]) {
            for block in stride(from: start, to: end, by: mc) {
                if block > start { rows.blocks.append(block) }
                let height = min(mc, end - block)
                let tiles = (height + mr - 1) / mr
                // Panels of A are as even as can be.
                rows.tiles += (1..<max(tiles, 1)).map { block + height * $0 / tiles }
            }
        }
    }

    /// The inner borders of `total` split into contiguous shares as even as can be.
    private static func shares(_ total: Int, _ count: Int) -> [Int] {
        Array(Set((1..<max(count, 1)).map { total * $0 / count })).filter { (1..<max(total, 1)).contains($0) }.sorted()
    }

    /// Rows and columns on either side of borders, and the first and last: what a check should look at.
    ///
    /// At most eight borders of each kind, the first and the last always, make at most 50 rows and 34 columns; where they cross
    /// every kind of edge meets every other. More would find no more: all tiles of a kind are computed by the same
    /// instructions, and the check on integers covers every element.
    ///
    /// - Parameter seed: The seed of the choice, which decides it fully.
    /// - Returns: Row and column numbers, ascending, each once.
    package func edges(seed: UInt32) -> (rows: [Int], columns: [Int]) {
        (Self.edges(rows, count: shape.m, seed: seed), Self.edges(columns, count: shape.n, seed: seed))
    }

    private static func edges(_ kinds: Kinds, count: Int, seed: UInt32) -> [Int] {
        let chosen = [kinds.tiles, kinds.blocks, kinds.parts].enumerated().flatMap { kind, borders -> [Int] in
            guard borders.count > most, let first = borders.first, let last = borders.last else { return borders }
            let key = SeededData.key(seed: seed, stream: 0xed6e + UInt32(kind))
            let inner = (2..<most).map { borders[Int(SeededData.word(key: key, index: UInt32($0))) % borders.count] }
            return [first, last] + inner
        }
        return Set(chosen.flatMap { [$0 - 1, $0] } + [0, count - 1]).sorted()
    }
}
