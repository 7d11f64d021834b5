import Foundation
import Testing

@Suite struct UsageTests {
    @Test func versionIsAVersion() throws {
        let finished = try Program.run(["--version"])
        #expect(finished.status == 0)
        #expect(finished.output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
    }

    @Test(arguments: [
        "run", "topology", "devices", "meters", "meter", "doctor", "sweep", "carbon", "profile write", "profile show",
        "track list", "track show",
    ])
    func everyCommandHasHelpWithAnExample(command: String) throws {
        let finished = try Program.run(command.split(separator: " ").map(String.init) + ["--help"])
        #expect(finished.status == 0)
        #expect(finished.output.contains("EXAMPLES:"))
        #expect(finished.output.contains("nodewatt \(command)"))
        #expect(finished.output.contains("--format"))
    }

    @Test(arguments: [
        "run --no-such-option", "run --suite huge", "run --workload sort", "run --shape 0x1x2", "run --level l1",
        "run --workload bandwidth --working-set 0", "run --workload latency --working-set 100",
        "run --workload bandwidth --variant scale", "run --workload latency --level l9",
        "run --threads 0", "run --threads 99999", "run --isa mmx", "run --isa all avx2",
        "run --isa scalar scalar", "run --smt --threads 1", "run --trial-seconds 0",
        "run --idle-seconds -1",
        "run --device opencl:99:0", "run --quantization i8", "run --prompt -1", "run --generate 131073",
        "run --prompt 0 --generate 0", "run --batch 0", "run --context -1", "run --workload llm --precision i8",
        "run --workload gemv --shape 64x64x64",
        "run --workload gemm --shape 64x64", "run --workload gemv --shape 0x64", "topology --xml a --synthetic b",
        "meter", "carbon", "carbon --joules-per-token -1", "nonsense", "run --zone ATLANTIS", "run --model gpt-99",
        "run --pue 0.5", "carbon --joules-per-token 1 --green-share 2 --residual-zone CN-RESIDUAL",
        "carbon --joules-per-token 1 --green-share 0.5", "carbon --joules-per-token 1 --currency yuan",
    ])
    func wrongUsageIsStatus64(line: String) throws {
        let finished = try Program.run(line.split(separator: " ").map(String.init))
        #expect(finished.status == 64, "\(finished.error)")
        #expect(!finished.error.isEmpty)
        #expect(finished.output.isEmpty)
    }

    @Test func anEmptyInstructionSetIsNotTheBestOne() throws {
        for arguments in [["--isa", ""], ["--isa", "scalar", ""]] {
            let finished = try Program.run(["run", "--no-save", "--device", "cpu"] + arguments)
            #expect(finished.status == 64 && finished.error.contains("--isa '': an empty name"), "\(finished.error)")
        }
    }

    /// What a device cannot do is a row that says so, and a run of such rows alone measured nothing.
    @Test(arguments: [
        ("gemv --precision i8", "no i8 gemv"), ("gemm --precision q8_0", "no q8_0 gemm"),
        ("peak --precision q4_0", "q4_0"),
    ])
    func whatCannotBeComputedIsARow(selection: String, reason: String) throws {
        let finished = try Program.run(
            "run --no-save --device cpu --idle-seconds 0 --format json --workload \(selection)"
                .split(separator: " ").map(String.init))
        #expect(finished.status == 2, "\(finished.error)")
        let trials = try #require(try finished.document()["trials"] as? [[String: Any]])
        #expect(trials.map { $0["status"] as? String } == ["unsupported"])
        #expect((trials.first?["reason"] as? String)?.contains(reason) == true)
        #expect(trials.first?["precision"] as? String == selection.split(separator: " ").last.map(String.init))
    }

