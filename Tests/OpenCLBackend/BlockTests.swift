import NodeModel
import OpenCLBackend
import Testing

/// The first device of this process's loader.
enum OpenCLDevice {
    /// Whether there is one.
    static let isThere = (try? OpenCLSession()) != nil

    /// Prepares a workload with the kernels for a kind of device, and little data in turn.
    static func prepare<Prepared>(_ workload: Workload, _ kernels: DeviceKind, as type: Prepared.Type) throws
        -> Prepared
    {
        let session = try OpenCLSession(kernels: kernels, rotatedBytes: 1 << 20)
        return try #require(try session.prepare(workload, seed: 11) as? Prepared)
    }

    static func verify(_ workload: Workload, _ kernels: DeviceKind) throws {
        let prepared = try prepare(workload, kernels, as: (any PreparedWorkload).self)
        for runs in [0, 3] {
            if runs > 0 { #expect(try prepared.run(repetitions: runs).repetitions == runs) }
            let outcome = try prepared.verify()
            #expect(outcome.passed, "\(workload) \(kernels): \(outcome.detail ?? "")")
            #expect(outcome.worst <= 1)
        }
    }
}

/// The parts of an LLM's step, with the kernels for processors and those for GPUs: any shape, and what must hold of each
/// whatever the data.
@Suite(
    .serialized,
    .enabled(if: OpenCLDevice.isThere, "there is no OpenCL device; `apt-get install pocl-opencl-icd` brings one"))
struct BlockTests {
    private static let styles: [DeviceKind] = [.cpu, .gpu]
    private static let rows = [(1, 1), (1, 7), (3, 16), (5, 33), (40, 256), (2, 5_000)].map {
        RowsShape(rows: $0.0, columns: $0.1)
    }

    @Test(arguments: rows, styles) func rowsOfAnyShapeAreRight(_ shape: RowsShape, _ kernels: DeviceKind) throws {
        try OpenCLDevice.verify(.softmax(shape), kernels)
        try OpenCLDevice.verify(.rmsnorm(shape), kernels)
    }

    private func random(_ count: Int, stream: UInt32, scale: Float = 1) -> [Float] {
        (0..<count).map { scale * SeededData.uniform(key: SeededData.key(seed: 3, stream: stream), index: UInt32($0)) }
    }

