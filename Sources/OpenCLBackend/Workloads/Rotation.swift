import NodeModel

/// How much data is gone through before any of it is used again, so that no cache serves it.
struct Rotation {
    /// Bytes, a lower bound.
    let bytes: Int

    /// So many bytes.
    init(bytes: Int) { self.bytes = bytes }

    /// A gibibyte, more where a device's caches are larger, less where its memory is small.
    ///
    /// - Parameters:
    ///   - device: The device; drivers say what they count as its cache.
    ///   - available: The host's available memory in bytes.
    init(for device: Device, available: Int? = MemoryGuard.availableHostBytes) {
        let cache = device.properties["global_cache_bytes"].flatMap { Int($0) } ?? 0
        var memory = device.memoryBytes > 0 ? device.memoryBytes : .max
        if device.kind == .cpu, let available { memory = min(memory, available) }
        bytes = min(max(8 * cache, 1 << 30), memory / 8)
    }

    /// How many copies of `size` bytes that takes.
    func copies(of size: Int) -> Int {
        let wanted = (bytes + size - 1) / max(size, 1)
        return min(max(wanted, 1), GEMVShape.mostCopies)
    }

    /// Makes so many copies, or as many as there is memory for.
    ///
    /// - Parameters:
    ///   - count: How many are wanted.
    ///   - make: Makes one and touches it: some devices find out only then that there is no memory left.
    /// - Returns: At least one.
    /// - Throws: What making the first one throws, and anything but a lack of memory.
    static func make<Value>(_ count: Int, _ make: (Int) throws -> Value) throws -> [Value] {
        var made: [Value] = []
        for index in 0..<count {
            do {
                made.append(try make(index))
            } catch let failure as TrialFailure where failure.status == .skipped && !made.isEmpty {
                // Half of what there was room for: a device without a byte to spare fails at the next launch.
                made.removeLast(made.count / 2)
                break
            }
        }
        return made
    }
}
