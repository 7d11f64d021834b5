import Glibc
import HostProbe
import NodeModel

/// An hwloc XML file, checked before libhwloc sees it.
enum TopologyXMLFile {
    /// Larger than the XML of any machine known.
    private static let largest = 64 << 20
    /// Deeper than any machine's tree; libhwloc recurses once for every level.
    private static let deepest = 128

    /// The file's bytes with a terminating zero.
    static func read(_ path: String) throws -> [UInt8] {
        let name = OutsideText.printable(path)
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw InputError(source: name, place: "file", problem: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw InputError(source: name, place: "file", problem: "it is not a regular file")
        }
        guard status.st_size <= largest else {
            throw InputError(
                source: name, place: "file", problem: "it is larger than \(largest >> 20) MiB, no topology is")
        }
        let directory = HostRoot(absoluteDirectory(of: path))
        let file = path.split(separator: "/").last.map(String.init) ?? ""
        do {
            guard let bytes = try directory.readPieces(file, limit: largest), !bytes.isEmpty else {
                throw InputError(source: name, place: "file", problem: "it is empty", recovery: advice)
            }
            try check(bytes, path)
            return bytes + [0]
        } catch let error as HostReadError {
            throw InputError(source: name, place: "file", problem: String(cString: strerror(error.code)))
        }
    }

    private static let advice = "Write one with: lstopo --of xml FILE"

    /// The error of a file that libhwloc refuses.
    static func malformed(_ path: String, _ reason: String) -> InputError {
        InputError(
            source: OutsideText.printable(path), place: "document",
            problem: "it is not a valid hwloc XML topology: \(reason)",
            recovery: advice)
    }

    private static func absoluteDirectory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Refuses what is not text, or nests deeper than any machine.
    private static func check(_ bytes: [UInt8], _ path: String) throws {
        guard !bytes.contains(0) else { throw malformed(path, "it is not text") }
        var nesting = ObjectNesting()
        for index in bytes.indices {
            nesting.take(bytes[index], following: bytes[(index + 1)...])
            guard nesting.depth <= deepest else {
                let line = bytes[..<index].count { $0 == UInt8(ascii: "\n") } + 1
                throw InputError(
                    source: OutsideText.printable(path), place: "line \(line)",
                    problem: "objects are nested deeper than \(deepest) levels", recovery: advice)
            }
        }
    }
}

/// Counts how deep `object` elements nest, byte by byte.
private struct ObjectNesting {
    private enum Tag { case none, opening, closing, other }

    private(set) var depth = 0
    private var tag = Tag.none
    private var quote: UInt8?
    private var last: UInt8 = 0

    private static let opening = Array("object".utf8)
    private static let closing = Array("/object".utf8)

    mutating func take(_ byte: UInt8, following: ArraySlice<UInt8>) {
        if tag == .none {
            if byte == UInt8(ascii: "<") { tag = Self.kind(following) }
        } else if let open = quote {
            if byte == open { quote = nil }
        } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
            quote = byte
        } else if byte == UInt8(ascii: ">") {
            if tag == .opening, last != UInt8(ascii: "/") { depth += 1 }
            if tag == .closing { depth -= 1 }
            tag = .none
        }
        last = byte
    }

    private static func kind(_ text: ArraySlice<UInt8>) -> Tag {
        if text.starts(with: opening) { return .opening }
        return text.starts(with: closing) ? .closing : .other
    }
}

/// A synthetic description, checked for size before libhwloc builds it.
enum SyntheticDescription {
    /// More hardware threads than any machine has; building more only fills memory.
    private static let largest = 65_536

    /// Refuses descriptions that multiply to more threads than that.
    static func check(_ description: String) throws {
        guard !description.utf8.contains(0), description.utf8.count <= 4096 else {
            throw malformed(description, "it is too long")
        }
        var threads = 1
        var nested = 0
        for word in description.split(separator: " ") {
            // What stands in parentheses are attributes; what stands in brackets is attached memory.
            let isOutside = nested == 0 && !word.hasPrefix("[") && !word.hasPrefix("(")
            nested += word.count { "([".contains($0) } - word.count { ")]".contains($0) }
            guard isOutside else { continue }
            let number = word.prefix { $0 != "(" }.split(separator: ":").last.flatMap { Int($0) }
            let product = threads.multipliedReportingOverflow(by: max(number ?? 1, 1))
            threads = product.overflow ? Int.max : product.partialValue
            guard threads <= largest else {
                throw InputError(
                    source: "--synthetic", place: "'\(OutsideText.printable(description))'",
                    problem: "it describes more than \(largest) hardware threads")
            }
        }
    }

    /// The error of a description that libhwloc refuses.
    static func malformed(_ description: String, _ reason: String) -> InputError {
        InputError(
            source: "--synthetic", place: "'\(OutsideText.printable(description))'",
            problem: "it is not an hwloc synthetic description: \(reason)",
            recovery: "Write levels from the top with their counts, such as: pack:2 numa:2 core:4 pu:2")
    }
}

/// A captured root, checked before libhwloc reads it.
enum FileSystemRoot {
    static func check(_ path: String) throws {
        let name = OutsideText.printable(path)
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw InputError(source: name, place: "directory", problem: "it is not a directory that can be read")
        }
        guard HostRoot(path).exists("sys/devices/system/cpu") else {
            throw InputError(
                source: name, place: "sys/devices/system/cpu", problem: "the captured root has no such directory",
                recovery: "Capture /sys and /proc of the machine, for example with hwloc-gather-topology")
        }
    }
}