    @Test(arguments: [
        ("run --no-save --model /nonexistent.json", "/nonexistent.json"),
        ("run --no-save --site /nonexistent.json", "/nonexistent.json"),
        ("topology --xml /nonexistent.xml", "/nonexistent.xml"),
        ("topology --synthetic nonsense", "nonsense"), ("meters --sysfs /nonexistent", "/nonexistent"),
        ("profile show /nonexistent.json", "/nonexistent.json"),
    ])
    func wrongInputIsStatus65AndNamed(line: String, name: String) throws {
        let finished = try Program.run(line.split(separator: " ").map(String.init))
        #expect(finished.status == 65, "\(finished.error)")
        #expect(finished.error.contains(name), "\(finished.error)")
    }

    @Test(arguments: [
        (#"{"zone": 5}"#, "zone"), (#"{"pue": "x"}"#, "pue"), (#"{"puee": 1}"#, "puee"), ("{", "top level"),
        ("[]", "top level"),
        (#"{"pue": 0.2}"#, "pue"), (#"{"currency": "yuan"}"#, "yuan"),
    ])
    func malformedSiteFilesNameTheKey(text: String, name: String) throws {
        let path = Scratch.folder() + "/site.json"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let finished = try Program.run(["carbon", "--joules-per-token", "1", "--site", path])
        #expect(finished.status == 65, "\(finished.error)")
        #expect(finished.error.contains(path) && finished.error.contains(name), "\(finished.error)")
    }

    @Test func malformedModelFilesNameTheKey() throws {
        let path = Scratch.folder() + "/model.json"
        try #"{"name": "x", "layers": -1}"#.write(toFile: path, atomically: true, encoding: .utf8)
        let finished = try Program.run(["run", "--no-save", "--model", path])
        #expect(finished.status == 65)
        #expect(finished.error.contains(path))
    }

    @Test func anUnsupportedInstructionSetIsRefused() throws {
        let finished = try Program.run(["run", "--no-save", "--device", "cpu"], environment: ["NODEWATT_ISA": "vax"])
        #expect(finished.status == 64, "\(finished.error)")
        #expect(finished.error.contains("vax"))
    }
}

@Suite struct SiteTests {
    private func carbon(_ arguments: [String], environment: [String: String?] = [:]) throws -> [String: Any] {
        try Program.run(
            ["carbon", "--joules-per-token", "3.6", "--format", "json"] + arguments, environment: environment
        ).document()
    }

    @Test func theFormulaIsTheDocumentedOne() throws {
        let document = try carbon([
            "--grid-factor", "500", "--pue", "1.2", "--electricity-price", "0.5", "--currency", "CNY",
        ])
        #expect(abs((document["grams_co2e_per_million_tokens"] as? Double ?? 0) - 600) < 1e-9)
        #expect(abs((document["cost_per_million_tokens"] as? Double ?? 0) - 0.6) < 1e-12)
        #expect(document["currency"] as? String == "CNY")
    }

    @Test func withoutAZoneItIsTheWorldAndSaysSo() throws {
        let document = try carbon([])
        let factor = try #require(document["factor"] as? [String: Any])
        #expect(factor["zone"] as? String == "WORLD")
        for key in ["year", "gas", "scope", "source", "grams_per_kwh"] { #expect(factor[key] != nil) }
        let site = try #require(document["site"] as? [String: Any])
        #expect(((site["factor"] as? [String: Any])?["source"] as? String)?.contains("default") == true)
    }

    @Test func flagsBeatVariablesBeatFiles() throws {
        let path = Scratch.folder() + "/site.json"
        try #"{"pue": 1.5, "zone": "DEU"}"#.write(toFile: path, atomically: true, encoding: .utf8)
        let file = try carbon(["--site", path])
        #expect(file["pue"] as? Double == 1.5)
        #expect((file["factor"] as? [String: Any])?["zone"] as? String == "DEU")
        #expect(try carbon(["--site", path], environment: ["NODEWATT_PUE": "1.4"])["pue"] as? Double == 1.4)
        #expect(
            try carbon(["--site", path, "--pue", "1.3"], environment: ["NODEWATT_PUE": "1.4"])["pue"] as? Double == 1.3)
    }
}
