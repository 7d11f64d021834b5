/// The numbers that shape a kernel, by the names its source knows them by.
package struct KernelParameters: Hashable, Codable, Sendable, CustomStringConvertible {
    /// The values by name.
    package var values: [String: Int]

    /// Creates parameters.
    package init(_ values: [String: Int]) { self.values = values }

    package subscript(name: String) -> Int { values[name] ?? 0 }

    /// As macros, in the order of their names: `KC=2048 MR=6`.
    package var macros: [String] { values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } }

    /// The macros in one line.
    package var description: String { macros.joined(separator: " ") }

    // A plain object in JSON.
    package init(from decoder: any Decoder) throws {
        values = try decoder.singleValueContainer().decode([String: Int].self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(values)
    }
}

/// The ways a kernel can be shaped for a device.
package struct TuningSpace: Hashable, Sendable {
    /// The kernel's name in the cache.
    package var kernel: String
    /// Parameters chosen by hand for devices of the kind, the most likely first; never empty.
    package var seeds: [KernelParameters]
    /// The values each parameter may have, in ascending order; all seeds' values are among them.
    package var ladders: [String: [Int]]

    /// Creates a space.
    package init(kernel: String, seeds: [KernelParameters], ladders: [String: [Int]]) {
        (self.kernel, self.seeds, self.ladders) = (kernel, seeds, ladders)
    }

    /// Whether the parameters are of this space: the right names, each with a value it may have.
    package func contains(_ parameters: KernelParameters) -> Bool {
        Set(parameters.values.keys) == Set(ladders.keys)
            && parameters.values.allSatisfy { ladders[$0.key]?.contains($0.value) == true }
    }

    /// Parameters that differ in one step of one value, in the order of the names.
    package func neighbours(of parameters: KernelParameters) -> [KernelParameters] {
        ladders.sorted { $0.key < $1.key }.flatMap { name, ladder -> [KernelParameters] in
            guard let index = ladder.firstIndex(of: parameters[name]) else { return [] }
            return [index - 1, index + 1].filter(ladder.indices.contains).map { next in
                var result = parameters
                result.values[name] = ladder[next]
                return result
            }
        }
    }
}
