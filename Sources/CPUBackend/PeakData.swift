import Analysis
import CPUKernels
import NodeModel

/// What a peak starts from, and how its results are checked.
protocol PeakData {
    /// The bytes of the starts and of the operands of all threads.
    var starts: [UInt8] { get }
    var operands: [UInt8] { get }

    /// Checks the bytes the kernel left.
    func verification(of results: [UInt8], steps: Int) -> Verification
}

/// Makes the data of a peak of some format.
func makePeakData(_ precision: Precision, _ layout: nw_peak_layout, threads: Int, seed: UInt32, fused: Bool)
    -> any PeakData
{
    switch precision {
    case .f64: RecurrenceData<Double>(layout, threads: threads, seed: seed, fused: fused)
    case .f16: RecurrenceData<Float16>(layout, threads: threads, seed: seed, fused: fused)
    case .f32: RecurrenceData<Float>(layout, threads: threads, seed: seed, fused: fused)
    case .bf16, .i8, .q8, .q4: DotData(precision, layout, threads: threads, seed: seed)
    }
}

/// The bytes of an array's elements.
private func bytes<Element>(of array: [Element]) -> [UInt8] { array.withUnsafeBytes(Array.init) }

/// The elements some bytes are.
private func elements<Element>(of bytes: [UInt8], as type: Element.Type) -> [Element] {
    bytes.withUnsafeBytes { raw in
        (0..<raw.count / MemoryLayout<Element>.stride).map {
            raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.stride, as: type)
        }
    }
}

/// Chains of x ← x·x + c.
private struct RecurrenceData<Value: BinaryFloatingPoint>: PeakData {
    private let first: [Value]
    /// The addend of each chain, and those the kernel gets: several chains share one.
    private let addends: [Value]
    private let distinct: [Value]
    private let fused: Bool

    init(_ layout: nw_peak_layout, threads: Int, seed: UInt32, fused: Bool) {
        let (chains, constants) = (Int(layout.chains), Int(layout.operands))
        let distinct = (0..<threads * constants).map { Value(PeakCheck.addend(seed: seed, index: $0)) }
        first = (0..<threads * chains).map { Value(PeakCheck.start(seed: seed, index: $0)) }
        addends = (0..<threads * chains).map { distinct[$0 / chains * constants + $0 % chains % constants] }
        self.distinct = distinct
        self.fused = fused
    }

    var starts: [UInt8] { bytes(of: first) }
    var operands: [UInt8] { bytes(of: distinct) }

    func verification(of results: [UInt8], steps: Int) -> Verification {
        PeakCheck.follow(
            steps: steps, starts: first, addends: addends, results: elements(of: results, as: Value.self), fused: fused)
    }
}

/// Sums of dot products.
private struct DotData: PeakData {
    private let precision: Precision
    private let first: [Int]
    private let products: [Int]
    private let groups: [UInt32]

    init(_ precision: Precision, _ layout: nw_peak_layout, threads: Int, seed: UInt32) {
        let (chains, lanes) = (Int(layout.chains), Int(layout.lanes))
        let (a, b) = (Int(layout.first) * lanes, Int(layout.second) * lanes)
        let groups = (0..<threads * (a + b)).map {
            DotPeakCheck.operand(precision, isFirst: $0 % (a + b) < a, seed: seed, index: $0)
        }
        let key = SeededData.key(seed: seed, stream: 0x9ea4)
        first = (0..<threads * chains).map { Int(SeededData.word(key: key, index: UInt32($0)) >> 16) }
        products = (0..<threads * chains).map { chain in
            let base = chain / chains * (a + b)
            let (vector, lane) = (chain % chains / lanes, chain % lanes)
            return DotPeakCheck.product(
                precision, groups[base + vector % Int(layout.first) * lanes + lane],
                groups[base + a + vector % Int(layout.second) * lanes + lane])
        }
        self.precision = precision
        self.groups = groups
    }

    var starts: [UInt8] {
        precision == .bf16 ? bytes(of: first.map { Float($0) }) : bytes(of: first.map { Int32($0) })
    }
    var operands: [UInt8] { bytes(of: groups) }

    func verification(of results: [UInt8], steps: Int) -> Verification {
        let sums =
            precision == .bf16
            ? elements(of: results, as: Float.self).map { Int(exactly: $0) }
            : elements(of: results, as: Int32.self).map { Optional(Int($0)) }
        return DotPeakCheck.follow(precision, steps: steps, starts: first, products: products, results: sums)
    }
}
