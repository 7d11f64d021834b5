public import FoundationEssentials
public import NodeModel

/// The language-model shapes that can be named on the command line.
public struct ModelCatalogue: Hashable, Sendable {
    /// The shapes by the stem of their file, such as `tinyllama-1.1b`.
    public private(set) var shapes: [String: ModelShape] = [:]

    /// Creates an empty catalogue.
    public init() {}

    /// Reads a model file.
    ///
    /// - Parameters:
    ///   - data: A JSON object with the keys of ``ModelShape`` in snake_case and no others; those of its optional
    ///     properties may be left out.
    ///   - name: The file's name, for errors.
    /// - Returns: The shape, checked.
    /// - Throws: ``InputError`` naming the key that is missing, wrong, unknown or there twice.
    public static func parse(_ data: Data, named name: String) throws -> ModelShape {
        try ModelDocument.check(data, named: name)
        let shape = try JSONDocument.decode(ModelShape.self, from: data, named: name)
        try shape.validate(source: name)
        for (key, value) in [("name", shape.name), ("source", shape.source)]
            + (shape.unsupported ?? []).map({ ("unsupported", $0) })
        {
            guard !value.isEmpty, value.utf8.count <= 1_000, !value.hasControlCharacters else {
                throw InputError(
                    source: name, place: key, problem: "expected up to 1000 bytes of text without control characters")
            }
        }
        return shape
    }

    /// Adds a shape under its file's stem.
    ///
    /// - Parameters:
    ///   - shape: The shape.
    ///   - stem: The file's name without directory and extension.
    public mutating func add(_ shape: ModelShape, stem: String) { shapes[stem] = shape }

    /// The names that ``lookup(_:)`` knows, in alphabetical order.
    public var names: [String] { shapes.keys.sorted() }

    /// Finds a shape by its file's stem or its own name.
    ///
    /// - Parameter name: The name, in any case.
    /// - Returns: The shape.
    /// - Throws: ``UsageError`` with suggestions when there is no such model.
    public func lookup(_ name: String) throws -> ModelShape {
        let wanted = name.lowercased()
        let match = shapes.sorted { $0.key < $1.key }
            .first { $0.key.lowercased() == wanted || $0.value.name.lowercased() == wanted }
        if let match { return match.value }
        let hint = Suggestions.sentence(name, among: names)
        throw UsageError(
            "unknown model '\(name)'; name a known one or a JSON file" + (hint.map { ". \($0)" } ?? ""))
    }
}
