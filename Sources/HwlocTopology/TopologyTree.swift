import HostProbe
import NodeModel

/// Writes the hardware tree in indented lines, chains of only children in one line.
struct TopologyTree {
    /// Whether three or more neighbours that are alike share one line.
    let collapsing: Bool

    /// What a subtree without memory in it looks like, for merging it with its neighbours.
    private struct Shape {
        /// The labels without numbers; neighbours that share it are alike.
        var signature: String
        /// The subtree in one line, where it needs no more.
        var line: String?
        var cores: [Int]
        var threads: [Int]
    }

    /// The lines of a tree.
    func lines(_ object: TopologyObject, depth: Int = 0) -> [String] {
        let indent = String(repeating: "  ", count: depth)
        if let line = shape(object)?.line { return [indent + line] }
        let chain = chain(from: object)
        let last = chain[chain.count - 1]
        let own = indent + chain.map(label).joined(separator: " + ")
        let memory = last.memoryChildren.flatMap { lines($0, depth: depth + 1) }
        return [own] + memory + children(last.children, depth: depth + 1)
    }

    /// The lines of neighbours, runs of three or more that are alike merged.
    private func children(_ objects: [TopologyObject], depth: Int) -> [String] {
        var result: [String] = []
        var index = 0
        while index < objects.count {
            let first = shape(objects[index])
            let run = objects[index...].prefix { first != nil && shape($0)?.signature == first?.signature }
            if collapsing, run.count >= 3 {
                result.append(String(repeating: "  ", count: depth) + merged(run.compactMap(shape)))
                index += run.count
            } else {
                result += lines(objects[index], depth: depth)
                index += 1
            }
        }
        return result
    }

    private func merged(_ run: [Shape]) -> String {
        let cores = run.flatMap(\.cores)
        let threads = run.flatMap(\.threads)
        let numbers = [
            cores.isEmpty ? nil : "cores \(CPUList.format(cores))",
            threads.isEmpty ? nil : "threads \(CPUList.format(threads))",
        ].compactMap(\.self)
        return "\(run.count) × (\(run[0].signature)): \(numbers.joined(separator: ", "))"
    }

    /// The shape of a subtree; `nil` where it holds memory or a package, or its parts are not alike.
    private func shape(_ object: TopologyObject) -> Shape? {
        guard object.kind != .machine, object.kind != .package else { return nil }
        let chain = chain(from: object)
        let last = chain[chain.count - 1]
        guard chain.allSatisfy({ $0.memoryChildren.isEmpty }) else { return nil }
        let parts = last.children.compactMap(shape)
        guard parts.count == last.children.count, Set(parts.map(\.signature)).count <= 1 else { return nil }
        let cores = chain.filter { $0.kind == .core }.map(\.logicalIndex) + parts.flatMap(\.cores)
        let threads = last.kind == .thread ? [last].compactMap(\.osIndex) : parts.flatMap(\.threads)
        let labels = chain.map(label)
        let signature = chain.map(bareLabel)
        guard let part = parts.first else {
            return Shape(
                signature: signature.joined(separator: " + "), line: labels.joined(separator: " + "), cores: cores,
                threads: threads)
        }
        // A core's threads are named on its line, anything larger gets lines of its own.
        let allThreads = last.children.allSatisfy { $0.kind == .thread }
        let inner = allThreads ? "\(parts.count) threads" : "\(parts.count) × (\(part.signature))"
        return Shape(
            signature: (signature + [inner]).joined(separator: " + "),
            line: allThreads ? (labels + ["threads \(CPUList.format(threads))"]).joined(separator: " + ") : nil,
            cores: cores, threads: threads)
    }

    /// An object and its only children, as far as they share a line.
    private func chain(from object: TopologyObject) -> [TopologyObject] {
        var chain = [object]
        while let last = chain.last, last.kind != .machine, last.kind != .package, last.memoryChildren.isEmpty,
            last.children.count == 1
        {
            chain += last.children
        }
        return chain
    }

    /// The label with the object's number.
    private func label(_ object: TopologyObject) -> String {
        let bare = bareLabel(object)
        switch object.kind {
        case .machine: return [bare, object.name].compactMap(\.self).joined(separator: " ")
        case .package: return "\(bare) \(object.logicalIndex)" + (object.name.map { ": \($0)" } ?? "")
        case .die, .group, .core: return "\(bare) \(object.logicalIndex)"
        case .thread: return "\(bare) \(object.osIndex ?? object.logicalIndex)"
        case .numaNode:
            let processors = object.threads.isEmpty ? " (no processors)" : ""
            let size = object.memoryBytes.map { ", \(TopologyText.bytes($0))" } ?? ""
            return "\(bare) \(object.osIndex ?? object.logicalIndex)\(size)\(processors)"
        default: return bare
        }
    }

    /// The label without a number, the same for objects that are alike.
    private func bareLabel(_ object: TopologyObject) -> String {
        let name = Self.names[object.kind] ?? object.kind.rawValue
        return object.cacheBytes.map { $0 > 0 ? "\(name) \(TopologyText.bytes($0))" : name } ?? name
    }

    private static let names: [TopologyObjectKind: String] = [
        .machine: "Machine", .package: "Package", .die: "Die", .group: "Group", .core: "Core", .thread: "thread",
        .l1Cache: "L1d", .l2Cache: "L2", .l3Cache: "L3", .l4Cache: "L4", .l5Cache: "L5", .l1InstructionCache: "L1i",
        .l2InstructionCache: "L2i", .l3InstructionCache: "L3i", .memorySideCache: "Memory-side cache",
        .numaNode: "NUMA node",
    ]
}
