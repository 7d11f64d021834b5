import FoundationEssentials
import NodeModel

/// What a decoder would pass over in a model's file, or refuse without saying where.
enum ModelDocument {
    /// The keys of each object of a model file, by the key that leads to it.
    private static let keys: [String: [String]] = [
        "": ModelShape.CodingKeys.allCases.map { JSONDocument.snakeCase($0.rawValue) },
        "rotary_scaling": RotaryScaling.CodingKeys.allCases.map { JSONDocument.snakeCase($0.rawValue) },
        "experts": ExpertShape.CodingKeys.allCases.map { JSONDocument.snakeCase($0.rawValue) },
    ]

    /// Checks a file's syntax, its keys and the kinds of its numbers.
    ///
    /// - Parameters:
    ///   - data: The file's content.
    ///   - name: The file's name, for errors.
    /// - Throws: ``InputError`` naming the key that is unknown, there twice, or no number of its kind.
    static func check(_ data: Data, named name: String) throws {
        // The syntax first: of anything but JSON the keys would be meaningless.
        _ = try JSONDocument.decode(AnyDocument.self, from: data, named: name)
        // Decoders take other encodings too, whose keys would not be seen here.
        guard String(validating: data, as: UTF8.self) != nil, !data.contains(0) else {
            throw InputError(source: name, place: "encoding", problem: "expected UTF-8 text")
        }
        for object in JSONKeys.all(in: data) { try check(object, named: name) }
        _ = try JSONDocument.decode(CheckedNumbers.self, from: data, named: name)
    }

    /// A key nobody reads is a figure that was meant to matter and does not.
    private static func check(_ object: JSONKeys, named name: String) throws {
        guard let known = keys[object.path] else { return }
        let prefix = object.path.isEmpty ? "" : object.path + "."
        if let key = object.duplicate {
            throw InputError(
                source: name, place: prefix + key.quoted(), problem: "is there twice", recovery: "Keep one of them")
        }
        if let key = object.keys.first(where: { !known.contains($0) }) {
            throw InputError(
                source: name, place: prefix + key.quoted(), problem: "is not a key of a model",
                recovery: Suggestions.sentence(key, among: known) ?? "Remove it")
        }
    }
}

/// Any JSON: decoding it checks the syntax.
private struct AnyDocument: Decodable {
    init(from decoder: any Decoder) throws {}
}

/// Numbers that are those of their keys; Foundation says "not valid JSON" of 8192.5 where a whole one is expected.
private struct CheckedNumbers: Decodable {
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private static let whole: Set<String> = [
        "layers", "hidden", "feedForward", "heads", "keyValueHeads", "headDimension", "vocabulary", "contextLength",
        "parameters", "activeParameters", "originalContext", "count", "perToken",
    ]
    private static let real: Set<String> = [
        "ropeTheta", "normEpsilon", "factor", "lowFrequencyFactor", "highFrequencyFactor",
    ]

    init(from decoder: any Decoder) throws { try Self.check(decoder.container(keyedBy: Key.self)) }

    private static func check(_ object: KeyedDecodingContainer<Key>) throws {
        for key in object.allKeys where (try? object.decodeNil(forKey: key)) == false {
            if let inner = try? object.nestedContainer(keyedBy: Key.self, forKey: key) { try check(inner) }
            let name = key.stringValue
            if whole.contains(name), (try? object.decode(Int.self, forKey: key)) == nil {
                throw DecodingError.dataCorruptedError(
                    forKey: key, in: object, debugDescription: "expected a whole number of at most 18 digits")
            }
            if real.contains(name), (try? object.decode(Double.self, forKey: key)) == nil {
                throw DecodingError.dataCorruptedError(
                    forKey: key, in: object, debugDescription: "expected a number up to 1e308")
            }
        }
    }
}
