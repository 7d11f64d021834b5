import CPUKernels
import NodeModel
import Testing

@Suite struct SeededFillTests {
    private static let key = SeededData.key(seed: 7, stream: 3)

    /// Fills an odd number of elements and compares bits, from a start that makes the index wrap around.
    private func compare<T: Equatable>(_ kind: nw_fill_kind, empty: T, _ expected: (UInt32) -> T) throws {
        let first: UInt64 = 0xffff_ff80
        for name in Here.instructionSets {
            let team = try TestTeam(threads: 2)
            var actual = [T](repeating: empty, count: 4099)
            let status = try actual.withUnsafeMutableBytes {
                nw_fill(team.handle, try kernels(name), $0.baseAddress, kind, Self.key, first, 4098)
            }
            #expect(status == NW_OK)
            let wrong = (0..<4098).first { actual[$0] != expected(UInt32(truncatingIfNeeded: first + UInt64($0))) }
            #expect(wrong == nil, "\(name)")
            #expect(actual[4098] == empty, "\(name) wrote past the end")
        }
    }

    @Test func uniform() throws {
        try compare(NW_FILL_UNIFORM_F32, empty: 9) { SeededData.uniform(key: Self.key, index: $0).bitPattern }
    }

    @Test func smallIntegers() throws {
        try compare(NW_FILL_SMALL_INTEGER_F32, empty: 9) {
            SeededData.smallInteger(key: Self.key, index: $0).bitPattern
        }
    }

    @Test func words() throws {
        try compare(NW_FILL_WORD_U32, empty: 9) { SeededData.word(key: Self.key, index: $0) }
    }

    @Test func weights() throws {
        try compare(NW_FILL_WEIGHT_BF16, empty: UInt16(9)) {
            SixteenBit.bf16Bits(SeededData.weight(key: Self.key, index: $0))
        }
        try compare(NW_FILL_WEIGHT_F16, empty: UInt16(9)) {
            Float16(SeededData.weight(key: Self.key, index: $0)).bitPattern
        }
    }

    @Test func roundedUniform() throws {
        try compare(NW_FILL_UNIFORM_BF16, empty: UInt16(9)) {
            SixteenBit.bf16Bits(SeededData.uniform(key: Self.key, index: $0))
        }
        try compare(NW_FILL_UNIFORM_F16, empty: UInt16(9)) {
            Float16(SeededData.uniform(key: Self.key, index: $0)).bitPattern
        }
    }
}
