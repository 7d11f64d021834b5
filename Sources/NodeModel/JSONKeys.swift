package import FoundationEssentials

/// The keys of one object of a JSON document.
package struct JSONKeys: Hashable, Sendable {
    /// The keys that lead to the object, joined by dots; empty for the document's own, with `[]` within arrays.
    package var path: String
    /// All keys in their order, equal ones included.
    package var keys: [String]

    /// Lists the keys of all objects of a document.
    ///
    /// Decoders ignore keys they do not know and keep one of two equal ones, without a word.
    ///
    /// - Parameter data: UTF-8 text that a decoder has found to be JSON; of anything else the result is meaningless.
    /// - Returns: The objects in the order they begin in.
    package static func all(in data: Data) -> [JSONKeys] {
        var scanner = JSONKeyScanner(Array(data))
        scanner.run()
        return scanner.objects
    }

    /// The first key that is there twice.
    package var duplicate: String? {
        var seen: Set<String> = []
        return keys.first { !seen.insert($0).inserted }
    }
}

/// Follows braces, brackets and strings: nothing else matters for keys.
private struct JSONKeyScanner {
    /// An object or an array that has begun.
    private struct Level {
        /// Its place in ``objects``; `nil` for an array.
        var object: Int?
        var path: String
    }

    private(set) var objects: [JSONKeys] = []
    private let bytes: [UInt8]
    private var next = 0
    private var levels: [Level] = []
    private var lastKey: String?

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func run() {
        while next < bytes.count {
            let byte = bytes[next]
            next += 1
            switch byte {
            case Self.quote: string()
            case UInt8(ascii: "{"): begin(isObject: true)
            case UInt8(ascii: "["): begin(isObject: false)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = levels.popLast()
            default: break
            }
        }
    }

    private mutating func begin(isObject: Bool) {
        let parent = levels.last
        let step = parent == nil ? nil : parent?.object == nil ? "[]" : lastKey
        let path = [parent?.path, step].compactMap(\.self).filter { !$0.isEmpty }.joined(separator: ".")
        levels.append(Level(object: isObject ? objects.count : nil, path: path))
        if isObject { objects.append(JSONKeys(path: path, keys: [])) }
    }

    /// Reads a string whose opening quote has been passed; one before a colon is a key.
    private mutating func string() {
        let start = next
        while next < bytes.count, bytes[next] != Self.quote { next += bytes[next] == Self.backslash ? 2 : 1 }
        let content = bytes[min(start, bytes.count)..<min(next, bytes.count)]
        next += 1
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0d).contains(byte) }
        guard let object = levels.last?.object,
            bytes[min(next, bytes.count)...].first(where: { !isSpace($0) }) == UInt8(ascii: ":")
        else { return }
        let key = Self.text(content)
        objects[object].keys.append(key)
        lastKey = key
    }

    private static func text(_ content: ArraySlice<UInt8>) -> String {
        guard content.contains(backslash) else { return String(decoding: content, as: UTF8.self) }
        let literal = Data([quote] + content + [quote])
        return (try? JSONDecoder().decode(String.self, from: literal)) ?? String(decoding: content, as: UTF8.self)
    }
}
