import Foundation
import HostProbe
import NodeControls
import NodeModel
import Testing

@Suite struct CatalogueTests {
    /// A root with cpufreq policies; each is minimum, maximum, lower and upper limit in kilohertz.
    private func root(_ policies: [String: [Int]]) throws -> (StateFolder, HostRoot) {
        let folder = StateFolder()
        let files = ["cpuinfo_min_freq", "cpuinfo_max_freq", "scaling_min_freq", "scaling_max_freq"]
        for (name, values) in policies {
            let path = "\(folder.path)/sys/devices/system/cpu/cpufreq/\(name)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for (file, value) in zip(files, values) {
                try "\(value)\n".write(toFile: "\(path)/\(file)", atomically: true, encoding: .utf8)
            }
        }
        return (folder, HostRoot(folder.path))
    }

    private func limit(_ folder: StateFolder, _ policy: String) throws -> String {
        let path = "\(folder.path)/sys/devices/system/cpu/cpufreq/\(policy)/scaling_max_freq"
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path)).prefix { $0 != 0 && $0 != 10 }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func allPoliciesAreOneGroupWithinTheirLimits() throws {
        let (folder, root) = try root([
            "policy0": [800_000, 4_000_000, 1_000_000, 3_600_000],
            "policy10": [800_000, 3_000_000, 800_000, 3_000_000],
            "policyX": [1, 2, 1, 2], "boost": [1, 2, 1, 2],
        ])
        let group = try #require(ControlCatalogue(root: root).discover([.frequency]).groups.first)
        #expect(group.controls.map(\.id) == ["cpufreq:policy0", "cpufreq:policy10"])
        #expect(group.allowed == 1_000_000...3_600_000)
        try group.controls[0].set(1_500_000)
        #expect(try group.controls[0].value() == 1_500_000 && limit(folder, "policy0") == "1500000")
        // A shorter number leaves nothing of the longer one behind.
        try group.controls[0].set(900_000)
        #expect(try group.controls[0].value() == 900_000)
        #expect(try ControlCatalogue(root: root).control("cpufreq:policy10")?.label == "policy10")
        #expect(try ControlCatalogue(root: root).control("cpufreq:policy1") == nil)
        #expect(try ControlCatalogue(root: root).control("cpufreq:../policy0") == nil)
    }

    @Test(arguments: [[4_000_000, 800_000, 1, 2], [800_000, 4_000_000, 800_000, -5], [0, 0, 0, 0]])
    func policiesThatMakeNoSenseAreLeftAlone(values: [Int]) throws {
        let (folder, root) = try root(["policy0": values])
        let inventory = withExtendedLifetime(folder) { ControlCatalogue(root: root).discover([.frequency]) }
        #expect(inventory.groups.isEmpty && inventory.unavailable.first?.subject == "frequency policy0")
    }

    @Test func aNodeWithoutPoliciesSaysSo() throws {
        let root = HostRoot(StateFolder().path)
        let inventory = ControlCatalogue(root: root).discover([.frequency, .gpuPower])
        #expect(inventory.groups.isEmpty && inventory.unavailable.map(\.subject) == ["frequency", "gpu-power"])
    }

    @Test func gpusAreLimitedWithinWhatTheirDriverTakesAndRestored() throws {
        let folder = StateFolder()
        let gpus = [ScriptedGPU("GPU-1", 300_000, 100_000...350_000), ScriptedGPU("GPU-2", 250_000, 100_000...350_000)]
        let catalogue = ControlCatalogue { gpus }
        let group = try #require(catalogue.discover([.gpuPower]).groups.first)
        #expect(group.allowed == 100_000...300_000)
        let lock = try #require(try folder.store.lock())
        let changed = try ChangedControls([group], store: folder.store, lock: lock, blank: blankJournal())
        #expect(try changed.apply([.gpuPower: 280_000]) == [.gpuPower: 250_000])
        #expect(gpus.map(\.limit) == [280_000, 250_000])
        // What a start after a kill does.
        let journal = try #require(try folder.store.read())
        let outcomes = Restorer(bootId: "this-boot", control: catalogue.control).restore(journal).map(\.outcome)
        #expect(outcomes == [.restored(from: 280_000, to: 300_000), .unchanged])
        #expect(changed.restore() == [])
    }

    @Test func valuesAndUnitsAgree() {
        #expect(ControlKind.powerCap.value(150) == 150_000_000 && ControlKind.frequency.value(1.5e9) == 1_500_000)
        #expect(ControlKind.gpuPower.value(.infinity) == nil && ControlKind.gpuPower.value(-1) == nil)
        #expect(ControlKind.powerCap.text(150_500_000) == "150.5 W")
        #expect(ControlKind.frequency.text(1_500_000) == "1500 MHz")
    }
}
