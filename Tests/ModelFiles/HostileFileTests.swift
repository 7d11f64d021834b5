import ModelFiles
import NodeModel
import Testing

/// A file that is wrong in one way, and what the message has to name.
struct HostileFile: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let bytes: [UInt8]
    let place: String
    let problem: String

    init(_ name: String, place: String, problem: String, _ bytes: [UInt8]) {
        testDescription = name
        self.bytes = bytes
        self.place = place
        self.problem = problem
    }

    /// Changes a small valid file.
    init(_ name: String, place: String, problem: String, _ change: (inout GGUFWriter) -> Void) {
        var writer = GGUFWriter()
        writer.set("general.architecture", "llama")
        writer.set("a.number", 7)
        writer.tensors = ["first", "second"].map {
            GGUFWriter.Tensor(name: $0, type: 0, dimensions: [8, 2], data: [UInt8](repeating: 1, count: 64))
        }
        change(&writer)
        self.init(name, place: place, problem: problem, writer.bytes)
    }
}

@Suite struct HostileFileTests {
    @Test("every wrong header is refused by name", arguments: headers + entries + tensors)
    func refused(_ file: HostileFile) throws {
        let error = try #require(throws: InputError.self) { try GGUFFile.reading(file.bytes) }
        #expect(error.source == "model.gguf")
        #expect(error.place.contains(file.place), "\(error)")
        #expect(error.problem.contains(file.problem), "\(error)")
        #expect(error.recovery?.isEmpty == false)
        #expect(!error.description.utf8.contains { $0 < 0x20 || $0 == 0x7f }, "\(error)")
        #expect(error.description.utf8.count < 600)
    }

    @Test func theFileTheyAreMadeOfIsValid() throws {
        let file = try GGUFFile.reading(HostileFile("", place: "", problem: "") { _ in }.bytes)
        #expect(file.tensors.count == 2 && file.metadata.keys.count == 2)
    }

    @Test("a header longer than any model's is not read to its end") func longHeader() throws {
        var writer = GGUFWriter()
        writer.raw("long", type: 8, GGUFWriter.string([UInt8](repeating: 0x20, count: 65 << 20)))
        let error = #expect(throws: InputError.self) { try GGUFFile.reading(writer.bytes) }
        #expect(error?.place == "key 'long', byte 40")
        #expect(error?.problem.contains("does not fit into the 64 MiB that a header has at most") == true)
    }

    static let headers: [HostileFile] = [
        HostileFile("another magic", place: "byte 0", problem: "58 58 58 58, expected 47 47 55 46") {
            $0.magic = Array("XXXX".utf8)
        },
        HostileFile("one byte", place: "byte 0", problem: "starts with 47,", [0x47]),
        HostileFile(
            "Git LFS", place: "byte 0", problem: "Git LFS", Array("version https://git-lfs.github.com/spec/v1\n".utf8)),
        HostileFile("before GGUF", place: "byte 0", problem: "before GGUF", Array("tjgg\u{3}\0\0\0".utf8)),
        HostileFile("a web page", place: "byte 0", problem: "web page", Array("<!DOCTYPE html>".utf8)),
        HostileFile("PyTorch", place: "byte 0", problem: "ZIP", [0x50, 0x4b, 3, 4, 0, 0]),
        HostileFile("magic alone", place: "header, byte 4", problem: "4 bytes of the version", Array("GGUF".utf8)),
        HostileFile("version 1", place: "version, byte 4", problem: "1 is not supported") { $0.version = 1 },
        HostileFile("version 0", place: "version, byte 4", problem: "0 is not supported") { $0.version = 0 },
        HostileFile("version 4", place: "version, byte 4", problem: "4 is not supported") { $0.version = 4 },
        HostileFile("big-endian 3", place: "version", problem: "3 in big-endian order") { $0.version = 0x0300_0000 },
        HostileFile("big-endian 2", place: "version", problem: "2 in big-endian order") { $0.version = 0x0200_0000 },
        HostileFile("2^63 tensors", place: "header, byte 8", problem: "9223372036854775808 tensors") {
            $0.tensorCount = 1 << 63
        },
        HostileFile("tensors that do not fit", place: "header, byte 8", problem: "1000 tensors do not fit") {
            $0.tensorCount = 1_000
        },
        HostileFile("2^63 entries", place: "header, byte 16", problem: "9223372036854775808 metadata entries") {
            $0.entryCount = 1 << 63
        },
        HostileFile("entries that do not fit", place: "header, byte 16", problem: "500 metadata entries do not fit") {
            $0.entryCount = 500
        },
        HostileFile("an entry too many", place: "tensor 1 of 2", problem: "") { $0.entryCount = 3 },
        HostileFile("a tensor too many", place: "tensor 3 of 3", problem: "its name has 0 bytes") {
            $0.tensorCount = 3
        },
    ]

