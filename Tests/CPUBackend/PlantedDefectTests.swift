import Analysis
import CPUBackend
import CPUKernels
import NodeModel
import PlantedDefects
import Testing

/// A format of products, uint8 by int8 among them.
enum ProductKind: String, CaseIterable {
    case f32, f16, bf16, s8, u8

    var isInteger: Bool { self == .s8 || self == .u8 }

    func prepare(_ shape: GEMMShape, isa: String) throws -> ProductWorkload {
        if self == .u8 {
            return try ProductWorkload(
                unsignedBytes: shape, isa: try InstructionSet.named(isa, source: ""), threads: Here.processors, seed: 42
            )
        }
        let precision = try #require(Precision(rawValue: self == .s8 ? "i8" : rawValue))
        return try #require(try Here.prepare(.gemm(shape, precision), isa: isa) as? ProductWorkload)
    }
}

/// Kernels that do something wrong, below `verify()`: it must say so, and say what.
///
/// One at a time, as only one product can be defective.
@Suite(.serialized) struct PlantedDefectTests {
    /// Whole panels of every instruction set, and more than one; a depth of one block, with a partial group at its end.
    private static let shape = GEMMShape(m: 45, n: 256, k: 91)

    private struct Plant {
        var defect: planted_defect
        /// What the failure's detail must contain when products of integers show it, and of random numbers.
        var onIntegers: (ProductKind) -> String
        var onRandom: (_ lastColumn: Int) -> String
    }

    private static var plants: [Plant] {
        [
            Plant(
                defect: PLANTED_B_BIT, onIntegers: { $0.isInteger ? "of C is wrong" : "of C holds a non-integer" },
                onRandom: { "][\($0)] is off by" }),
            Plant(
                defect: PLANTED_LAST_GROUPS, onIntegers: { _ in "row 0 of C is wrong" }, onRandom: { _ in "is off by" }),
            Plant(
                defect: PLANTED_OVERRUN, onIntegers: { _ in "the kernel wrote outside C" },
                onRandom: { _ in "the kernel wrote outside C" }),
            Plant(
                defect: PLANTED_OMISSION, onIntegers: { _ in "was never written" },
                onRandom: { "][\($0)] was never written" }),
        ]
    }

    /// Runs `body` with a defective kernel.
    private func with(
        _ plant: Plant, in workload: ProductWorkload, sound: Int32, _ body: () throws -> Verification
    ) throws -> Verification {
        #expect(planted_begin(workload.kernelHandle, plant.defect, sound) == NW_OK)
        defer { planted_end() }
        return try body()
    }

    @Test(arguments: ProductKind.allCases) func everyDefectIsCaughtAndNamed(kind: ProductKind) throws {
        for isa in Here.instructionSets {
            let workload = try kind.prepare(Self.shape, isa: isa)
            let lastColumn = Int(nw_gemm_get_blocking(workload.kernelHandle).nr) - 1
            for plant in Self.plants {
                let name = "\(isa) \(kind), defect \(plant.defect.rawValue)"
                // Shows from the first product of the check on, that of integers.
                var outcome = try with(plant, in: workload, sound: 0) { try workload.verify() }
                let expected = plant.onIntegers(kind)
                #expect(!outcome.passed && outcome.worst > 1, "\(name) on integers")
                #expect(outcome.detail?.contains(expected) == true, "\(name): \(outcome.detail ?? "") for \(expected)")
                // Shows only after the product of integers.
                outcome = try with(plant, in: workload, sound: 1) { try workload.verify() }
                let wanted = plant.onRandom(lastColumn)
                #expect(!outcome.passed && outcome.worst > 1, "\(name) on random numbers")
                #expect(outcome.detail?.contains(wanted) == true, "\(name): \(outcome.detail ?? "") for \(wanted)")
                outcome = try workload.verify()
                #expect(outcome.passed, "\(name) is gone: \(outcome.detail ?? "")")
            }
        }
    }

