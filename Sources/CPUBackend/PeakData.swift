import Analysis
package import CPUKernels
package import NodeModel

/// What a peak starts from, and how its results are checked.
package protocol PeakData {
    /// The bytes of the starts and of the operands of all threads.
    var starts: [UInt8] { get }
    var operands: [UInt8] { get }

    /// Checks the bytes the kernel left.
    func verification(of results: [UInt8], steps: Int) -> Verification
}

/// Makes the data of a peak of some format.
///
/// - Parameters:
///   - precision: The format.
///   - layout: How the kernel wants chains and operands.
///   - threads: Threads, each with chains of its own.
///   - seed: The seed of the run.
///   - fused: Whether multiply-adds are rounded once.
/// - Returns: The starts and operands, and their check.
package func makePeakData(_ precision: Precision, _ layout: nw_peak_layout, threads: Int, seed: UInt32, fused: Bool)
    -> any PeakData
{
    switch precision {
    case .f64: makeMultiplyAddData(of: Double.self, layout, threads: threads, seed: seed, fused: fused)
    case .f16: makeMultiplyAddData(of: Float16.self, layout, threads: threads, seed: seed, fused: fused)
    case .f32: makeMultiplyAddData(of: Float.self, layout, threads: threads, seed: seed, fused: fused)
    case .bf16, .i8, .q8, .q4: DotData(precision, layout, threads: threads, seed: seed)
    }
}

private func makeMultiplyAddData<Value: BinaryFloatingPoint>(
    of type: Value.Type, _ layout: nw_peak_layout, threads: Int, seed: UInt32, fused: Bool
) -> any PeakData {
    layout.lanes == 0
        ? RecurrenceData<Value>(layout, threads: threads, seed: seed, fused: fused)
        : SumData<Value>(layout, threads: threads, seed: seed)
}

extension nw_peak_layout {
    /// Where the factors lie whose products a step adds to a chain: places among one thread's operands.
    fileprivate func factors(ofChain chain: Int) -> [(first: Int, second: Int)] {
        let (lanes, depth, first) = (Int(lanes), Int(depth), Int(first))
        let (vector, lane) = (chain / lanes, chain % lanes)
        // A vector is so many square matrices; see nodewatt_peak.h.
        let (matrix, row, column) = (lane / (depth * depth) * depth * depth, lane / depth % depth, lane % depth)
        let firstBase = vector % first * lanes + matrix
        let secondBase = (first + vector % Int(second)) * lanes + matrix
        return (0..<depth).map { (firstBase + row * depth + $0, secondBase + $0 * depth + column) }
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

/// Chains of x ← x + a·b.
private struct SumData<Value: BinaryFloatingPoint>: PeakData {
    private let first: [Value]
    private let distinct: [Value]
    private let factors: [(Value, Value)]

    init(_ layout: nw_peak_layout, threads: Int, seed: UInt32) {
        let (chains, count) = (Int(layout.chains), Int(layout.operands))
        first = (0..<threads * chains).map { Value(PeakCheck.start(seed: seed, index: $0)) }
        let key = SeededData.key(seed: seed, stream: 0x9ea5)
        let distinct = (0..<threads * count).map { Value(SeededData.uniform(key: key, index: UInt32($0))) }
        factors = (0..<threads * chains).map { chain in
            let (base, place) = (chain / chains * count, layout.factors(ofChain: chain % chains)[0])
            return (distinct[base + place.first], distinct[base + place.second])
        }
        self.distinct = distinct
    }

    var starts: [UInt8] { bytes(of: first) }
    var operands: [UInt8] { bytes(of: distinct) }

    func verification(of results: [UInt8], steps: Int) -> Verification {
        PeakCheck.followSums(
            steps: steps, starts: first, factors: factors, results: elements(of: results, as: Value.self))
    }
}

/// Sums of dot products.
private struct DotData: PeakData {
    private let precision: Precision
    private let first: [Int]
    private let products: [Int]
    private let groups: [UInt32]

    init(_ precision: Precision, _ layout: nw_peak_layout, threads: Int, seed: UInt32) {
        let (chains, count) = (Int(layout.chains), Int(layout.operands))
        let firsts = Int(layout.first) * Int(layout.lanes)
        let groups = (0..<threads * count).map {
            DotPeakCheck.operand(
                precision, isFirst: $0 % count < firsts, seed: seed, index: $0, depth: Int(layout.depth))
        }
        let key = SeededData.key(seed: seed, stream: 0x9ea4)
        first = (0..<threads * chains).map { Int(SeededData.word(key: key, index: UInt32($0)) >> 16) }
        products = (0..<threads * chains).map { chain in
            let base = chain / chains * count
            return layout.factors(ofChain: chain % chains).reduce(0) { sum, place in
                sum
                    + DotPeakCheck.product(
                        precision, groups[base + place.first], groups[base + place.second],
                        signedFirst: layout.signed_first)
            }
        }
        self.groups = groups
        self.precision = precision
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
