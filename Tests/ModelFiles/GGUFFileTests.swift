import Glibc
import ModelFiles
import NodeModel
import Testing

@Suite struct GGUFFileTests {
    @Test("all value types keep their values", arguments: values)
    func valueTypes(_ type: UInt32, _ bytes: [UInt8], _ expected: GGUFValue) throws {
        var writer = GGUFWriter()
        writer.raw("before", type: 0, [1])
        writer.raw("a.key", type: type, bytes)
        writer.raw("an.array", type: 9, GGUFWriter.array(type: type, [bytes, bytes, bytes]))
        writer.raw("empty", type: 9, GGUFWriter.array(type: type, []))
        writer.raw("after", type: 0, [2])
        for version in [UInt32(2), 3] {
            writer.version = version
            let metadata = try GGUFFile.reading(writer.bytes).metadata
            #expect(metadata.keys == ["before", "a.key", "an.array", "empty", "after"])
            #expect(metadata.type(of: "a.key")?.rawValue == type)
            #expect(metadata.type(of: "an.array") == .array)
            #expect(metadata.elementCount(of: "an.array") == 3)
            #expect(try metadata.value(of: "a.key") == expected)
            #expect(try metadata.value(of: "an.array") == .array([expected, expected, expected]))
            #expect(try metadata.value(of: "empty") == .array([]))
            #expect(try metadata.value(of: "before") == .unsigned(1))
            #expect(try metadata.value(of: "after") == .unsigned(2))
        }
    }

    /// Numbers of types as the specification gives them, not from the code.
    static let values: [(UInt32, [UInt8], GGUFValue)] = [
        (0, [0xfe], .unsigned(254)), (1, [0x80], .signed(-128)), (2, [0xff, 0xfe], .unsigned(0xfeff)),
        (3, [0, 0x80], .signed(-32_768)), (4, [0xff, 0xff, 0xff, 0xff], .unsigned(4_294_967_295)),
        (5, [0, 0, 0, 0x80], .signed(-2_147_483_648)), (6, [0, 0, 0xc0, 0x3f], .real(1.5)), (7, [0], .bool(false)),
        (7, [1], .bool(true)), (8, GGUFWriter.string(""), .string("")),
        (8, GGUFWriter.string("é\n\0x"), .string("é\n\0x")),
        (10, [UInt8](repeating: 0xff, count: 8), .unsigned(.max)),
        (11, [0, 0, 0, 0, 0, 0, 0, 0x80], .signed(.min)), (12, [0, 0, 0, 0, 0, 0, 0xf8, 0x3f], .real(1.5)),
        (
            9, GGUFWriter.array(type: 1, [[0xff], [2]]), .array([.signed(-1), .signed(2)])
        ),
        (
            9,
            GGUFWriter.array(
                type: 9, [GGUFWriter.array(type: 8, [GGUFWriter.string("deep")]), GGUFWriter.array(type: 7, [])]),
            .array([.array([.string("deep")]), .array([])])
        ),
    ]

    @Test func theTypesAreThoseOfTheSpecification() {
        #expect(GGUFValueType.allCases.map(\.rawValue) == Array(0...12))
        #expect(GGUFValueType.array.rawValue == 9 && GGUFValueType.float64.rawValue == 12)
    }

