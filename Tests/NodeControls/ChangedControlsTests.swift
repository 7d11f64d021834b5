import Foundation
import NodeControls
import NodeModel
import Testing

@Suite struct ChangedControlsTests {
    private func change(_ controls: [ScriptedControl], _ folder: StateFolder) throws -> ChangedControls {
        let lock = try #require(try folder.store.lock())
        let group = ControlGroup(kind: .powerCap, controls: controls, settling: Seconds(0))
        return try ChangedControls([group], store: folder.store, lock: lock, blank: blankJournal())
    }

    @Test func theJournalIsThereBeforeTheFirstSetAndGoneAfterTheRestore() throws {
        let folder = StateFolder()
        let control = ScriptedControl("a", 200_000_000)
        var journalled: [JournalEntry] = []
        control.refuses = { value in
            // Looked at in the middle of a set: what a kill at this moment would leave.
            if let entry = (try? folder.store.read())?.entries.first { journalled.append(entry) }
            return false
        }
        let changed = try change([control], folder)
        #expect(!folder.store.hasJournal)
        _ = try changed.apply([.powerCap: 100_000_000])
        #expect(journalled.last?.original == 200_000_000 && journalled.last?.pending == 100_000_000)
        #expect(try folder.store.read()?.entries.first?.known == [100_000_000])
        #expect(try folder.store.read()?.entries.first?.pending == nil)
        #expect(changed.restore() == [])
        #expect(control.present == 200_000_000 && !folder.store.hasJournal)
    }

    @Test func eachMemberTakesWhatItAllowsAndGetsItsOwnValueBack() throws {
        let folder = StateFolder()
        let controls = [ScriptedControl("a", 200_000_000), ScriptedControl("b", 150_000_000)]
        let changed = try change(controls, folder)
        let inForce = try changed.apply([.powerCap: 180_000_000])
        #expect(controls.map(\.present) == [180_000_000, 150_000_000])
        #expect(inForce == [.powerCap: 150_000_000])
        _ = try changed.apply([:])
        #expect(controls.map(\.present) == [200_000_000, 150_000_000])
        #expect(changed.restore() == [] && controls.map(\.present) == [200_000_000, 150_000_000])
    }

    @Test func roundingIsReadBackAndRecorded() throws {
        let folder = StateFolder()
        let control = ScriptedControl("a", 200_000_000)
        control.step = 125_000
        let changed = try change([control], folder)
        #expect(try changed.apply([.powerCap: 100_060_000]) == [.powerCap: 100_000_000])
        #expect(try folder.store.read()?.entries.first?.known == [100_000_000])
        #expect(changed.restore() == [] && control.present == 200_000_000)
    }

    /// The second package refuses: the first, which was set already, gets its value back.
    @Test func aRefusalInTheMiddleIsUndone() throws {
        let folder = StateFolder()
        let controls = [ScriptedControl("a", 200_000_000), ScriptedControl("b", 200_000_000)]
        controls[1].refuses = { $0 < 150_000_000 }
        let changed = try change(controls, folder)
        #expect(throws: SystemFailure.self) { try changed.apply([.powerCap: 100_000_000]) }
        #expect(controls[0].present == 100_000_000)
        #expect(changed.restore() == [])
        #expect(controls.map(\.present) == [200_000_000, 200_000_000] && !folder.store.hasJournal)
    }

    @Test func anUnwritableControlIsRefusedBeforeAnythingChanges() throws {
        let folder = StateFolder()
        let controls = [ScriptedControl("a", 200_000_000), ScriptedControl("b", 200_000_000)]
        controls[1].isWritable = false
        #expect(throws: SystemFailure.self) { try change(controls, folder) }
        #expect(controls.allSatisfy(\.sets.isEmpty) && !folder.store.hasJournal)
    }

    @Test func aJournalThatCannotBeWrittenKeepsEverythingAsItIs() throws {
        let folder = StateFolder()
        let control = ScriptedControl("a", 200_000_000)
        let changed = try change([control], folder)
        // A folder in the journal's place cannot be replaced by a file.
        try FileManager.default.createDirectory(
            atPath: folder.store.path + "/x", withIntermediateDirectories: true)
        #expect(throws: SystemFailure.self) { try changed.apply([.powerCap: 100_000_000]) }
        #expect(control.sets.isEmpty && changed.restore() == [])
    }

    @Test func whatGovernsALimitBesideUsIsNamed() throws {
        let folder = StateFolder()
        let control = ScriptedControl("a", 200_000_000)
        control.step = 70_000_000
        let changed = try change([control], folder)
        #expect(throws: SystemFailure.self) { try changed.apply([.powerCap: 100_000_000]) }
        control.step = 1
        #expect(changed.restore() == [] && control.present == 200_000_000)
    }

    @Test func aRestoreThatIsRefusedKeepsTheJournal() throws {
        let folder = StateFolder()
        let control = ScriptedControl("a", 200_000_000)
        let changed = try change([control], folder)
        _ = try changed.apply([.powerCap: 100_000_000])
        control.refuses = { $0 == 200_000_000 }
        #expect(changed.restore().first?.contains("refused") == true)
        #expect(try folder.store.read()?.entries.first?.original == 200_000_000)
    }

    @Test func goingOutOfScopeRestores() throws {
        let folder = StateFolder()
        let control = ScriptedControl("a", 200_000_000)
        do {
            let changed = try change([control], folder)
            _ = try changed.apply([.powerCap: 100_000_000])
            #expect(control.present == 100_000_000)
        }
        #expect(control.present == 200_000_000 && !folder.store.hasJournal)
    }

    @Test func aControlThatAnotherSweepHoldsIsRefused() throws {
        let (one, two) = (StateFolder(), StateFolder())
        let file = one.path + "/limit"
        try "1".write(toFile: file, atomically: true, encoding: .utf8)
        let controls = (0..<2).map { _ in ScriptedControl("a", 200_000_000) }
        controls.forEach { $0.lockPath = file }
        let first = try change([controls[0]], one)
        // Another state directory, so its own lock does not help.
        #expect(throws: SystemFailure.self) { try change([controls[1]], two) }
        withExtendedLifetime(first) {}
    }
}