    static let entries: [HostileFile] =
        [
            HostileFile(
                "a name of 2^60 bytes", place: "metadata entry 3 of 3",
                problem: "1152921504606846976 bytes does not fit"
            ) {
                $0.entries.append(("x", littleEndian(UInt64(1) << 60)))
            },
            HostileFile("a name of 2^64 - 1 bytes", place: "metadata entry 3 of 3", problem: "does not fit") {
                $0.entries.append(("x", littleEndian(UInt64.max) + [1, 2, 3, 4, 5, 6]))
            },
            HostileFile("an empty name", place: "metadata entry 3 of 3", problem: "0 bytes, expected 1 to 65535") {
                $0.raw("", type: 0, [1])
            },
            HostileFile("a name too long", place: "metadata entry 3 of 3", problem: "65536 bytes, expected") {
                $0.raw(String(repeating: "x", count: 65_536), type: 0, [1])
            },
            HostileFile("a long name twice", place: "key 'xxxx", problem: "is there twice") {
                for _ in 0..<2 { $0.raw(String(repeating: "x", count: 65_535), type: 0, [1]) }
            },
            HostileFile("a name that is not UTF-8", place: "metadata entry 3 of 3", problem: "not UTF-8") {
                $0.raw([0x61, 0xff, 0xfe], type: 0, [1])
            },
            HostileFile(
                "a name with a control character", place: "metadata entry 3 of 3", problem: "control characters"
            ) {
                $0.raw("a\u{1b}[31mb", type: 0, [1])
            },
            HostileFile("a name that reorders", place: "metadata entry 3 of 3", problem: "control characters") {
                $0.raw("a\u{202e}b", type: 0, [1])
            },
            HostileFile("a name with NUL", place: "metadata entry 3 of 3", problem: "control characters") {
                $0.raw("a\0b", type: 0, [1])
            },
            HostileFile("an unknown type", place: "key 'x'", problem: "13, expected 0 to 12") {
                $0.raw("x", type: 13, [1])
            },
            HostileFile("a huge type", place: "key 'x'", problem: "4294967295") { $0.raw("x", type: .max, [1]) },
            HostileFile("a key twice", place: "key 'a.number'", problem: "is there twice") {
                $0.raw("a.number", type: 0, [1])
            },
            HostileFile("a text of 2^60 bytes", place: "key 'x'", problem: "a text of 1152921504606846976 bytes") {
                $0.raw("x", type: 8, littleEndian(UInt64(1) << 60))
            },
            HostileFile("an array of 2^63", place: "key 'x'", problem: "9223372036854775808 elements of the array") {
                $0.raw("x", type: 9, littleEndian(UInt32(0)) + littleEndian(UInt64(1) << 63))
            },
            HostileFile("an array of 2^61 numbers of 8 bytes", place: "key 'x'", problem: "do not fit") {
                $0.raw("x", type: 9, littleEndian(UInt32(10)) + littleEndian(UInt64(1) << 61))
            },
            HostileFile("an array of an unknown type", place: "key 'x'", problem: "elements is 99, expected") {
                $0.raw("x", type: 9, littleEndian(UInt32(99)) + littleEndian(UInt64(1)) + [0])
            },
            HostileFile(
                "a text of 2^60 bytes in an array", place: "key 'x', byte",
                problem: "a text that starts here does not fit"
            ) {
                $0.raw(
                    "x", type: 9,
                    GGUFWriter.array(
                        type: 8, [GGUFWriter.string("ok"), littleEndian(UInt64(1) << 60), GGUFWriter.string("")]))
            },
            HostileFile("arrays within arrays within …", place: "key 'x'", problem: "within more than 4 arrays") {
                var value = GGUFWriter.array(type: 0, [[1]])
                for _ in 0..<5_000 { value = GGUFWriter.array(type: 9, [value]) }
                $0.raw("x", type: 9, value)
            },
            HostileFile("a million arrays within an array", place: "key 'x'", problem: "1048576 arrays within arrays") {
                let empty = 12
                let value = littleEndian(UInt32(9)) + littleEndian(UInt64(1 << 20 + 1))
                $0.raw("x", type: 9, value + [UInt8](repeating: 0, count: empty * (1 << 20 + 1)))
            },
            HostileFile("too many tensors", place: "header, byte 8", problem: "131073 tensors, expected at most") {
                $0.tensorCount = 1 << 17 + 1
                $0.raw("room", type: 9, GGUFWriter.array(type: 0, [[UInt8](repeating: 0, count: 1 << 23)]))
            },
            HostileFile(
                "too many entries", place: "header, byte 16", problem: "65537 metadata entries, expected at most"
            ) {
                $0.entryCount = 1 << 16 + 1
                $0.raw("room", type: 9, GGUFWriter.array(type: 0, [[UInt8](repeating: 0, count: 1 << 20)]))
            },
            HostileFile(
                "a value cut off", place: "key 'x'", problem: "expected 8 bytes of its value, but only 3 are left"
            ) {
                $0.tensors = []
                $0.alignment = 1
                $0.raw("x", type: 10, [1, 2, 3])
            },
        ]
        + [0, 1, 7, 33, 48, 1 << 22, UInt32.max].map { value in
            HostileFile(
                "alignment \(value)", place: "key 'general.alignment'",
                problem: "\(value), expected a power of two from 8"
            ) { $0.set("general.alignment", value) }
        } + [
            HostileFile("an alignment that is no number", place: "key 'general.alignment'", problem: "is a text") {
                $0.set("general.alignment", "32")
            },
            HostileFile("an alignment of 2^63", place: "key 'general.alignment'", problem: "too large") {
                $0.raw("general.alignment", type: 10, littleEndian(UInt64(1) << 63))
            },
            HostileFile(
                "a negative alignment", place: "key 'general.alignment'", problem: "-32, expected a power of two"
            ) {
                $0.raw("general.alignment", type: 5, littleEndian(Int32(-32)))
            },
        ]

