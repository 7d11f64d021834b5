import EnergyMeters
import Foundation
import NodeModel
import Testing

/// The real libpowercap on a tree bound over `/sys/class` in a mount namespace.
///
/// This program runs itself there, with only the second suite; what that suite sees comes back in a file.
@Suite(.serialized) struct LibpowercapTests {
    struct Answer: Codable {
        var window: WindowEnergy
        var meters: [MeterDescription]
        var unavailable: [Unavailable]
        var caps: [Double]
    }

    static let script = checkout + "/Tests/Fixtures/with_rapl_tree.sh"

    /// Status 77 is the script's word for a system that bars namespaces; any other failure is one of the tests.
    static let namespaces: ConditionTrait = {
        guard ProcessInfo.processInfo.environment["NODEWATT_TEST_ANSWER"] == nil else {
            return .enabled(if: false, "this is the inner run")
        }
        let (status, output) = (try? run([script, "--", "true"], [:])) ?? (0, "")
        return .enabled(if: status != 77, Comment(rawValue: output))
    }()

    static func run(_ command: [String], _ environment: [String: String]) throws -> (Int32, String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    static func measure(_ feeder: [String], seconds: Double) throws -> Answer {
        let folder = try TemporaryFolder()
        let file = folder.path + "/answer.json"
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        // Under SwiftPM this is either the bundle itself or a helper that is told where the bundle is.
        let bundle = CommandLine.arguments.firstIndex(of: "--test-bundle-path").map {
            Array(CommandLine.arguments[$0...].prefix(2))
        }
        let command =
            [script] + feeder + ["--", program] + (bundle ?? [])
            + ["--testing-library", "swift-testing", "--filter", "LibpowercapChild"]
        let (status, output) = try run(
            command, ["NODEWATT_TEST_ANSWER": file, "NODEWATT_TEST_SECONDS": String(seconds)])
        let data = try #require(FileManager.default.contents(atPath: file), "status \(status): \(output)")
        return try JSONDocument.decode(Answer.self, from: data, named: file)
    }

    @Test("energy across a wrap is right within 1 %, graded counter", namespaces)
    func wrap() throws {
        let answer = try Self.measure(
            ["--watts", "120", "--dram-watts", "30", "--packages", "2", "--wrap-after-joules", "150", "--peak-power"]
                + ["--psys", "psys", "--psys", "psys-1"], seconds: 5)
        let total = try #require(answer.window.total)
        let truth = 150 * answer.window.durationSeconds.rawValue
        #expect(abs(total.value.rawValue / truth - 1) <= 0.01, "\(total.value) instead of \(truth) J")
        #expect(answer.window.grade == .counter)
        #expect(answer.window.sources == ["libpowercap"])
        #expect(answer.meters.filter { $0.domain.kind == .platform }.map(\.domain.name) == ["psys", "psys-1"])
        #expect(answer.caps == [200, 200])
        let package = try #require(answer.window.domains.first { $0.name == "package-0" }?.energyJoules)
        // More than was left before the wrap, so there was one inside the window.
        #expect(package.rawValue > 150)
    }

    @Test(
        "unreadable counters are named with the commands that enable them",
        namespaces)
    func denied() throws {
        let answer = try Self.measure(["--unprivileged", "--deny", "all"], seconds: 0.1)
        #expect(!answer.meters.contains { $0.source == "libpowercap" })
        let note = try #require(answer.unavailable.first { $0.subject.contains("intel-rapl:0") })
        #expect(note.reason.contains("Permission denied"))
        let commands = (note.remedies ?? []).flatMap(\.commands)
        #expect(commands.contains { $0.hasPrefix("sudo chmod a+r") && $0.contains("max_energy_range_uj") })
        #expect(answer.window.grade == .modelled)
    }

    @Test("a counter that stands still is no energy of 0", namespaces)
    func standing() throws {
        let answer = try Self.measure(["--standing", "package-0"], seconds: 1.2)
        let package = try #require(answer.window.domains.first { $0.name == "package-0" })
        #expect(package.energyJoules == nil)
        #expect(package.problem == "counter did not advance")
        #expect(answer.window.grade == .modelled)
    }

    @Test("a counter file that is gone does not hide its neighbours", namespaces)
    func missing() throws {
        let answer = try Self.measure(["--missing", "core", "--mmio"], seconds: 0.1)
        #expect(answer.meters.map(\.id) == ["rapl:intel-rapl:0", "model:cpu"])
        #expect(answer.unavailable.map(\.subject).contains("rapl intel-rapl:0:0"))
        #expect(answer.unavailable.map(\.subject).contains("rapl intel-rapl-mmio:0"))
    }
}

@Suite(.enabled(if: ProcessInfo.processInfo.environment["NODEWATT_TEST_ANSWER"] != nil, "runs in a namespace only"))
struct LibpowercapChild {
    @Test func measure() throws {
        let environment = ProcessInfo.processInfo.environment
        let file = try #require(environment["NODEWATT_TEST_ANSWER"])
        let seconds = try #require(environment["NODEWATT_TEST_SECONDS"].flatMap { Double($0) })
        let options = MeterOptions(profilesDirectory: PowerModelTests.directory)
        let inventory = try MeterCatalogue.discover(options)
        let accumulator = EnergyAccumulator(meters: inventory.meters)
        accumulator.beginWindow()
        Thread.sleep(forTimeInterval: seconds)
        let answer = LibpowercapTests.Answer(
            window: accumulator.endWindow(), meters: accumulator.descriptions, unavailable: inventory.unavailable,
            caps: RAPLMeter.packagePowerCaps(options))
        try JSONDocument.encode(answer).write(to: URL(fileURLWithPath: file))
    }
}
