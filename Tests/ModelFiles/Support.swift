import Foundation
import ModelFiles
import NodeModel

/// A folder that is removed with its owner.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "nodewatt-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and returns its path.
    @discardableResult func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = path + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: file), options: .atomic)
        return file
    }
}

/// Numbers as they are in files.
func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

/// Writes GGUF files from their specification, the wrong ones too; shares no code with what reads them.
struct GGUFWriter {
    var magic = Array("GGUF".utf8)
    var version: UInt32 = 3
    var alignment = 32
    /// Counts other than those of what is there.
    var entryCount: UInt64?
    var tensorCount: UInt64?
    /// Each entry's name, type and value, encoded.
    var entries: [(key: String, bytes: [UInt8])] = []
    var tensors: [Tensor] = []

    struct Tensor {
        var name: String
        var type: UInt32
        var dimensions: [UInt64]
        var data: [UInt8]
        /// An offset other than the next one.
        var offset: UInt64?
        /// A number of dimensions other than theirs.
        var dimensionCount: UInt32?
        /// A name of any bytes.
        var rawName: [UInt8]?
    }

    static func string(_ text: String) -> [UInt8] { string(Array(text.utf8)) }

    static func string(_ bytes: [UInt8]) -> [UInt8] { littleEndian(UInt64(bytes.count)) + bytes }

    mutating func raw(_ key: [UInt8], type: UInt32, _ value: [UInt8]) {
        let name = String(decoding: key, as: UTF8.self)
        entries.append((name, Self.string(key) + littleEndian(type) + value))
    }

    mutating func raw(_ key: String, type: UInt32, _ value: [UInt8]) { raw(Array(key.utf8), type: type, value) }

    /// Sets an entry in the place of one of the same name, or removes it.
    mutating func set(_ key: String, type: UInt32, _ value: [UInt8]?) {
        let index = entries.firstIndex { $0.key == key }
        if let index { entries.remove(at: index) }
        guard let value else { return }
        entries.insert((key, Self.string(key) + littleEndian(type) + value), at: index ?? entries.count)
    }

    mutating func set(_ key: String, _ value: Int) { set(key, UInt32(value)) }
    mutating func set(_ key: String, _ value: UInt32) { set(key, type: 4, littleEndian(value)) }
    mutating func set(_ key: String, _ value: Float) { set(key, type: 6, littleEndian(value.bitPattern)) }
    mutating func set(_ key: String, _ value: Bool) { set(key, type: 7, [value ? 1 : 0]) }
    mutating func set(_ key: String, _ value: String) { set(key, type: 8, Self.string(value)) }
    mutating func remove(_ key: String) { set(key, type: 0, nil) }

    mutating func set(_ key: String, _ values: [UInt32]) {
        set(key, type: 9, Self.array(type: 4, values.map(littleEndian)))
    }

    mutating func set(_ key: String, _ values: [String]) {
        set(key, type: 9, Self.array(type: 8, values.map(Self.string)))
    }

    static func array(type: UInt32, _ elements: [[UInt8]]) -> [UInt8] {
        littleEndian(type) + littleEndian(UInt64(elements.count)) + elements.flatMap(\.self)
    }

    /// Changes the tensor of a name.
    mutating func change(_ name: String, _ body: (inout Tensor) -> Void) {
        guard let index = tensors.firstIndex(where: { $0.name == name }) else { return }
        body(&tensors[index])
    }

    /// The header's bytes, then the data.
    var bytes: [UInt8] {
        var bytes = magic + littleEndian(version) + littleEndian(tensorCount ?? UInt64(tensors.count))
        bytes += littleEndian(entryCount ?? UInt64(entries.count))
        for entry in entries { bytes += entry.bytes }
        var next = 0
        for tensor in tensors {
            bytes += Self.string(tensor.rawName ?? Array(tensor.name.utf8))
            bytes += littleEndian(tensor.dimensionCount ?? UInt32(tensor.dimensions.count))
            bytes += tensor.dimensions.flatMap { littleEndian($0) } + littleEndian(tensor.type)
            bytes += littleEndian(tensor.offset ?? UInt64(next))
            next += padded(tensor.data.count)
        }
        bytes += zeros(padded(bytes.count) - bytes.count)
        for (index, tensor) in tensors.enumerated() {
            bytes += tensor.data
            // The last one's padding may be left out.
            if index + 1 < tensors.count { bytes += zeros(padded(tensor.data.count) - tensor.data.count) }
        }
        return bytes
    }

    private func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

    private func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
}

extension GGUFFile {
    /// Reads bytes that a page without access follows.
    static func reading(_ bytes: [UInt8]) throws -> GGUFFile {
        try GGUFFile(MappedFile(checking: bytes, name: "model.gguf"))
    }
}
