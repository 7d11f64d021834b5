import Analysis
import CPUBackend
import CPUKernels
import NodeModel
import Testing

@Suite struct GEMVTests {
    /// Odd sizes: fewer rows than a vector has lanes, rests of every kind, more than one panel per thread.
    private static let plainShapes = [
        GEMVShape(rows: 1, columns: 1), GEMVShape(rows: 3, columns: 5), GEMVShape(rows: 17, columns: 33),
        GEMVShape(rows: 67, columns: 1_001),
    ]
    private static let blockShapes = [
        GEMVShape(rows: 1, columns: 32), GEMVShape(rows: 7, columns: 96), GEMVShape(rows: 67, columns: 1_056),
    ]

    private static func shapes(_ format: WeightFormat) -> [GEMVShape] { format.isBlocked ? blockShapes : plainShapes }

    private func prepare(_ shape: GEMVShape, _ format: WeightFormat, isa: String) throws -> GEMVWorkload {
        try #require(try Here.prepare(.gemv(shape, format.precision), isa: isa) as? GEMVWorkload)
    }

    @Test(arguments: WeightFormat.allCases) func everyInstructionSetAgreesWithTheOracle(format: WeightFormat) throws {
        for name in Here.instructionSets {
            for shape in Self.shapes(format) {
                let workload = try prepare(shape, format, isa: name)
                _ = try workload.run(repetitions: 2)
                let outcome = try workload.verify()
                #expect(outcome.passed, "\(name) \(format) \(shape): \(outcome.detail ?? "")")
                for check in ["integers", "float64", "guard bands", "to the bit"] {
                    #expect(outcome.method.contains(check))
                }
            }
        }
    }

    @Test func weightsAreCountedAsTheyAreStored() throws {
        let shape = GEMVShape(rows: 66, columns: 1_024)
        let expected = [WeightFormat.f32: 270_336, .f16: 135_168, .bf16: 135_168, .q8: 71_808, .q4: 38_016]
        for (format, bytes) in expected {
            let workload = try prepare(shape, format, isa: Here.instructionSets[0])
            #expect(workload.work.bytes == Double(bytes))
            #expect(workload.work.flops == Flops(135_168))
            #expect(workload.copies * bytes >= 4 * Here.topology().lastLevelCacheBytes)
        }
    }

    /// Bytes are the algorithm's; what else is read for the sake of the layout is said where it is more than a little.
    @Test func paddingIsSaidWhereItMatters() throws {
        let isa = Here.instructionSets[0]
        let lanes = try prepare(GEMVShape(rows: 64, columns: 32), .q8, isa: isa).panelRows
        for (rows, added) in [(1, lanes - 1), (lanes + 1, lanes - 1), (lanes, 0), (200 * lanes + 1, 0)] {
            let workload = try prepare(GEMVShape(rows: rows, columns: 32), .q8, isa: isa)
            #expect(workload.work.bytes == Double(34 * rows))
            let note = workload.notes[TrialRecord.paddingNote]
            #expect((note != nil) == (added > 0), "\(rows) rows")
            #expect(note.map { $0.contains("\(added) rows of zeros") && $0.contains("\(rows) counted") } ?? true)
        }
        #expect(try prepare(GEMVShape(rows: 1, columns: 32), .f32, isa: "scalar").notes[TrialRecord.paddingNote] == nil)
    }

    @Test(arguments: WeightFormat.allCases) func wrongResultIsCaught(format: WeightFormat) throws {
        let workload = try prepare(GEMVShape(rows: 40, columns: 640), format, isa: Here.instructionSets[0])
        _ = try workload.run(repetitions: 3)
        var result = workload.result
        #expect(workload.verification(of: result).passed)
        result[39] += 0.01
        #expect(!workload.verification(of: result).passed)
        result = workload.result
        result[20] = .nan
        #expect(!workload.verification(of: result).passed)
    }

