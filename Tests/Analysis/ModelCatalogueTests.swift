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
        #expect(error?.source == "m.json" && error?.description.contains("'\(key)' is missing") == true)
    }

    private static let scaling: [String: any Sendable] = [
        "factor": 32.0, "low_frequency_factor": 1.0, "high_frequency_factor": 4.0, "original_context": 8_192,
    ]
    private static let experts: [String: any Sendable] = [
        "count": 8, "per_token": 2, "feed_forward": 96, "normalises_weights": true,
    ]

    @Test("Everything a model may have is read")
    func optionalParts() throws {
        let shape = try parse([
            "context_length": 131_072, "query_key_value_bias": true, "query_key_norm": true, "rotary_pairs": "halves",
            "rotary_scaling": Self.scaling, "experts": Self.experts, "parameters": 1_000_000,
            "active_parameters": 500_000, "unsupported": ["sinks", "windows", "biases"],
        ])
        #expect(shape.contextLength == 131_072 && shape.hasQueryKeyValueBias && shape.hasQueryKeyNorm)
        #expect(shape.rotaryPairs == .halves)
        #expect(
            shape.rotaryScaling
                == RotaryScaling(factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8_192))
        #expect(
            shape.experts == ExpertShape(count: 8, perToken: 2, feedForward: 96, normalisesWeights: true))
        #expect(shape.totalParameters == 1_000_000 && shape.parametersPerToken == 500_000)
        let reason = "Tiny-1B needs sinks, windows and biases, which this program does not compute"
        #expect(shape.unsupportedReason == reason)
        #expect(try parse([:]).unsupportedReason == nil)
        // What is written is read again: every property has its key.
        #expect(try ModelCatalogue.parse(JSONDocument.encode(shape), named: "again.json") == shape)
    }

    @Test("A model's parameters are those of its matrices where nobody counts them")
    func parameters() throws {
        let shape = try parse(["experts": Self.experts, "tied_embedding": true])
        let attention = 64 * 64 * 2 + 2 * 64 * 32
        let expert = 3 * 64 * 96
        #expect(shape.totalParameters == 2 * (attention + 8 * 64 + 8 * expert) + 64 * 64)
        #expect(shape.parametersPerToken == 2 * (attention + 8 * 64 + 2 * expert) + 64 * 64)
    }

    @Test(
        "Absurd values are named by their key, however deep it lies",
        arguments: [
            ("context_length", "0"), ("context_length", "16777217"), ("context_length", "-1"),
            ("context_length", #""8k""#), ("context_length", "1e30"), ("context_length", "8192.5"),
            ("query_key_value_bias", "1"), ("query_key_norm", #""yes""#), ("rotary_pairs", #""quarters""#),
            ("rotary_scaling", "8"), ("rotary_scaling.factor", "0"), ("rotary_scaling.factor", "-8"),
            ("rotary_scaling.factor", "1e7"), ("rotary_scaling.factor", "1e999"), ("rotary_scaling.factor", "null"),
            ("rotary_scaling.low_frequency_factor", "0"), ("rotary_scaling.high_frequency_factor", "1"),
            ("rotary_scaling.high_frequency_factor", "0.5"), ("rotary_scaling.high_frequency_factor", "1e7"),
            ("rotary_scaling.original_context", "0"), ("rotary_scaling.original_context", "16777217"),
            ("experts.count", "0"), ("experts.count", "4097"), ("experts.per_token", "0"), ("experts.per_token", "9"),
            ("experts.feed_forward", "0"), ("experts.feed_forward", "100"), ("experts.feed_forward", "262160"),
            ("experts.normalises_weights", "2"), ("unsupported", "[]"), ("unsupported", #"[""]"#),
            ("unsupported", #"["\u001b[2J"]"#), ("unsupported", #""sinks""#), ("unsupported", #"["a", 1]"#),
            ("parameters", "0"), ("parameters", "9223372036854775807"), ("active_parameters", "-1"),
            ("active_parameters", "2000000"), ("rope_theta", "1"), ("rope_theta", "-10000"), ("rope_theta", "1e13"),
            ("norm_epsilon", "0"), ("norm_epsilon", "1"), ("norm_epsilon", "-1e-5"), ("hidden", "65552"),
            ("hidden", "9223372036854775807"), ("heads", "-4"), ("vocabulary", "1048577"),
        ])
    func absurd(key: String, value: String) throws {
        var object = Self.valid.mapValues { "\($0)" }
        for (key, value) in object where Double(value) == nil && Bool(value) == nil { object[key] = "\"\(value)\"" }
        object["parameters"] = "1000000"
        let nested = [("rotary_scaling", Self.scaling), ("experts", Self.experts)].map { name, members in
            (name, members.mapValues { "\($0)" })
        }
        for (name, var members) in nested {
            for member in members.keys where "\(name).\(member)" == key { members[member] = value }
            object[name] = "{" + members.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
        }
        if !key.contains(".") { object[key] = value }
        let text = "{" + object.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
        let error = #expect(throws: InputError.self, "\(text)") {
            try ModelCatalogue.parse(Data(text.utf8), named: "m.json")
        }
        let isNamed = error?.source == "m.json" && error?.description.contains(key) == true
        #expect(isNamed, "\(String(describing: error))")
        #expect(error?.description.contains("\u{1b}") == false)
    }

    @Test(
        "Keys that nobody reads are refused, with the one that may have been meant",
        arguments: [
            (#""layer": 2"#, "'layer'", "Did you mean layers"),
            (#""keyValueHeads": 2"#, "'keyValueHeads'", "key_value_heads"),
            (#""key_value__heads": 2"#, "'key_value__heads'", "Did you mean key_value_heads"),
            (#""experts": {"count": 2, "pertoken": 1}"#, "experts.'pertoken'", "Did you mean per_token"),
            (#""rotary_scaling": {"x": {"layers": 1}}"#, "rotary_scaling.'x'", "Known: factor"),
            (#""evil\u001b[2J": 1"#, "'evil[2J'", "Remove it"), (#""": 1"#, "''", "Remove it"),
            (#""layers": 2"#, "'layers'", "Keep one"), (#""l\u0061yers" : 2"#, "'layers'", "Keep one"),
            (#""experts": {"count": 2, "count": 3}"#, "experts.'count'", "Keep one"),
        ])
    func unknownKeys(member: String, place: String, recovery: String) throws {
        let valid = try JSONSerialization.data(withJSONObject: Self.valid)
        let text = "{\(member), " + String(decoding: valid, as: UTF8.self).dropFirst()
        let error = #expect(throws: InputError.self) { try ModelCatalogue.parse(Data(text.utf8), named: "m.json") }
        #expect(error?.place == place, "\(String(describing: error))")
        #expect(error?.recovery?.contains(recovery) == true, "\(String(describing: error))")
    }

    @Test("Text that looks like keys is none, and other encodings are refused")
    func harmlessText() throws {
        let text = #"a "layers": 2, {"layers": [3]}, \"#
        #expect(try parse(["source": text]).source == text)
        let valid = String(decoding: try JSONSerialization.data(withJSONObject: Self.valid), as: UTF8.self)
        for encoding in [String.Encoding.utf16LittleEndian, .utf16BigEndian, .utf32LittleEndian] {
            let data = try #require(valid.data(using: encoding))
            #expect(throws: InputError.self) { try ModelCatalogue.parse(data, named: "m.json") }
        }
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
        for name in ["", "x\u{1B}[2J", "x\u{9B}2J", String(repeating: "x", count: 1_001)] {
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
