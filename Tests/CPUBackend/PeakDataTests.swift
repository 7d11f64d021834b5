import Analysis
import CPUBackend
import CPUKernels
import NodeModel
import Testing

/// Peak kernels this processor may not have, simulated: what their layouts say, computed another way.
@Suite struct PeakDataTests {
    /// Tiles of 16 × 16 sums, each of 16 groups: four of sums, two of first and two of second operands.
    private func tiles(elements: Int) -> nw_peak_layout {
        nw_peak_layout(
            step_operations: Int32(2 * 16 * elements), chains: 4 * 256, operands: 4 * 256, lanes: 256, first: 2,
            second: 2, depth: 16, signed_first: false, chain_bytes: 4, operand_bytes: 4)
    }

    private func words(_ bytes: [UInt8]) -> [UInt32] {
        bytes.withUnsafeBytes { raw in
            (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) }
        }
    }

    private func bytes(_ words: [UInt32]) -> [UInt8] { words.withUnsafeBytes(Array.init) }

    /// Multiplies the tiles of one thread as matrices, `steps` times.
    private func run(_ starts: [UInt32], _ operands: [UInt32], steps: Int, add: (UInt32, UInt32, UInt32) -> UInt32)
        -> [UInt32]
    {
        var sums = starts
        for _ in 0..<steps {
            for tile in 0..<4 {
                for k in 0..<16 {
                    for row in 0..<16 {
                        let factor = operands[tile % 2 * 256 + row * 16 + k]
                        for column in 0..<16 {
                            let index = tile * 256 + row * 16 + column
                            let other = operands[512 + tile % 2 * 256 + k * 16 + column]
                            sums[index] = add(sums[index], factor, other)
                        }
                    }
                }
            }
        }
        return sums
    }

    private func addBytes(_ sum: UInt32, _ a: UInt32, _ b: UInt32) -> UInt32 {
        (0..<4).reduce(sum) { sum, byte in
            let unsigned = Int32(a >> (8 * byte) & 0xff)
            return sum &+ UInt32(bitPattern: unsigned * Int32(Int8(truncatingIfNeeded: b >> (8 * byte))))
        }
    }

    /// Every product and every sum rounded to f32.
    private func addBrainFloats(_ sum: UInt32, _ a: UInt32, _ b: UInt32) -> UInt32 {
        let low = Float(bitPattern: a << 16) * Float(bitPattern: b << 16)
        let high = Float(bitPattern: a & 0xffff_0000) * Float(bitPattern: b & 0xffff_0000)
        return (Float(bitPattern: sum) + low + high).bitPattern
    }

    @Test(arguments: [Precision.i8, .bf16])
    func tilesAreMatrixProducts(precision: Precision) throws {
        let layout = tiles(elements: precision == .i8 ? 4 : 2)
        let data = makePeakData(precision, layout, threads: 2, seed: 5, fused: true)
        let (starts, operands) = (words(data.starts), words(data.operands))
        #expect(starts.count == 2 * 1024 && operands.count == 2 * 1024)
        let add = precision == .i8 ? addBytes : addBrainFloats
        var results = [0, 1024].flatMap { base in
            run(Array(starts[base..<base + 1024]), Array(operands[base..<base + 1024]), steps: 7, add: add)
        }
        let outcome = data.verification(of: bytes(results), steps: 7)
        #expect(outcome.passed, "\(outcome.detail ?? "")")
        #expect(!data.verification(of: bytes(results), steps: 8).passed)
        results.swapAt(1030, 1031)
        #expect(!data.verification(of: bytes(results), steps: 7).passed)
    }

    /// However many steps a peak takes, sums of bf16 stay where f32 holds every integer.
    @Test func tilesOfBrainFloatsStayExact() {
        let groups = (0..<4096).map {
            DotPeakCheck.operand(.bf16, isFirst: true, seed: 3, index: $0, depth: 16)
        }
        // The second operands (1, 0) leave the first of each pair.
        let rows = (0..<256).map { row in
            (0..<16).reduce(0) { $0 + DotPeakCheck.product(.bf16, groups[16 * row + $1], 0x3f80) }
        }
        #expect(rows.allSatisfy { $0 >= 8 && $0 <= 256 })
        #expect(256 * DotPeakCheck.maximumSteps + 65_536 < 1 << 24)
    }

    @Test func signOfFirstBytesCounts() {
        #expect(DotPeakCheck.product(.i8, 0xff, 0x7f) == 255 * 127)
        #expect(DotPeakCheck.product(.i8, 0xff, 0x7f, signedFirst: true) == -127)
    }

    @Test func sumsOfProductsAreFollowedToTheBit() {
        let layout = nw_peak_layout(
            step_operations: 2, chains: 20 * 4, operands: 9 * 4, lanes: 4, first: 5, second: 4, depth: 1,
            signed_first: true, chain_bytes: 4, operand_bytes: 4)
        let data = makePeakData(.f32, layout, threads: 1, seed: 7, fused: true)
        let operands = words(data.operands).map { Float(bitPattern: $0) }
        var sums = words(data.starts).map { Float(bitPattern: $0) }
        for _ in 0..<100 {
            for vector in 0..<20 {
                for lane in 0..<4 {
                    sums[4 * vector + lane].addProduct(
                        operands[vector % 5 * 4 + lane], operands[20 + vector % 4 * 4 + lane])
                }
            }
        }
        #expect(data.verification(of: bytes(sums.map(\.bitPattern)), steps: 100).passed)
        #expect(!data.verification(of: bytes(sums.map(\.bitPattern)), steps: 101).passed)
        sums[79] = sums[79].nextUp
        #expect(!data.verification(of: bytes(sums.map(\.bitPattern)), steps: 100).passed)
    }
}
