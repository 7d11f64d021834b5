import FoundationEssentials
import NodeModel
import Testing

@Suite struct QuantityTests {
    @Test func unitsCombine() {
        #expect(Joules(10) / Seconds(4) == Watts(2.5))
        #expect(Watts(3) * Seconds(2) == Joules(6))
        #expect(Flops(8) / Seconds(2) == FlopsPerSecond(4))
        #expect(Seconds(6) / Seconds(3) == 2.0)
        #expect(Joules.perKilowattHour == 3.6e6)
    }

    @Test func quantitiesAreCodedAsPlainNumbers() throws {
        #expect(try JSONDocument.text([Joules(1.5)], pretty: false) == "[1.5]")
        let back = try JSONDocument.decode([Watts].self, from: Data("[2]".utf8), named: "test")
        #expect(back == [Watts(2)])
    }

    @Test func instantsSubtractAcrossTheirWholeRange() {
        let start = MonotonicInstant(nanoseconds: 5_000_000_000)
        #expect(start.advanced(by: Seconds(1.5)).since(start) == Seconds(1.5))
        #expect(start.since(start.advanced(by: Seconds(2))) == Seconds(-2))
    }
}

@Suite struct JSONDocumentTests {
    struct Sample: Codable, Equatable {
        @ExplicitNull var energyJoules: Joules?
        var gramsCo2ePerMillionTokens: Double
        var ci95LowSeconds: Double
    }

    @Test func keysAreSnakeCaseAndAbsentValuesAreNull() throws {
        let sample = Sample(energyJoules: nil, gramsCo2ePerMillionTokens: 1, ci95LowSeconds: 2)
        let text = try JSONDocument.text(sample, pretty: false)
        #expect(text == #"{"ci95_low_seconds":2,"energy_joules":null,"grams_co2e_per_million_tokens":1}"#)
        #expect(try JSONDocument.decode(Sample.self, from: Data(text.utf8), named: "test") == sample)
    }

    @Test func missingNullableKeysAreRead() throws {
        let text = #"{"ci95_low_seconds":2,"grams_co2e_per_million_tokens":1}"#
        #expect(try JSONDocument.decode(Sample.self, from: Data(text.utf8), named: "test").energyJoules == nil)
    }

    @Test func numbersThatAreNotFiniteAreRefused() {
        #expect(throws: EncodingError.self) { try JSONDocument.text([Joules(.nan)]) }
    }

    @Test(arguments: ["", "{", #"{"ci95_low_seconds":"x","grams_co2e_per_million_tokens":1}"#, "[]"])
    func errorsNameTheSource(text: String) {
        let error = #expect(throws: InputError.self) {
            try JSONDocument.decode(Sample.self, from: Data(text.utf8), named: "site.json")
        }
        #expect(error?.description.hasPrefix("site.json: ") == true)
    }

    @Test func errorsNameTheKey() {
        let error = #expect(throws: InputError.self) {
            try JSONDocument.decode(Sample.self, from: Data(#"{"ci95_low_seconds":2}"#.utf8), named: "x")
        }
        #expect(error?.problem.contains("grams") == true)
    }
}
