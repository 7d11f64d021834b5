import Analysis
import NodeModel
import Testing

@Suite("Grid factors") struct GridFactorsTests {
    private static let header = "zone,name,grams_per_kwh,gas,scope,year,source,url\n"
    private static let row = "DEU,Germany,380.95,CO2e,life-cycle,2023,OWID,https://example.org/\n"

    private static func row(_ changes: [String: String]) -> String {
        let values = zip(GridFactorTable.columns, row.dropLast().split(separator: ",").map(String.init))
        return values.map { changes[$0] ?? $1 }.joined(separator: ",") + "\n"
    }

    private func table(_ rows: String...) throws -> GridFactorTable {
        try GridFactorTable.parse(Self.header + rows.joined(), named: "grid.csv")
    }

    @Test("A row is read with all its facts")
    func reading() throws {
        let factor = try table(Self.row(["name": #""Germany, ""all"" of it""#])).lookup("deu")
        #expect(
            factor
                == GridFactor(
                    zone: "DEU", name: #"Germany, "all" of it"#, gramsPerKwh: GramsPerKilowattHour(380.95), gas: "CO2e",
                    scope: "life-cycle", year: 2023, source: "OWID", url: "https://example.org/"))
    }

    @Test("The most recent year wins, whatever the order")
    func years() throws {
        let table = try table(
            Self.row(["year": "2022", "grams_per_kwh": "400"]), Self.row([:]),
            Self.row(["year": "2021", "grams_per_kwh": "420"]))
        #expect(try table.lookup("DEU").year == 2023)
        #expect(table.zones == ["DEU"])
    }

    @Test(
        "A wrong row is refused with its line and column",
        arguments: [
            ("grams_per_kwh", "0"), ("grams_per_kwh", "-3"), ("grams_per_kwh", "2001"), ("grams_per_kwh", "nan"),
            ("grams_per_kwh", "inf"), ("grams_per_kwh", "a lot"), ("grams_per_kwh", ""), ("gas", "co2"), ("gas", ""),
            ("scope", "lifecycle"), ("year", "1989"), ("year", "2023.5"), ("year", "20230"), ("zone", ""),
            ("zone", "d e"),
            ("zone", "deu"), ("name", ""), ("name", "\u{1B}[31m"), ("source", ""), ("url", "ftp://example.org"),
        ])
    func wrong(column: String, value: String) throws {
        let text = Self.row(["zone": "FRA"]) + Self.row([column: value])
        let error = #expect(throws: InputError.self) { try table(text) }
        #expect(error?.source == "grid.csv" && error?.place == "line 3, column \(column)")
    }

    @Test("A second factor for the same zone, year, gas and scope is refused")
    func duplicates() throws {
        let error = #expect(throws: InputError.self) { try table(Self.row, Self.row(["grams_per_kwh": "1"])) }
        #expect(error?.place == "line 3")
        #expect(try table(Self.row, Self.row(["gas": "CO2"]), Self.row(["scope": "generation"])).factors.count == 3)
        var merged = try table(Self.row)
        #expect(throws: InputError.self) { try merged.merge(table(Self.row), named: "other.csv") }
    }

    @Test("A wrong header and an empty file are refused")
    func header() {
        for text in ["", "\n\n", "zone;name\n", "zone,name,grams,gas,scope,year,source,url\n" + Self.row] {
            let error = #expect(throws: InputError.self) { try GridFactorTable.parse(text, named: "grid.csv") }
            #expect(error?.place == "line 1")
        }
    }

    @Test("An unknown zone is answered with near ones")
    func suggestions() throws {
        let table = try table(Self.row, Self.row(["zone": "CN-SC"]), Self.row(["zone": "CN-SD"]))
        let error = #expect(throws: UsageError.self) { try table.lookup("CN-SX") }
        #expect(error?.description == "unknown grid zone 'CN-SX'. Did you mean CN-SC, CN-SD?")
        #expect(throws: UsageError.self) { try table.lookup("") }
    }

    @Test("Aliases lead to zones, and only to known ones")
    func aliases() throws {
        var table = try table(Self.row)
        try table.addAliases("alias,zone\nde,DEU\n", named: "aliases.csv")
        #expect(try table.lookup("De").zone == "DEU")
        for text in ["alias,zone\nfr,FRA\n", "alias,zone\nDEU,DEU\n", "alias,zone\nDE,DEU\n", "zone,alias\n"] {
            #expect(throws: InputError.self) { try table.addAliases(text, named: "aliases.csv") }
        }
    }
}

@Suite("CSV text by RFC 4180") struct CSVDocumentTests {
    @Test("Quotes, commas, line ends and a byte order mark")
    func reading() throws {
        let text = "\u{FEFF}a,b\r\n\"1,\"\"x\"\"\",\"two\r\nlines\"\r\n\n,\n\"\",last"
        let document = try CSVDocument(text, named: "t.csv")
        #expect(document.header == ["a", "b"])
        #expect(document.rows.map(\.fields) == [["1,\"x\"", "two\r\nlines"], ["", ""], ["", "last"]])
        #expect(document.rows.map(\.line) == [2, 5, 6])
    }

    @Test(
        "Broken text is refused with its line",
        arguments: [
            ("a,b\n1\n", "line 2"), ("a,b\n1,2,3\n", "line 2"), ("a\n\"open\n\n", "line 2"), ("a\nx\"y\n", "line 2"),
            ("a\n\n\"x\"y\n", "line 3"), ("a\n\"\n\n\n\"z\n", "line 5"),
        ])
    func broken(text: String, place: String) {
        let error = #expect(throws: InputError.self) { try CSVDocument(text, named: "t.csv") }
        #expect(error?.place == place)
    }

    @Test("No text makes the reader crash or hang")
    func fuzzing() {
        var state: UInt32 = 1
        let alphabet: [Character] = ["a", ",", "\"", "\n", "\r", "é", "\u{FEFF}"]
        for _ in 0..<5_000 {
            var text = ""
            for _ in 0..<12 {
                state = state &* 1_664_525 &+ 1_013_904_223
                text.append(alphabet[Int(state >> 16) % alphabet.count])
            }
            let document = try? CSVDocument(text, named: "fuzz")
            #expect(document?.rows.allSatisfy { $0.fields.count == document?.header.count } ?? true)
        }
    }
}