    @Test(arguments: styles) func softmaxKnowsNoShift(_ kernels: DeviceKind) throws {
        let shape = RowsShape(rows: 6, columns: 100)
        let workload = try OpenCLDevice.prepare(.softmax(shape), kernels, as: RowsWorkload.self)
        // Quarters, so that shifting by 64 rounds nothing.
        let x = random(600, stream: 1, scale: 32).map { ($0 * 4).rounded() / 4 }
        let first = try workload.apply(x)
        let second = try workload.apply(x.map { $0 + 64 })
        #expect(zip(first, second).allSatisfy { abs($0 - $1) <= 1e-6 * abs($0) })
        for row in 0..<6 {
            let sum = first[row * 100..<(row + 1) * 100].reduce(0.0) { $0 + Double($1) }
            #expect(abs(sum - 1) < 1e-5)
        }
        // Of very different scores one takes all, and nothing overflows.
        var peaked = [Float](repeating: -3e4, count: 600)
        for row in 0..<6 { peaked[row * 100 + 7 * row] = 3e4 }
        let taken = try workload.apply(peaked)
        for row in 0..<6 { #expect(taken[row * 100 + 7 * row] == 1 && taken[row * 100 + 99] == 0) }
    }

    @Test(arguments: styles) func normKnowsNoScaleAndKeepsTheGain(_ kernels: DeviceKind) throws {
        let shape = RowsShape(rows: 4, columns: 144)
        let workload = try OpenCLDevice.prepare(.rmsnorm(shape), kernels, as: RowsWorkload.self)
        let x = random(4 * 144, stream: 2, scale: 16)
        let first = try workload.apply(x)
        let second = try workload.apply(x.map { $0 * 1_024 })
        #expect(zip(first, second).allSatisfy { abs($0 - $1) <= 1e-5 * abs($0) + 1e-6 })
        // Of ones nothing is left but the gain.
        let ones = try workload.apply([Float](repeating: 1, count: 4 * 144))
        #expect(ones.indices.allSatisfy { abs(ones[$0] - workload.gains[$0 % 144]) < 1e-4 })
    }

    @Test(arguments: [Precision.bf16, .f16], styles)
    func attentionOfAnyShapeIsRight(_ format: Precision, _ kernels: DeviceKind) throws {
        // Heads with and without mates, odd widths; one position, part of a tile, and several runs to be merged.
        for (heads, groups, width, tokens) in [
            (4, 2, 16, 1), (4, 4, 32, 37), (8, 1, 64, 130), (6, 2, 80, 1_000), (12, 1, 128, 333), (2, 1, 128, 2_049),
        ] {
            let shape = AttentionShape(
                heads: heads, keyValueHeads: groups, headDimension: width, contextTokens: tokens)
            try OpenCLDevice.verify(.attention(shape, format), kernels)
        }
    }

    private static let shape = AttentionShape(heads: 4, keyValueHeads: 2, headDimension: 32, contextTokens: 500)

    private func attention(_ kernels: DeviceKind) throws -> AttentionWorkload {
        try OpenCLDevice.prepare(.attention(Self.shape, .f16), kernels, as: AttentionWorkload.self)
    }

    private func halves(_ values: [Float]) -> [UInt16] { values.map { Float16($0).bitPattern } }

    @Test(arguments: styles) func constantValuesComeThrough(_ kernels: DeviceKind) throws {
        let count = Self.shape.keyValueWidth * 500
        let found = try attention(kernels).apply(
            query: random(128, stream: 3, scale: 9), keys: halves(random(count, stream: 4)),
            values: halves([Float](repeating: 0.375, count: count)))
        #expect(found.allSatisfy { abs($0 - 0.375) < 1e-6 })
    }

    @Test(arguments: styles) func oneScoreTakesAll(_ kernels: DeviceKind) throws {
        let width = Self.shape.keyValueWidth
        let values = random(width * 500, stream: 5)
        for position in [0, 63, 64, 250, 499] {
            var keys = [Float](repeating: 0, count: width * 500)
            for column in 0..<width { keys[position * width + column] = 100 }
            let found = try attention(kernels).apply(
                query: [Float](repeating: 1, count: 128), keys: halves(keys), values: halves(values))
            for (index, value) in found.enumerated() {
                let column = index / 64 * 32 + index % 32
                #expect(value == Float(Float16(values[position * width + column])), "\(position), \(index)")
            }
        }
    }

    @Test(arguments: styles) func theOrderOfPositionsDoesNotMatter(_ kernels: DeviceKind) throws {
        let width = Self.shape.keyValueWidth
        let (keys, values) = (halves(random(width * 500, stream: 6)), halves(random(width * 500, stream: 7)))
        func permuted(_ cache: [UInt16]) -> [UInt16] {
            (0..<500).flatMap { position -> ArraySlice<UInt16> in
                let from = position * 213 % 500
                return cache[from * width..<(from + 1) * width]
            }
        }
        let workload = try attention(kernels)
        let query = random(128, stream: 8, scale: 6)
        let first = try workload.apply(query: query, keys: keys, values: values)
        let second = try workload.apply(query: query, keys: permuted(keys), values: permuted(values))
        #expect(zip(first, second).allSatisfy { abs($0 - $1) < 2e-5 })
        #expect(first.contains { abs($0) > 0.01 })
    }

    @Test func impossibleShapesAreUnsupported() throws {
        let session = try OpenCLSession()
        let bad = [
            AttentionShape(heads: 5, keyValueHeads: 2, headDimension: 32, contextTokens: 4),
            AttentionShape(heads: 4, keyValueHeads: 2, headDimension: 24, contextTokens: 4),
            AttentionShape(heads: 4, keyValueHeads: 2, headDimension: 32, contextTokens: 0),
        ]
        let workloads =
            bad.map { Workload.attention($0, .f16) } + [.attention(Self.shape, .f32)]
            + [.softmax(RowsShape(rows: 0, columns: 4))]
        for workload in workloads {
            let failure = #expect(throws: TrialFailure.self) { try session.prepare(workload, seed: 1) }
            #expect(failure?.status == .unsupported, "\(workload)")
        }
    }
}

/// What passes between the host and a device.
@Suite(
    .serialized,
    .enabled(if: OpenCLDevice.isThere, "there is no OpenCL device; `apt-get install pocl-opencl-icd` brings one"))
struct TransferTests {
    @Test(arguments: HostCopy.Direction.allCases, HostCopy.Pages.allCases)
    func everyByteArrives(_ direction: HostCopy.Direction, _ pages: HostCopy.Pages) throws {
        for bytes in [4, 4_100, 3 << 20] {
            try OpenCLDevice.verify(.transfer(HostCopy(direction, pages: pages, bytes: bytes)), .cpu)
        }
    }

    @Test(arguments: LaunchMode.allCases) func everyLaunchIsCounted(_ mode: LaunchMode) throws {
        try OpenCLDevice.verify(.launch(mode), .cpu)
        let session = try OpenCLSession()
        let workload = try session.prepare(.launch(mode), seed: 1)
        #expect(workload.work == Work(hops: 1))
        #expect(try workload.run(repetitions: 1_000).repetitions == 1_000)
        #expect(try workload.verify().passed)
    }

    @Test func oddSizesAreUnsupported() throws {
        let session = try OpenCLSession()
        for bytes in [0, 3, -4] {
            let copy = HostCopy(.write, pages: .pageable, bytes: bytes)
            let failure = #expect(throws: TrialFailure.self) { try session.prepare(.transfer(copy), seed: 1) }
            #expect(failure?.status == .unsupported)
        }
    }
}
