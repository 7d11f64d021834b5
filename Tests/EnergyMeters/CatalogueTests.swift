import EnergyMeters
import Foundation
import NodeModel
import Testing

@Suite struct CatalogueTests {
    @Test("every meter's file is in the catalogue") func complete() throws {
        let folder = checkout + "/Sources/EnergyMeters"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix("Meter.swift") }
        #expect(!files.isEmpty)
        #expect(Set(files) == Set(MeterCatalogue.kinds.map(\.file)))
        #expect(Set(MeterCatalogue.kinds.map(\.name)).count == MeterCatalogue.kinds.count)
    }

    @Test("the model is there with a profiles folder, and its absence is said without one") func model() throws {
        let with = try MeterCatalogue.discover(MeterOptions(profilesDirectory: PowerModelTests.directory))
        #expect(with.meters.last?.description.grade == .modelled)
        let without = try MeterCatalogue.discover()
        #expect(without.unavailable.contains { $0.subject == "power model" })
        #expect(!without.meters.contains { $0.description.grade == .modelled })
    }

    @Test("a profiles folder without the file is an error that names it") func wrongFolder() {
        #expect(throws: InputError.self) { try MeterCatalogue.discover(MeterOptions(profilesDirectory: "/nowhere")) }
    }

    @Test("a scripted meter gives its readings in turn and fails after the last") func scripted() throws {
        let first = TimedReading(instant: MonotonicInstant(nanoseconds: 1), reading: .counter(Joules(1)))
        let script = ScriptedMeter(
            meter("package-0"), readings: [.success(first), .failure(SystemFailure(action: "a", reason: "b"))])
        #expect(try script.read() == first)
        #expect(throws: SystemFailure(action: "a", reason: "b")) { try script.read() }
        #expect(throws: SystemFailure.self) { try script.read() }
    }
}