    static let tensors: [HostileFile] = [
        HostileFile("a tensor twice", place: "tensor 'first'", problem: "is there twice") {
            $0.tensors[1].name = "first"
        },
        HostileFile("an empty name", place: "tensor 2 of 2", problem: "0 bytes, expected 1 to 64") {
            $0.tensors[1].name = ""
        },
        HostileFile("a long name", place: "tensor 2 of 2", problem: "65 bytes, expected 1 to 64") {
            $0.tensors[1].name = String(repeating: "n", count: 65)
        },
        HostileFile("a name that is not UTF-8", place: "tensor 2 of 2", problem: "not UTF-8") {
            $0.tensors[1].rawName = [0xc3]
        },
        HostileFile(
            "a name with a control character", place: "tensor 2 of 2", problem: "'axb' holds control characters"
        ) {
            $0.tensors[1].name = "a\u{7}x\nb"
        },
        HostileFile("no dimensions", place: "tensor 'second'", problem: "0 dimensions, expected 1 to 4") {
            $0.tensors[1].dimensions = []
        },
        HostileFile("five dimensions", place: "tensor 'second'", problem: "5 dimensions, expected 1 to 4") {
            $0.tensors[1].dimensions = [1, 1, 1, 1, 1]
        },
        HostileFile("2^32 - 1 dimensions", place: "tensor 'second'", problem: "4294967295 dimensions") {
            $0.tensors[1].dimensionCount = .max
        },
        HostileFile("a dimension of 0", place: "tensor 'second'", problem: "has a dimension of 0") {
            $0.tensors[1].dimensions = [8, 0]
        },
        HostileFile("a dimension of 2^63", place: "tensor 'second'", problem: "dimension of 9223372036854775808") {
            $0.tensors[1].dimensions = [1 << 63]
        },
        HostileFile("a product that overflows", place: "tensor 'second'", problem: "more than any file holds") {
            $0.tensors[1].dimensions = [1 << 32, 1 << 32]
        },
        HostileFile("bytes that overflow", place: "tensor 'second'", problem: "more than any file holds") {
            $0.tensors[1].dimensions = [1 << 62]
        },
        HostileFile("a product that overflows to 0", place: "tensor 'second'", problem: "more than any file holds") {
            $0.tensors[1].dimensions = [1 << 16, 1 << 16, 1 << 16, 1 << 16]
        },
        HostileFile(
            "rows that are no blocks", place: "tensor 'second'", problem: "8 Q4_0 elements, expected a multiple of 32"
        ) {
            $0.tensors[1].type = 2
        },
        HostileFile("a type not given out", place: "tensor 'second'", problem: "type 43, expected one of ggml's") {
            $0.tensors[1].type = 43
        },
        HostileFile("a type of 2^32 - 1", place: "tensor 'second'", problem: "type 4294967295") {
            $0.tensors[1].type = .max
        },
        HostileFile("a type taken back", place: "tensor 'second'", problem: "Q4_0_4_4, which ggml has given up") {
            $0.tensors[1].type = 31
        },
        HostileFile(
            "an offset beyond the file", place: "tensor 'second'", problem: "64 bytes from byte 4096 of the data"
        ) {
            $0.tensors[1].offset = 4_096
        },
        HostileFile("an offset of 2^64 - 32", place: "tensor 'second'", problem: "expected an end within its 128 bytes")
        {
            $0.tensors[1].offset = .max - 31
        },
        HostileFile("an end beyond the file", place: "tensor 'second'", problem: "from byte 96") {
            $0.tensors[1].offset = 96
        },
        HostileFile("a tensor larger than the file", place: "tensor 'second'", problem: "65536 bytes from byte 64") {
            $0.tensors[1].dimensions = [8, 2_048]
        },
        HostileFile(
            "an offset that is not aligned", place: "tensor 'second'",
            problem: "byte 40 of the data, expected a multiple of 32"
        ) {
            $0.tensors[1].offset = 40
        },
        HostileFile("the same place", place: "tensor 'second'", problem: "overlaps tensor 'first'") {
            $0.tensors[1].offset = 0
        },
        HostileFile("a part of another", place: "tensor 'second'", problem: "overlaps tensor 'first'") {
            $0.tensors[1].offset = 32
        },
        HostileFile("no data at all", place: "tensor 'first'", problem: "expected an end within its 0 bytes") {
            for index in 0..<2 { $0.tensors[index].data = [] }
        },
    ]
}
