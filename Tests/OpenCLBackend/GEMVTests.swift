import NodeModel
import OpenCLBackend
import Testing

/// Matrix times vector on the first device of the loader, with the kernels for processors and those for GPUs.
@Suite(
    .serialized,
    .enabled(if: OpenCLDevice.isThere, "there is no OpenCL device; `apt-get install pocl-opencl-icd` brings one"))
struct GEMVTests {
    private func prepare(
        _ shape: GEMVShape, _ format: WeightFormat, _ kernels: DeviceKind, copies: Int = 3
    ) throws -> GEMVWorkload {
        let bytes = copies * format.bytes(of: shape.rows * shape.columns)
        let session = try OpenCLSession(kernels: kernels, rotatedBytes: bytes)
        return try #require(try session.prepare(.gemv(shape, format.precision), seed: 11) as? GEMVWorkload)
    }

    private static let styles: [DeviceKind] = [.cpu, .gpu]

    @Test(arguments: WeightFormat.allCases, styles)
    func productsOfAnyShapeAreRight(_ format: WeightFormat, _ kernels: DeviceKind) throws {
        for (rows, columns) in [(1, 32), (3, 64), (16, 96), (33, 1_024), (70, 2_144), (129, 416)] {
            try verify(GEMVShape(rows: rows, columns: columns), format, kernels)
        }
        guard !format.isBlocked else { return }
        for (rows, columns) in [(1, 1), (5, 7), (17, 2_111)] {
            try verify(GEMVShape(rows: rows, columns: columns), format, kernels)
        }
    }

    private func verify(_ shape: GEMVShape, _ format: WeightFormat, _ kernels: DeviceKind) throws {
        let workload = try prepare(shape, format, kernels)
        let before = try workload.verify()
        #expect(before.passed, "\(format) \(shape) \(kernels): \(before.detail ?? "")")
        #expect(try workload.run(repetitions: 4).repetitions == 4)
        let after = try workload.verify()
        #expect(after.passed, "\(format) \(shape) \(kernels): \(after.detail ?? "")")
        for check in ["exact on integers", "float64", "guard bands", "to the bit"] {
            #expect(after.method.contains(check), "\(check) is not in \(after.method)")
        }
    }

    @Test(arguments: styles) func copiesAreUsedInTurn(_ kernels: DeviceKind) throws {
        let workload = try prepare(GEMVShape(rows: 40, columns: 64), .f16, kernels)
        let copies = workload.copies
        #expect(copies >= 2)
        for (repetitions, last) in [(1, 0), (1, 1), (copies, 1), (copies + 1, 2 % copies)] {
            _ = try workload.run(repetitions: repetitions)
            #expect(workload.lastCopy == last)
            let result = try workload.result()
            #expect(workload.verification(of: result, copy: last).passed)
            #expect(!workload.verification(of: result, copy: (last + 1) % copies).passed)
        }
    }

    @Test(arguments: WeightFormat.allCases, styles)
    func wrongWeightsAreCaught(_ format: WeightFormat, _ kernels: DeviceKind) throws {
        let workload = try prepare(GEMVShape(rows: 40, columns: 96), format, kernels, copies: 1)
        #expect(try workload.verify().passed)
        // The integers' check fills the first copy anew, so the fault is planted beside a run of one's own.
        try workload.corrupt(copy: 0, word: 5, flipping: 0x2010_2010)
        _ = try workload.run(repetitions: 1)
        let outcome = try workload.verify()
        #expect(!outcome.passed, "\(format) \(kernels)")
        #expect(outcome.detail != nil)
        #expect(try workload.verify().passed)
    }

    @Test func weightsAreCountedAsTheyAreStored() throws {
        let shape = GEMVShape(rows: 66, columns: 1_024)
        let expected = [WeightFormat.f32: 270_336, .f16: 135_168, .bf16: 135_168, .q8: 71_808, .q4: 38_016]
        for (format, bytes) in expected {
            let workload = try prepare(shape, format, .gpu)
            #expect(workload.work.bytes == Double(bytes) && workload.work.flops == Flops(135_168))
            #expect(workload.notes[TrialRecord.paddingNote] == nil)
        }
        #expect(try prepare(GEMVShape(rows: 5, columns: 64), .q8, .cpu).notes[TrialRecord.paddingNote] != nil)
    }

    @Test func impossibleShapesAndFormatsAreUnsupported() throws {
        let session = try OpenCLSession()
        let plans: [(GEMVShape, Precision)] = [
            (GEMVShape(rows: 4, columns: 40), .q8), (GEMVShape(rows: 4, columns: 16), .q4),
            (GEMVShape(rows: 0, columns: 32), .f32), (GEMVShape(rows: 4, columns: 32), .i8),
        ]
        for (shape, precision) in plans {
            let failure = #expect(throws: TrialFailure.self) { try session.prepare(.gemv(shape, precision), seed: 1) }
            #expect(failure?.status == .unsupported, "\(shape) \(precision)")
        }
        let huge = Workload.gemv(GEMVShape(rows: 1 << 20, columns: 1 << 20), .f32)
        let failure = #expect(throws: TrialFailure.self) { try session.prepare(huge, seed: 1) }
        #expect(failure?.status == .skipped)
    }
}
