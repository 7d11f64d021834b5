import FoundationEssentials
import Glibc
public import NodeModel

/// Writes and reads the node profile's JSON document.
public enum ProfileWriter {
    /// The profile as JSON text, with a final newline.
    ///
    /// - Parameter profile: The profile.
    /// - Returns: One indented document, keys sorted.
    /// - Throws: `EncodingError` when a figure is not a finite number.
    public static func text(_ profile: NodeProfile) throws -> String { try JSONDocument.text(profile) + "\n" }

    /// Writes a profile, atomically; top-level keys of an existing profile that this version does not know are kept.
    ///
    /// - Parameters:
    ///   - profile: The profile.
    ///   - path: The file; its directory has to exist.
    /// - Throws: ``InputError`` when the file exists and is not a profile that this version can rewrite,
    ///   ``SystemFailure`` when it cannot be read or written. The old content is then untouched.
    public static func write(_ profile: NodeProfile, to path: String) throws {
        var document = try JSONDocument.decode([String: JSONValue].self, from: Data(text(profile).utf8), named: path)
        for (key, value) in try existing(path) where document[key] == nil { document[key] = value }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(encoder.encode(document) + Data("\n".utf8), to: path)
    }

    /// Reads a profile.
    ///
    /// - Parameter path: The file.
    /// - Returns: The profile; keys this version does not know are passed over.
    /// - Throws: ``InputError`` naming the key that is missing or wrong, ``SystemFailure`` when the file cannot be
    ///   read.
    public static func read(_ path: String) throws -> NodeProfile { try read(NodeProfile.self, from: path) }

    /// Reads a part of a profile, for whoever cannot wait for all of it.
    ///
    /// - Parameters:
    ///   - excerpt: A type with some of the keys of ``NodeProfile``.
    ///   - path: The file.
    /// - Returns: What the profile has of it.
    /// - Throws: ``InputError`` naming the key that is missing or wrong, ``SystemFailure`` when the file cannot be
    ///   read.
    public static func read<Excerpt: Decodable>(_ excerpt: Excerpt.Type, from path: String) throws -> Excerpt {
        let data = try FileText.data(path)
        let found = try? JSONDecoder().decode(SchemaKey.self, from: data)
        // Only what is no profile has to be looked at whole, to tell what is wrong with it.
        if found?.schema != NodeProfile.currentSchema { _ = try checked(data, path) }
        return try JSONDocument.decode(excerpt, from: data, named: path)
    }

    private struct SchemaKey: Decodable {
        var schema: String
    }

    /// The keys of the file, if there is one with any content.
    private static func existing(_ path: String) throws -> [String: JSONValue] {
        guard access(path, F_OK) == 0 else { return [:] }
        let data = try FileText.data(path)
        return data.isEmpty ? [:] : try checked(data, path)
    }

    private static func checked(_ data: Data, _ path: String) throws -> [String: JSONValue] {
        let remedy = "Name another file, or move this one away"
        // A decoder of its own, because the keys have to stay as they are written.
        guard let document = try? JSONDecoder().decode([String: JSONValue].self, from: data) else {
            throw InputError(
                source: path, place: "top level", problem: "expected a JSON object with a node profile",
                recovery: remedy)
        }
        guard document["schema"] == .string(NodeProfile.currentSchema) else {
            throw InputError(
                source: path, place: "schema", problem: "expected '\(NodeProfile.currentSchema)'", recovery: remedy)
        }
        return document
    }
}