    /// Defects of the timed runs alone; packed B is what it was.
    @Test(arguments: ProductKind.allCases) func defectOfTimedRunsIsCaught(kind: ProductKind) throws {
        let workload = try kind.prepare(Self.shape, isa: Here.instructionSets[0])
        for plant in Self.plants where plant.defect != PLANTED_B_BIT {
            let lastColumn = Int(nw_gemm_get_blocking(workload.kernelHandle).nr) - 1
            #expect(planted_begin(workload.kernelHandle, plant.defect, -1) == NW_OK)
            defer { planted_end() }
            _ = try workload.run(repetitions: 2)
            planted_end()
            let outcome = try workload.verify()
            #expect(!outcome.passed, "\(kind), defect \(plant.defect.rawValue)")
            #expect(outcome.detail?.contains(plant.onRandom(lastColumn)) == true, "\(outcome.detail ?? "")")
            #expect(try workload.verify().passed)
        }
    }

    @Test(arguments: ProductKind.allCases) func watchedProductIsRight(kind: ProductKind) throws {
        for isa in Here.instructionSets {
            for shape in [GEMMShape(m: 61, n: 131, k: 67), GEMMShape(m: 3, n: 70, k: 1_100)] {
                let workload = try kind.prepare(shape, isa: isa)
                #expect(planted_begin(workload.kernelHandle, PLANTED_NOTHING, -1) == NW_OK)
                defer { planted_end() }
                _ = try workload.run(repetitions: 2)
                let outcome = try workload.verify()
                #expect(outcome.passed, "\(isa) \(kind) \(shape): \(outcome.detail ?? "")")
            }
        }
    }

    // MARK: Who computes what

    private static let watchedShapes = [
        GEMMShape(m: 1, n: 256, k: 20), GEMMShape(m: 3, n: 520, k: 600), GEMMShape(m: 64, n: 257, k: 1_100),
        GEMMShape(m: 700, n: 160, k: 40),
    ]

    /// Tiles begin where ``ProductBorders`` says, and packed B and the threads' own memory lie with those who use them.
    @Test(arguments: 1...7) func tilesAndPanelsLieWhereExpected(threads: Int) throws {
        let team = try TestTeam(threads: threads)
        for isa in Here.instructionSets {
            for shape in Self.watchedShapes { try watch(shape, team, try kernels(isa), "\(isa) \(shape)") }
        }
    }

    private func watch(_ shape: GEMMShape, _ team: TestTeam, _ isa: OpaquePointer, _ name: String) throws {
        let (m, n, k) = (shape.m, shape.n, shape.k)
        var spec = nw_gemm_spec(
            format: NW_GEMM_F32, m: Int64(m), n: Int64(n), k: Int64(k), lda: Int64(k), ldb: Int64(n), ldc: Int64(n))
        var gemm: OpaquePointer?
        #expect(nw_gemm_create(team.handle, isa, &spec, 64 << 10, &gemm) == NW_OK)
        defer { nw_gemm_destroy(gemm) }
        let (a, b) = ([Float](repeating: 1, count: m * k), [Float](repeating: 1, count: k * n))
        var c = [Float](repeating: 0, count: m * n)
        var rows = [Bool](repeating: false, count: m)
        var columns = [Bool](repeating: false, count: n)
        var seen = planted_watch()
        #expect(planted_begin(gemm, PLANTED_NOTHING, -1) == NW_OK)
        defer { planted_end() }
        #expect(nw_gemm_pack_b(gemm, b, nil) == NW_OK)
        #expect(nw_gemm_run(gemm, a, &c, 1, nil) == NW_OK)
        rows.withUnsafeMutableBufferPointer { rows in
            columns.withUnsafeMutableBufferPointer { columns in
                seen.rows = rows.baseAddress
                seen.columns = columns.baseAddress
                planted_look(&seen)
            }
        }
        #expect(c.allSatisfy { $0 == Float(k) }, "\(name)")
        #expect(seen.missing == 0 && seen.foreign == 0, "\(name): \(seen.foreign) panels packed by others")
        #expect(seen.apart, "\(name)")
        let blocking = nw_gemm_get_blocking(gemm)
        let borders = ProductBorders(shape, blocking)
        let starts = Set([0] + borders.rows.tiles + borders.rows.blocks + borders.rows.parts)
        #expect(rows.indices.filter { rows[$0] } == starts.sorted(), "\(name)")
        // A partial panel is computed beside C.
        let whole = n / Int(blocking.nr) * Int(blocking.nr)
        #expect(columns.indices.filter { columns[$0] } == ([0] + borders.columns.tiles).filter { $0 < whole })
        #expect(Set(borders.columns.parts).isSubset(of: borders.columns.tiles))
    }
}
