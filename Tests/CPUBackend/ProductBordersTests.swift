import CPUBackend
import CPUKernels
import NodeModel
import Testing

@Suite struct ProductBordersTests {
    private let blocking = nw_gemm_blocking(mr: 6, nr: 16, mc: 20, kc: 512, row_groups: 2, column_groups: 3)

    @Test func bordersFollowTheBlocking() {
        let borders = ProductBorders(GEMMShape(m: 61, n: 131, k: 67), blocking)
        #expect(borders.rows.parts == [30])
        #expect(borders.rows.blocks == [20, 50])
        // 30 rows in blocks of 20 and 10, 31 in blocks of 20 and 11, each in panels as even as can be.
        #expect(borders.rows.tiles == [5, 10, 15, 25, 35, 40, 45, 55])
        // Nine panels for three threads, the last of three columns.
        #expect(borders.columns.parts == [48, 96])
        #expect(borders.columns.tiles == [16, 32, 48, 64, 80, 96, 112, 128])
        let edges = borders.edges(seed: 7)
        #expect(Set(edges.columns) == Set([0, 130] + borders.columns.tiles.flatMap { [$0 - 1, $0] }))
        for row in [0, 4, 5, 19, 20, 29, 30, 49, 50, 60] { #expect(edges.rows.contains(row)) }
    }

    @Test func smallProductsHaveOnlyEnds() {
        for (m, n) in [(1, 1), (5, 9)] {
            let one = nw_gemm_blocking(mr: 6, nr: 16, mc: 20, kc: 512, row_groups: 1, column_groups: 1)
            let edges = ProductBorders(GEMMShape(m: m, n: n, k: 3), one).edges(seed: 1)
            #expect(Set(edges.rows) == [0, m - 1] && Set(edges.columns) == [0, n - 1])
        }
        // More threads than rows or panels.
        let many = nw_gemm_blocking(mr: 6, nr: 16, mc: 1, kc: 512, row_groups: 4, column_groups: 4)
        let borders = ProductBorders(GEMMShape(m: 2, n: 17, k: 3), many)
        #expect(borders.rows.parts == [1] && borders.columns.parts == [16])
    }

    @Test func choiceIsLimitedAndFixedByTheSeed() {
        let shape = GEMMShape(m: 10_007, n: 5_003, k: 2)
        let borders = ProductBorders(
            shape, nw_gemm_blocking(mr: 14, nr: 32, mc: 112, kc: 512, row_groups: 12, column_groups: 16))
        let edges = borders.edges(seed: 3)
        #expect(edges.rows.count <= 50 && edges.columns.count <= 34)
        #expect(edges.rows.count >= 30 && edges.columns.count >= 20)
        let (again, other) = (borders.edges(seed: 3), borders.edges(seed: 4))
        #expect(edges.rows == again.rows && edges.columns == again.columns)
        #expect(edges.rows != other.rows && edges.columns != other.columns)
        // The first panel and the last one, here of eleven columns.
        for column in [0, 31, 32, 4_991, 4_992, 5_002] { #expect(edges.columns.contains(column)) }
        let starts = Set([0] + borders.rows.tiles + borders.rows.blocks + borders.rows.parts)
        #expect(edges.rows.allSatisfy { starts.contains($0) || starts.contains($0 + 1) || $0 == shape.m - 1 })
    }
}