    @Test(arguments: WeightFormat.allCases) func wrongWeightIsCaught(format: WeightFormat) throws {
        let workload = try prepare(GEMVShape(rows: 33, columns: 96), format, isa: Here.instructionSets[0])
        // The last product of the check is made with the last copy; of a block, this is a byte of weights.
        try workload.corrupt(copy: workload.copies - 1, row: 32, byte: 11, flipping: 0x5a)
        let outcome = try workload.verify()
        #expect(!outcome.passed && outcome.detail?.hasPrefix("y[32] is off") == true)
    }

    @Test func wrongScaleIsCaught() throws {
        for format in [WeightFormat.q8, .q4] {
            let workload = try prepare(GEMVShape(rows: 4, columns: 320), format, isa: Here.instructionSets[0])
            try workload.corrupt(copy: workload.copies - 1, row: 0, byte: 0, flipping: 1)
            #expect(try !workload.verify().passed)
        }
    }

    @Test(arguments: WeightFormat.allCases) func disturbedTimedRunIsCaught(format: WeightFormat) throws {
        let workload = try prepare(GEMVShape(rows: 50, columns: 96), format, isa: Here.instructionSets[0])
        try workload.corrupt(copy: 0, row: 49, byte: 3, flipping: 0x40)
        _ = try workload.run(repetitions: 1)
        try workload.corrupt(copy: 0, row: 49, byte: 3, flipping: 0x40)
        #expect(try !workload.verify().passed)
        #expect(try workload.verify().passed)
    }

    @Test func impossibleShapesAreRefused() {
        let shapes: [(GEMVShape, WeightFormat)] = [
            (GEMVShape(rows: 4, columns: 40), .q8), (GEMVShape(rows: 4, columns: 16), .q4),
            (GEMVShape(rows: 0, columns: 32), .f32), (GEMVShape(rows: 3, columns: -32), .q4),
            (GEMVShape(rows: 1 << 40, columns: 32), .f16),
        ]
        for (shape, format) in shapes {
            let error = #expect(throws: TrialFailure.self) {
                try Here.prepare(.gemv(shape, format.precision), isa: "scalar")
            }
            #expect(error?.status == .unsupported, "\(shape)")
        }
        let huge = Workload.gemv(GEMVShape(rows: 1 << 20, columns: 1 << 20), .f32)
        let error = #expect(throws: TrialFailure.self) { try Here.prepare(huge, isa: "scalar") }
        #expect(error?.status == .skipped && error?.reason.contains("GiB available") == true)
    }
}

/// Matrix times vector through the C interface: both layouts of blocks, copies in turn, teams of several sizes.
@Suite struct GEMVInterfaceTests {
    private static let keys: [UInt32] = (0..<6).map { SeededData.key(seed: 9, stream: $0) }

    /// The weights of a row as its bytes say.
    private func dequantised(_ bytes: [UInt8], _ format: WeightFormat) -> [Float] {
        func half(_ at: Int) -> UInt16 { UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8 }
        switch format {
        case .f32:
            return stride(from: 0, to: bytes.count, by: 4).map {
                Float(bitPattern: UInt32(half($0)) | UInt32(half($0 + 2)) << 16)
            }
        case .f16: return stride(from: 0, to: bytes.count, by: 2).map { Float(Float16(bitPattern: half($0))) }
        case .bf16: return stride(from: 0, to: bytes.count, by: 2).map { SixteenBit.float(bf16Bits: half($0)) }
        case .q8, .q4:
            let size = format.bytes(of: 32)
            return stride(from: 0, to: bytes.count, by: size).flatMap { block -> [Float] in
                let scale = Float(Float16(bitPattern: half(block)))
                let weights = bytes[block + 2..<block + size]
                if format == .q8 { return weights.map { scale * Float(Int8(bitPattern: $0)) } }
                return weights.map { scale * (Float($0 % 16) - 8) } + weights.map { scale * (Float($0 / 16) - 8) }
            }
        }
    }

