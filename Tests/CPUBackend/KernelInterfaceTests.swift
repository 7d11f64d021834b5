import Analysis
import CPUKernels
import NodeModel
import Testing

/// The product through the C interface: leading dimensions, teams of several sizes, small caches.
@Suite struct KernelInterfaceTests {
    private struct Strides {
        var a: Int
        var b: Int
        var c: Int
    }

    /// Multiplies small integers and compares every element with the exact product; gaps between rows stay untouched.
    private func multiply(_ shape: GEMMShape, _ strides: Strides, isa: String, threads: Int, l2Bytes: Int) throws {
        let team = try TestTeam(threads: threads)
        let (m, n, k) = (shape.m, shape.n, shape.k)
        let a = (0..<m * strides.a).map { Float(($0 * 7 + 3) % 7 - 3) }
        let b = (0..<k * strides.b).map { Float(($0 * 5 + 1) % 11 - 5) }
        var c = [Float](repeating: -99, count: m * strides.c)
        var gemm: OpaquePointer?
        var spec = nw_gemm_spec(
            format: NW_GEMM_F32, m: Int64(m), n: Int64(n), k: Int64(k), lda: Int64(strides.a), ldb: Int64(strides.b),
            ldc: Int64(strides.c))
        #expect(nw_gemm_create(team.handle, try kernels(isa), &spec, l2Bytes, &gemm) == NW_OK)
        defer { nw_gemm_destroy(gemm) }
        #expect(nw_gemm_pack_b(gemm, b, nil) == NW_OK)
        #expect(nw_gemm_run(gemm, a, &c, 2, nil) == NW_OK)
        var wrong = 0
        for row in 0..<m {
            for column in 0..<strides.c {
                var expected = 0.0
                for i in 0..<k where column < n {
                    expected += Double(a[row * strides.a + i] * b[i * strides.b + column])
                }
                if Double(c[row * strides.c + column]) != (column < n ? expected : -99) { wrong += 1 }
            }
        }
        #expect(wrong == 0, "\(isa) \(shape) on \(threads) threads: \(wrong) wrong elements")
    }

    @Test func leadingDimensionsAndBlocking() throws {
        for isa in Here.instructionSets {
            for threads in [1, 2, 3, 4] {
                for l2Bytes in [16 << 10, 1 << 20] {
                    let odd = GEMMShape(m: 61, n: 131, k: 67)
                    try multiply(odd, Strides(a: 67, b: 131, c: 131), isa: isa, threads: threads, l2Bytes: l2Bytes)
                    try multiply(odd, Strides(a: 71, b: 150, c: 133), isa: isa, threads: threads, l2Bytes: l2Bytes)
                }
            }
        }
    }

    @Test func deepProductsAccumulateOverBlocks() throws {
        for isa in Here.instructionSets {
            try multiply(
                GEMMShape(m: 5, n: 40, k: 1500), Strides(a: 1500, b: 40, c: 40), isa: isa, threads: 2,
                l2Bytes: 0)
        }
    }

    @Test func impossibleSizesAreRefused() throws {
        let team = try TestTeam(threads: 1)
        let isa = try kernels("scalar")
        var gemm: OpaquePointer?
        for (m, lda) in [(0, 4), (-1, 4), (4, 3), (1 << 40, 4)] as [(Int64, Int64)] {
            var spec = nw_gemm_spec(format: NW_GEMM_F32, m: m, n: 4, k: 4, lda: lda, ldb: 4, ldc: 4)
            #expect(nw_gemm_bytes(isa, &spec, 0, 1) == 0)
            #expect(nw_gemm_create(team.handle, isa, &spec, 0, &gemm) == NW_INVALID_ARGUMENT)
        }
        var peak: OpaquePointer?
        #expect(nw_peak_create(team.handle, isa, NW_PEAK_BF16, 1, nil, nil, &peak) == NW_UNSUPPORTED_ISA)
        #expect(nw_peak_create(team.handle, isa, NW_PEAK_F32, 0, nil, nil, &peak) == NW_INVALID_ARGUMENT)
    }
}
