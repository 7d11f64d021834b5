import Analysis
import Exporters
import Foundation
import NodeModel
import Testing

@Suite("The data files that come with nodewatt") struct ProfileDirectoryTests {
    private let shipped = ProfileDirectory(path: Checkout.profiles)

    @Test("Every shipped grid factor is valid, sourced and found")
    func factors() throws {
        let table = try shipped.gridFactors()
        #expect(table.factors.count >= 295 && table.zones.count >= 250)
        for zone in table.zones { #expect(try table.lookup(zone).zone == zone) }
        for (alias, zone) in table.aliases { #expect(try table.lookup(alias).zone == zone) }
        #expect(table.factors.allSatisfy { !$0.source.isEmpty && $0.url?.hasPrefix("http") == true })
    }

    @Test(
        "Known zones have the published figures",
        arguments: [
            ("WORLD", 472.94, 2024, "CO2e", "life-cycle"), ("cn-sc", 156.4, 2023, "CO2", "generation"),
            ("CN", 530.6, 2023, "CO2", "generation"), ("de", 380.950, 2023, "CO2e", "life-cycle"),
            ("US", 369.473, 2023, "CO2e", "life-cycle"), ("uk", 237.589, 2023, "CO2e", "life-cycle"),
            ("egrid:camx", 195.037, 2023, "CO2e", "generation"), ("CN-FOOTPRINT", 577.7, 2024, "CO2e", "life-cycle"),
        ])
    func published(zone: String, grams: Double, year: Int, gas: String, scope: String) throws {
        let factor = try shipped.gridFactors().lookup(zone)
        #expect(factor.gramsPerKwh == GramsPerKilowattHour(grams))
        #expect(factor.year == year && factor.gas == gas && factor.scope == scope)
    }

    @Test("Chinese factors say that they are of CO2 alone")
    func chineseGas() throws {
        let ministry = try shipped.gridFactors().factors.filter { $0.zone.hasPrefix("CN") && $0.zone != "CN-FOOTPRINT" }
        #expect(ministry.count == 80 && ministry.allSatisfy { $0.gas == "CO2" && $0.scope == "generation" })
        let sources = try String(contentsOfFile: shipped.path(for: "grid/SOURCES.md"), encoding: .utf8)
        #expect(sources.contains("CO2 only") && sources.contains("CC BY 4.0"))
    }

    @Test("Every shipped model is valid, sourced, and found by its file and its own name")
    func models() throws {
        let catalogue = try shipped.models()
        #expect(catalogue.names.count >= 4)
        for (stem, shape) in catalogue.shapes {
            #expect(shape.source.hasPrefix("https://"))
            #expect(try catalogue.lookup(stem.uppercased()) == shape)
            #expect(try catalogue.lookup(shape.name) == shape)
        }
    }

    /// All parameters without the norms' gains; the published counts are rounded.
    @Test(
        "Shapes add up to the models' published sizes",
        arguments: [
            ("tinyllama-1.1b", 1.100e9), ("llama-3.2-1b", 1.236e9), ("llama-3.1-8b", 8.030e9),
            ("llama-3.1-70b", 70.554e9),
            ("mistral-7b-v0.3", 7.248e9), ("smollm2-135m", 0.1345e9),
        ])
    func parameters(name: String, published: Double) throws {
        let shape = try shipped.models().lookup(name)
        let embedding = shape.tiedEmbedding ? 0 : shape.vocabulary * shape.hidden
        let parameters = Double(shape.matrixParametersPerToken + embedding)
        #expect(abs(parameters / published - 1) < 0.001, "\(parameters)")
    }

    @Test("The folder is found by path, variable, installation and checkout, in this order")
    func locating() throws {
        let scratch = try Scratch()
        for folder in ["named", "variable", "tree/share/nodewatt/Profiles", "tree/bin/Profiles", "checkout/Profiles"] {
            for part in ["grid", "models"] { try scratch.write("", "\(folder)/\(part)/.keep") }
        }
        func found(_ explicit: String? = nil, _ variable: String? = nil, program: String) throws -> String {
            let directory = try ProfileDirectory.locate(
                explicit: explicit.map { "\(scratch.path)/\($0)" },
                environment: variable.map { ["NODEWATT_PROFILES": "\(scratch.path)/\($0)"] } ?? [:],
                executablePath: "\(scratch.path)/\(program)")
            return String(directory.path.dropFirst(scratch.path.count + 1))
        }
        try scratch.write("", "tree/bin/nodewatt")
        #expect(try found("named", "variable", program: "tree/bin/nodewatt") == "named")
        #expect(try found(nil, "variable", program: "tree/bin/nodewatt") == "variable")
        #expect(try found(program: "tree/bin/nodewatt") == "tree/share/nodewatt/Profiles")
        try FileManager.default.removeItem(atPath: scratch.path + "/tree/share")
        #expect(try found(program: "tree/bin/nodewatt") == "tree/bin/Profiles")
        try scratch.write("", "checkout/.build/release/nodewatt")
        try scratch.write("", "checkout/Package.swift")
        #expect(try found(program: "checkout/.build/release/nodewatt") == "checkout/Profiles")
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path + "/link", withDestinationPath: "checkout/.build/release/nodewatt")
        #expect(try found(program: "link") == "checkout/Profiles")

        #expect(throws: InputError.self) { try found("tree", program: "tree/bin/nodewatt") }
        #expect(throws: InputError.self) { try found(nil, "nowhere", program: "tree/bin/nodewatt") }
        try scratch.write("", "lonely/nodewatt")
        let error = #expect(throws: SystemFailure.self) { try found(program: "lonely/nodewatt") }
        #expect(error?.description.contains("NODEWATT_PROFILES") == true)
    }

    @Test("A fault in a data file is named with file and place")
    func faults() throws {
        let scratch = try Scratch()
        let directory = ProfileDirectory(path: scratch.path)
        try scratch.write(#"{"name": "x"}"#, "models/broken.json")
        let model = #expect(throws: InputError.self) { try directory.models() }
        #expect(model?.source == "\(scratch.path)/models/broken.json")
        try scratch.write("zone,name\n", "grid/a.csv")
        let grid = #expect(throws: InputError.self) { try directory.gridFactors() }
        #expect(grid?.source == "\(scratch.path)/grid/a.csv" && grid?.place == "line 1")
        #expect(throws: InputError.self) { try ProfileDirectory.model(file: scratch.path + "/absent.json") }
        #expect(throws: InputError.self) { try ProfileDirectory.model(file: "/dev/zero") }
    }
}
