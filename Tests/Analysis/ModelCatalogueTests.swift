import Analysis
import Foundation
import NodeModel
import Testing

@Suite("Model shapes") struct ModelCatalogueTests {
    private static let valid: [String: any Sendable] = [
        "name": "Tiny-1B", "source": "https://example.org/config.json", "layers": 2, "hidden": 64, "feed_forward": 128,
        "heads": 4, "key_value_heads": 2, "head_dimension": 16, "vocabulary": 64, "rope_theta": 10_000.0,
        "norm_epsilon": 1e-5, "tied_embedding": false,
    ]

    private func parse(_ changes: [String: any Sendable], without absent: String? = nil) throws -> ModelShape {
        var object = Self.valid.merging(changes) { _, changed in changed }
        if let absent { object[absent] = nil }
        return try ModelCatalogue.parse(JSONSerialization.data(withJSONObject: object), named: "m.json")
    }

    @Test("A model file is read")
    func reading() throws {
        let shape = try parse([:])
        #expect(shape.name == "Tiny-1B" && shape.keyValueHeads == 2 && shape.headDimension == 16)
        #expect(shape.feedForward == 128 && !shape.tiedEmbedding)
    }

    @Test("Each key is required", arguments: valid.keys.sorted())
    func missing(key: String) throws {
        let error = #expect(throws: InputError.self) { try parse([:], without: key) }
        #expect(error?.source == "m.json")
    }

    @Test(
        "Figures that do not fit are named",
        arguments: [
            ("layers", 0), ("layers", 1_001), ("hidden", 65), ("heads", 0), ("key_value_heads", 3),
            ("key_value_heads", 0),
            ("vocabulary", 1), ("head_dimension", 17),
        ])
    func wrong(key: String, value: Int) throws {
        let error = #expect(throws: InputError.self) { try parse([key: value]) }
        #expect(error?.place == key && error?.description.hasPrefix("m.json: ") == true)
    }

    @Test("Text that is empty or would control a terminal is refused")
    func text() {
        for name in ["", "x\u{1B}[2J"] {
            #expect(throws: InputError.self) { try parse(["name": name]) }
            #expect(throws: InputError.self) { try parse(["source": name]) }
        }
        #expect(throws: InputError.self) { try ModelCatalogue.parse(Data("[".utf8), named: "m.json") }
    }

    @Test("A model is found by its file or its own name in any case; others are answered with near ones")
    func lookup() throws {
        var catalogue = ModelCatalogue()
        catalogue.add(try parse([:]), stem: "tiny-file")
        #expect(try catalogue.lookup("TINY-FILE").name == "Tiny-1B")
        #expect(try catalogue.lookup("tiny-1b").name == "Tiny-1B")
        let error = #expect(throws: UsageError.self) { try catalogue.lookup("tiny-fil") }
        #expect(error?.description.contains("Did you mean tiny-file?") == true)
        let far = #expect(throws: UsageError.self) { try catalogue.lookup("quite another") }
        #expect(far?.description.contains("Known: tiny-file") == true)
    }
}