    @Test("typed access names the key and both types") func typedAccess() throws {
        var writer = GGUFWriter()
        writer.set("whole", 7)
        writer.set("real", Float(0.1))
        writer.set("truth", true)
        writer.set("text", "abc")
        writer.raw("large", type: 10, littleEndian(UInt64.max))
        writer.raw("not-utf8", type: 8, GGUFWriter.string([0xff, 0xfe]))
        writer.raw("not-truth", type: 7, [2])
        writer.set("long", [UInt32](repeating: 1, count: 5_000))
        let metadata = try GGUFFile.reading(writer.bytes).metadata
        #expect(try metadata.integer("whole") == 7)
        #expect(try metadata.real("real") == Double(Float(0.1)))
        #expect(try metadata.bool("truth") == true)
        #expect(try metadata.string("text") == "abc")
        #expect(try metadata.integer("missing") == nil && metadata.string("missing") == nil)
        let failures: [(String, () throws -> Any?)] = [
            ("'text': is a text (string), expected a whole number", { try metadata.integer("text") }),
            ("'large': is a whole number (uint64) that is too large", { try metadata.integer("large") }),
            ("'whole': is a whole number (uint32), expected a number", { try metadata.real("whole") }),
            ("'real': is a number (float32), expected a truth value", { try metadata.bool("real") }),
            ("'truth': is a truth value (bool), expected a text", { try metadata.string("truth") }),
            ("key 'not-utf8', byte", { try metadata.string("not-utf8") }),
            ("a truth value of 2, expected 0 or 1", { try metadata.bool("not-truth") }),
            ("an array of 5000 elements, expected at most 4096", { try metadata.value(of: "long") }),
        ]
        for (text, body) in failures {
            let error = #expect(throws: InputError.self) { try body() }
            #expect(error?.description.contains(text) == true, "\(String(describing: error))")
        }
        #expect(try metadata.value(of: "long", mostElements: 5_000) != nil)
    }

    @Test("tensors lie where the writer put them", arguments: [8, 32, 4_096]) func tensors(_ alignment: Int) throws {
        var writer = GGUFWriter()
        writer.alignment = alignment
        if alignment != 32 { writer.set("general.alignment", UInt32(alignment)) }
        writer.tensors = [
            GGUFWriter.Tensor(name: "a", type: 0, dimensions: [3], data: (0..<12).map { $0 }),
            GGUFWriter.Tensor(name: "b", type: 2, dimensions: [64, 2], data: [UInt8](repeating: 7, count: 72)),
            GGUFWriter.Tensor(
                name: "c", type: 14, dimensions: [256, 1, 2, 1], data: [UInt8](repeating: 9, count: 420)),
        ]
        let bytes = writer.bytes
        let file = try GGUFFile.reading(bytes)
        #expect(file.version == 3 && file.alignment == alignment)
        #expect(file.dataOffset.isMultiple(of: alignment) && bytes.count - file.dataOffset >= 12 + 72 + 420)
        #expect(file.tensors.map(\.name) == ["a", "b", "c"])
        #expect(file.tensor("b")?.dimensions == [64, 2])
        #expect(file.tensor("c")?.type.name == "Q6_K")
        #expect(file.tensor("d") == nil)
        for (tensor, data) in zip(file.tensors, writer.tensors.map(\.data)) {
            #expect(Array(bytes[tensor.range]) == data, "\(tensor.name)")
        }
    }

    @Test func nothingButAHeader() throws {
        let file = try GGUFFile.reading(GGUFWriter().bytes)
        #expect(file.tensors.isEmpty && file.metadata.keys.isEmpty && file.alignment == 32)
    }

    @Test func fromTheFileSystem() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("tiny.gguf", TinyModel(architecture: .llama).writer.bytes)
        let model = try GGUFModel(path: path)
        #expect(model.file.path == path)
        let row = try #require(try model.tensor(.outputNorm)?.values(ofRow: 0))
        #expect(row.count == 64)
        try folder.write("tiny.gguf", [1])
        #expect(try model.tensor(.outputNorm)?.values(ofRow: 0) == row, "another file in its place changes nothing")
    }

    @Test("a model that is cut off while it is open is refused, not read") func cutWhileOpen() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("tiny.gguf", TinyModel(architecture: .llama).writer.bytes)
        let model = try GGUFModel(path: path)
        let tensor = try #require(model.tensor(.layer(1, .down)))
        try #require(truncate(path, 100) == 0)
        let reads: [() throws -> Any?] = [
            { try tensor.values(ofRow: 0) }, { try tensor.withBytes { $0.count } },
            { try model.file.metadata.integer("llama.block_count") },
        ]
        for read in reads {
            let error = #expect(throws: InputError.self) { try read() }
            #expect(error?.source == path && error?.problem.contains("was changed") == true)
        }
    }

    @Test("150 000 tokens are passed over, and decoded on demand") func longLists() throws {
        var writer = TinyModel(architecture: .llama).writer
        let tokens = (0..<150_000).map { "token number \($0)" }
        writer.set("tokenizer.ggml.tokens", tokens)
        let file = try GGUFFile.reading(writer.bytes)
        #expect(file.metadata.elementCount(of: "tokenizer.ggml.tokens") == 150_000)
        let value = try file.metadata.value(of: "tokenizer.ggml.tokens", mostElements: 1_000_000)
        #expect(value == .array(tokens.map { .string($0) }))
    }
}

