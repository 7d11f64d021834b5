public import FoundationEssentials

/// The one way this project writes and reads JSON: snake_case keys, sorted, base units, no escaped slashes.
public enum JSONDocument {
    /// Encodes a value as one JSON document.
    ///
    /// - Parameters:
    ///   - value: What to encode. A number that is not finite is an error, never `0`.
    ///   - pretty: Whether to indent the document for people.
    /// - Returns: UTF-8 text without a final newline.
    /// - Throws: `EncodingError` when a value cannot be written as JSON.
    public static func encode(_ value: some Encodable, pretty: Bool = true) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting =
            pretty ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    /// Encodes a value as JSON text.
    ///
    /// - Parameters:
    ///   - value: What to encode.
    ///   - pretty: Whether to indent the document for people.
    /// - Returns: The text without a final newline.
    /// - Throws: `EncodingError` when a value cannot be written as JSON.
    public static func text(_ value: some Encodable, pretty: Bool = true) throws -> String {
        String(decoding: try encode(value, pretty: pretty), as: UTF8.self)
    }

    /// Decodes one JSON document.
    ///
    /// - Parameters:
    ///   - type: What the document holds.
    ///   - data: UTF-8 JSON text.
    ///   - name: The file or source that the error names.
    /// - Returns: The decoded value.
    /// - Throws: ``InputError`` naming the source and the key at fault.
    public static func decode<Value: Decodable>(_ type: Value.Type, from data: Data, named name: String) throws -> Value
    {
        let decoder = JSONDecoder()
        // Foundation's own conversion reads `co2e` as `Co2E`, which does not come back from what it wrote.
        decoder.keyDecodingStrategy = .custom { path in Key(snakeCase: path.last?.stringValue ?? "") }
        do {
            return try decoder.decode(type, from: data)
        } catch let error as DecodingError {
            throw InputError(source: name, decoding: error)
        }
    }
}

extension JSONDocument {
    /// A property's name as the key that documents have: `keyValueHeads` is `key_value_heads`.
    package static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { key, character in
            if character.isUppercase, !key.isEmpty { key.append("_") }
            key += character.lowercased()
        }
    }
}

/// A JSON key turned into a property's name.
private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(snakeCase key: String) {
        let words = key.split(separator: "_")
        let rest = words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }
        stringValue = ([words.first.map(String.init) ?? key] + rest).joined()
    }

    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension InputError {
    /// Describes a decoding failure by the path of the key at fault.
    init(source: String, decoding error: DecodingError) {
        func path(_ context: DecodingError.Context) -> String {
            let keys = context.codingPath.map { key in
                key.intValue.map { "[\($0)]" } ?? JSONDocument.snakeCase(key.stringValue)
            }
            return keys.isEmpty ? "top level" : keys.joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context):
            let name = JSONDocument.snakeCase(key.stringValue)
            self.init(source: source, place: path(context), problem: "the key '\(name)' is missing")
        case .typeMismatch(let type, let context):
            self.init(source: source, place: path(context), problem: "expected \(type)")
        case .valueNotFound(let type, let context):
            self.init(source: source, place: path(context), problem: "expected \(type), found null")
        case .dataCorrupted(let context):
            self.init(source: source, place: path(context), problem: context.debugDescription)
        @unknown default:
            self.init(source: source, place: "top level", problem: "\(error)")
        }
    }
}
