import Analysis
import CPUBackend
import NodeModel
import Testing

@Suite struct PeakTests {
    @Test(arguments: [Precision.f64, .f32, .f16, .bf16, .i8])
    func everyInstructionSetIsExact(precision: Precision) throws {
        for name in Here.instructionSets {
            guard let workload = try peak(precision, isa: name) else { continue }
            _ = try workload.run(repetitions: 2)
            let outcome = try workload.verify()
            #expect(outcome.passed, "\(name): \(outcome.detail ?? "")")
            #expect(workload.notes["isa"] == name)
            #expect((workload.work.flops?.rawValue ?? 0) > 0)
        }
    }

    @Test(arguments: [Precision.f64, .f32, .f16, .bf16, .i8])
    func oneWrongBitIsCaught(precision: Precision) throws {
        for name in Here.instructionSets {
            guard let workload = try peak(precision, isa: name) else { continue }
            _ = try workload.run(repetitions: 2)
            var results = workload.results
            #expect(workload.verification(of: results).passed)
            results[0] ^= 1
            #expect(!workload.verification(of: results).passed, "\(name) \(precision)")
            #expect(!workload.verification(of: Array(results.dropLast(8))).passed)
        }
    }

    /// `nil` where the instruction set does not have the arithmetic: then it must say so.
    private func peak(_ precision: Precision, isa: String) throws -> PeakWorkload? {
        do {
            return try #require(try Here.prepare(.peak(precision), isa: isa) as? PeakWorkload)
        } catch let failure as TrialFailure {
            #expect(failure.status == .unsupported && failure.reason.contains(isa))
            #expect(precision != .f64 && precision != .f32)
            return nil
        }
    }
}

@Suite struct ProductTests {
    private static let shapes = [
        GEMMShape(m: 1, n: 1, k: 1), GEMMShape(m: 7, n: 13, k: 5), GEMMShape(m: 33, n: 129, k: 65),
        GEMMShape(m: 200, n: 70, k: 1030), GEMMShape(m: 28, n: 64, k: 512),
    ]

    @Test(arguments: [Precision.f32, .f16, .bf16, .i8])
    func everyInstructionSetMultipliesOddShapes(precision: Precision) throws {
        for name in Here.instructionSets {
            for shape in Self.shapes {
                let workload = try Here.prepare(.gemm(shape, precision), isa: name)
                _ = try workload.run(repetitions: 2)
                let outcome = try workload.verify()
                #expect(outcome.passed, "\(name) \(shape): \(outcome.detail ?? "")")
                #expect(outcome.method.contains("Freivalds") && outcome.method.contains("to the bit"))
            }
        }
    }

    @Test(arguments: [Precision.f32, .f16, .bf16, .i8])
    func oneWrongElementIsCaught(precision: Precision) throws {
        let shape = GEMMShape(m: 16, n: 16, k: 40)
        let workload = try #require(
            try Here.prepare(.gemm(shape, precision), isa: Here.instructionSets[0]) as? ProductWorkload)
        _ = try workload.run(repetitions: 1)
        var result = workload.result
        #expect(workload.verification(of: result).passed)
        result[255] = precision == .i8 ? result[255] + 1 : (Float(bitPattern: result[255]) + 0.01).bitPattern
        #expect(!workload.verification(of: result).passed)
        result = workload.result
        result[100] = Float.nan.bitPattern
        #expect(!workload.verification(of: result).passed)
        #expect(!workload.verification(of: []).passed)
    }

    @Test func noDoubleProduct() {
        let error = #expect(throws: TrialFailure.self) {
            try Here.prepare(.gemm(GEMMShape(m: 4, n: 4, k: 4), .f64), isa: "scalar")
        }
        #expect(error?.status == .unsupported)
    }
}
