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
        #expect(catalogue.names.count >= 13)
        for (stem, shape) in catalogue.shapes {
            #expect(shape.contextLength != nil, "\(stem)")
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
            ("mistral-7b-v0.3", 7.248e9), ("smollm2-135m", 0.1345e9), ("qwen2.5-0.5b", 0.494e9),
            ("llama-3.2-3b", 3.213e9), ("qwen3-8b", 8.191e9), ("qwen3-30b-a3b", 30.532e9), ("mixtral-8x7b", 46.703e9),
            ("gpt-oss-20b", 20.91e9), ("deepseek-v3", 671e9),
        ])
    func parameters(name: String, published: Double) throws {
        let parameters = Double(try shipped.models().lookup(name).totalParameters)
        #expect(abs(parameters / published - 1) < 0.001, "\(parameters)")
    }

    /// Publishers count the embedding too, of which a token meets one row.
    @Test(
        "A token meets as many parameters of a mixture of experts as is published",
        arguments: [("qwen3-30b-a3b", 3.3e9), ("mixtral-8x7b", 12.9e9)])
    func activeParameters(name: String, published: Double) throws {
        let shape = try shipped.models().lookup(name)
        let parameters = Double(shape.parametersPerToken + shape.vocabulary * shape.hidden)
        #expect(abs(parameters / published - 1) < 0.02, "\(parameters)")
    }

    /// Of gpt-oss the shape lacks biases and sinks alone, so its matrices are nearly all there is.
    @Test func mostOfGptOssIsMatrices() throws {
        var shape = try shipped.models().lookup("gpt-oss-20b")
        (shape.parameters, shape.activeParameters) = (nil, nil)
        #expect(abs(Double(shape.totalParameters) / 20.91e9 - 1) < 0.001)
        #expect(abs(Double(shape.parametersPerToken) / 3.61e9 - 1) < 0.001)
    }

    @Test("Models with parts that are not computed say which, and no others do")
    func unsupported() throws {
        let shapes = try shipped.models().shapes
        let reasons = shapes.compactMapValues(\.unsupportedReason)
        #expect(Set(reasons.keys) == ["gpt-oss-20b", "deepseek-v3"])
        #expect(reasons["gpt-oss-20b"]?.hasPrefix("gpt-oss-20b needs attention sinks, sliding windows") == true)
        #expect(reasons["deepseek-v3"]?.contains("multi-head latent attention") == true)
    }

    @Test("Wavelengths that the first context does not hold are stretched by Llama's factor")
    func rotaryScaling() throws {
        for (name, factor) in [("llama-3.2-1b", 32.0), ("llama-3.2-3b", 32), ("llama-3.1-8b", 8), ("llama-3.1-70b", 8)]
        {
            let scaled = try shipped.models().lookup(name)
            var plain = scaled
            plain.rotaryScaling = nil
            let ratios = zip(plain.rotaryFrequencies, scaled.rotaryFrequencies).map { $0 / $1 }
            #expect(ratios.first == 1 && abs((ratios.last ?? 0) / factor - 1) < 1e-12, "\(name)")
            #expect(ratios == ratios.sorted() && ratios.contains { $0 > 1.01 && $0 < 0.99 * factor }, "\(name)")
        }
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