@Suite struct GGMLTypeTests {
    /// Block lengths and bytes by hand from gguf-py's `GGML_QUANT_SIZES`, whose Q8_1 alone differs from ggml-common.h.
    @Test(arguments: [
        (0, "F32", 1, 4), (1, "F16", 1, 2), (2, "Q4_0", 32, 2 + 16), (3, "Q4_1", 32, 2 + 2 + 16),
        (6, "Q5_0", 32, 2 + 4 + 16), (7, "Q5_1", 32, 2 + 2 + 4 + 16), (8, "Q8_0", 32, 2 + 32),
        (9, "Q8_1", 32, 2 + 2 + 32), (10, "Q2_K", 256, 2 + 2 + 16 + 64), (11, "Q3_K", 256, 2 + 64 + 32 + 12),
        (12, "Q4_K", 256, 2 + 2 + 128 + 12), (13, "Q5_K", 256, 2 + 2 + 128 + 32 + 12),
        (14, "Q6_K", 256, 2 + 128 + 64 + 16), (15, "Q8_K", 256, 4 + 256 + 32), (16, "IQ2_XXS", 256, 2 + 64),
        (17, "IQ2_XS", 256, 2 + 64 + 8), (18, "IQ3_XXS", 256, 2 + 64 + 32), (19, "IQ1_S", 256, 2 + 32 + 16),
        (20, "IQ4_NL", 32, 2 + 16), (21, "IQ3_S", 256, 2 + 64 + 32 + 8 + 4), (22, "IQ2_S", 256, 2 + 64 + 16),
        (23, "IQ4_XS", 256, 2 + 2 + 128 + 4), (24, "I8", 1, 1), (25, "I16", 1, 2), (26, "I32", 1, 4), (27, "I64", 1, 8),
        (28, "F64", 1, 8), (29, "IQ1_M", 256, 32 + 16 + 8), (30, "BF16", 1, 2), (34, "TQ1_0", 256, 2 + 4 * 13),
        (35, "TQ2_0", 256, 2 + 64), (39, "MXFP4", 32, 1 + 16), (40, "NVFP4", 64, 4 + 32), (41, "Q1_0", 128, 2 + 16),
        (42, "Q2_0", 64, 2 + 16),
    ])
    func table(_ number: UInt32, _ name: String, _ length: Int, _ bytes: Int) {
        let type = GGMLType(number: number)
        #expect(type?.number == number && type?.name == name)
        #expect(type?.blockLength == length && type?.blockBytes == bytes)
        #expect(type?.bytes(of: 3 * length) == 3 * bytes)
        #expect(length == 1 || type?.bytes(of: length + 1) == nil)
        #expect(type?.bytes(of: .max / length * length) == nil || bytes <= length)
    }

    @Test func numbersTakenBackAndNotGivenOut() {
        let removed = GGMLType.all.filter(\.isRemoved).map(\.number)
        #expect(removed == [4, 5, 31, 32, 33, 36, 37, 38])
        #expect(GGMLType.all.map(\.number) == Array(0...42))
        #expect(GGMLType(number: 43) == nil && GGMLType(number: .max) == nil)
        #expect(GGMLType.supported.map(\.name) == ["F32", "F16", "Q4_0", "Q8_0", "BF16"])
        for type in GGMLType.supported {
            #expect(type.bytes(of: 64) == type.weightFormat?.bytes(of: 64))
        }
    }
}