    private func check(
        _ shape: GEMVShape, _ format: WeightFormat, _ layout: nw_block_layout, _ data: GEMVOracle.Data, isa: String,
        threads: Int
    ) throws {
        let team = try TestTeam(threads: threads)
        let kind = [WeightFormat.f32: NW_WEIGHT_F32, .f16: NW_WEIGHT_F16, .bf16: NW_WEIGHT_BF16, .q8: NW_WEIGHT_Q8_0]
        let bytes = format.bytes(of: shape.columns)
        var gemv: OpaquePointer?
        let status = nw_gemv_create(
            team.handle, try kernels(isa), kind[format] ?? NW_WEIGHT_Q4_0, layout, Int64(shape.rows),
            Int64(shape.columns), 3 * bytes * shape.rows, &gemv)
        defer { nw_gemv_destroy(gemv) }
        #expect(status == NW_OK && nw_gemv_copies(gemv) == 3)
        #expect(nw_gemv_fill(gemv, data == .random ? NW_WEIGHTS_RANDOM : NW_WEIGHTS_INTEGER, Self.keys) == NW_OK)
        let x = GEMVOracle.integerVector(columns: shape.columns, format: format, key: 77)
        for (repetitions, copy) in [(1, 0), (1, 1), (4, 2)] {
            var y = [Float](repeating: .nan, count: shape.rows)
            #expect(nw_gemv_run(gemv, x, &y, Int64(repetitions), nil) == NW_OK)
            #expect(nw_gemv_last_copy(gemv) == copy)
            let oracle = GEMVOracle(
                shape: shape, format: format, data: data,
                keys: (weights: Self.keys[2 * copy], scales: Self.keys[2 * copy + 1]))
            let outcome =
                data == .random
                ? GEMVCheck.sampled(oracle, rows: Array(0..<shape.rows), seed: 1, x: x, y: y)
                : GEMVCheck.integers(oracle, x: x, y: y)
            #expect(outcome.passed, "\(isa) \(format) \(shape), \(threads) threads: \(outcome.detail ?? "")")
            var row = [UInt8](repeating: 0, count: bytes)
            #expect(nw_gemv_read_row(gemv, Int32(copy), Int64(shape.rows - 1), &row) == NW_OK)
            #expect(dequantised(row, format) == oracle.row(shape.rows - 1), "\(isa) \(format) stored bits")
        }
    }

    @Test(arguments: WeightFormat.allCases) func layoutsThreadsAndCopies(format: WeightFormat) throws {
        let shape = GEMVShape(rows: 53, columns: format.isBlocked ? 2_144 : 2_111)
        for isa in Here.instructionSets {
            for threads in 1...3 {
                for layout in [NW_BLOCKS_PANELS, NW_BLOCKS_GGML] {
                    try check(shape, format, layout, .integers, isa: isa, threads: threads)
                    try check(shape, format, layout, .random, isa: isa, threads: threads)
                }
            }
        }
    }

    @Test func impossibleArgumentsAreRefused() throws {
        let team = try TestTeam(threads: 1)
        let isa = try kernels("scalar")
        var gemv: OpaquePointer?
        for (rows, columns) in [(0, 32), (4, 0), (4, 33), (-1, 32)] as [(Int64, Int64)] {
            let status = nw_gemv_create(
                team.handle, isa, NW_WEIGHT_Q4_0, NW_BLOCKS_PANELS, rows, columns, 0, &gemv)
            #expect(status == NW_INVALID_ARGUMENT)
        }
        #expect(nw_gemv_create(team.handle, isa, NW_WEIGHT_F32, NW_BLOCKS_PANELS, 2, 3, 0, &gemv) == NW_OK)
        defer { nw_gemv_destroy(gemv) }
        var row = [UInt8](repeating: 0, count: 12)
        #expect(nw_gemv_read_row(gemv, 1, 0, &row) == NW_INVALID_ARGUMENT)
        #expect(nw_gemv_read_row(gemv, 0, 2, &row) == NW_INVALID_ARGUMENT)
        var y: [Float] = [0, 0]
        #expect(nw_gemv_run(gemv, [1, 2, 3], &y, 0, nil) == NW_INVALID_ARGUMENT)
    }
}
