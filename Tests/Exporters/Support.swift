import Foundation
import Glibc
import NodeModel
import Testing

/// A directory of its own for one test, removed with it.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "nodewatt-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file below the directory, and folders on the way.
    @discardableResult func write(_ text: String, _ name: String) throws -> String {
        let url = URL(filePath: "\(path)/\(name)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
        return url.path
    }

    /// The names in the directory.
    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
}

/// Files of the checkout this test was built from.
enum Checkout {
    static let profiles = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Profiles").path
}

/// The `jsonschema` package of the system's Python, a validator that shares no code with this project.
enum Validator {
    static let python = "/usr/bin/python3"

    /// Whether the package is installed.
    static let isThere: Bool = {
        guard access(python, X_OK) == 0 else { return false }
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = ["-c", "from jsonschema import Draft202012Validator"]
        process.standardError = FileHandle.nullDevice
        return (try? process.run()).map { process.waitUntilExit() } != nil && process.terminationStatus == 0
    }()

    /// Validates documents by a schema of `Profiles/schema`, all in one run because starting Python takes long.
    ///
    /// - Parameters:
    ///   - documents: JSON texts.
    ///   - schema: The schema's file name.
    /// - Returns: For each document its violations: the path of the value, and what is wrong.
    /// - Throws: When the validator does not run, or the schema itself is not valid.
    static func violations(_ documents: [String], schema: String) throws -> [[String]] {
        let code = """
            import json, sys
            from jsonschema import Draft202012Validator, FormatChecker
            schema = json.load(open(sys.argv[1]))
            Draft202012Validator.check_schema(schema)
            validator = Draft202012Validator(schema, format_checker=FormatChecker())
            def violations(path):
                errors = validator.iter_errors(json.load(open(path)))
                return ["/".join(map(str, e.absolute_path)) + ": " + e.message[:200] for e in errors]
            print(json.dumps([violations(path) for path in sys.argv[2:]]))
            """
        let scratch = try Scratch()
        let files = try documents.enumerated().map { try scratch.write($1, "\($0).json") }
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = ["-c", code, "\(Checkout.profiles)/schema/\(schema)"] + files
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return try JSONDecoder().decode([[String]].self, from: data)
    }
}

/// A JSON document that a test changes by key paths such as `devices/0/figures/0/verified`.
struct EditableJSON {
    private var root: Any

    init(_ text: String) throws { root = try JSONSerialization.jsonObject(with: Data(text.utf8)) }

    var text: String {
        get throws { String(decoding: try JSONSerialization.data(withJSONObject: root), as: UTF8.self) }
    }

    /// Sets a value, or removes the key when there is none.
    mutating func set(_ path: String, to value: Any?) {
        root = Self.edited(root, path.split(separator: "/").map(String.init)[...], value)
    }

    private static func edited(_ node: Any, _ path: ArraySlice<String>, _ value: Any?) -> Any {
        guard let key = path.first else { return value ?? NSNull() }
        let rest = path.dropFirst()
        if var object = node as? [String: Any] {
            object[key] = rest.isEmpty ? value : object[key].map { edited($0, rest, value) }
            return object
        }
        guard var array = node as? [Any], let index = Int(key), array.indices.contains(index) else { return node }
        array[index] = edited(array[index], rest, value)
        return array
    }
}

extension EditableJSON {
    /// A JSON value from its text.
    static func value(_ text: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }
}
