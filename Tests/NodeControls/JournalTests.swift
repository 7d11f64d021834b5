import Foundation
import NodeControls
import NodeModel
import Testing

@Suite struct JournalTests {
    private static var journal: Journal {
        var journal = blankJournal()
        var entry = JournalEntry(
            control: "powercap:intel-rapl:0:constraint_0", kind: .powerCap, label: "package-0", original: 200_000_000)
        entry.known = [100_000_000]
        entry.pending = 120_000_000
        journal.entries = [entry]
        return journal
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        let folder = StateFolder()
        try folder.store.write(Self.journal)
        #expect(try folder.store.read()?.entries == Self.journal.entries)
        try folder.store.write(Self.journal)
        try folder.store.remove()
        #expect(try folder.store.read() == nil && !folder.store.hasJournal)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    /// Every single byte of the file, damaged in every bit and cut off at every place: never another value, never a crash.
    @Test func noDamageIsTakenForAJournal() throws {
        let whole = try Self.journal.data()
        for index in whole.indices {
            for bit in 0..<8 {
                var damaged = whole
                damaged[index] ^= 1 << bit
                if let read = try? Journal(data: damaged, named: "x") { #expect(read.entries == Self.journal.entries) }
            }
            // All but the final newline is the whole document.
            guard index < whole.count - 1 else { continue }
            #expect(throws: InputError.self) { try Journal(data: whole.prefix(index), named: "x") }
        }
    }

    @Test(arguments: [
        "", "{}", "[]", "null", "\u{0}\u{1}", #"{"schema": "nodewatt.run/1"}"#, #"{"entries": [{"original": -1}]}"#,
        #"{"schema":"nodewatt.restore/1","entries":[{"original":1e300}]}"#,
        String(repeating: "[", count: 100_000),
    ])
    func whatIsNoJournalIsRefused(text: String) throws {
        let folder = StateFolder()
        try text.write(toFile: folder.store.path, atomically: true, encoding: .utf8)
        chmod(folder.store.path, 0o644)
        #expect(throws: InputError.self) { try folder.store.read() }
        let aside = try folder.store.moveAside()
        #expect(FileManager.default.fileExists(atPath: aside) && !folder.store.hasJournal)
    }

    @Test func aNewerVersionsJournalStaysForIt() throws {
        let folder = StateFolder()
        try #"{"schema": "nodewatt.restore/2"}"#.write(toFile: folder.store.path, atomically: true, encoding: .utf8)
        chmod(folder.store.path, 0o644)
        let failure = #expect(throws: SystemFailure.self) { try folder.store.read() }
        #expect(failure?.description.contains("nodewatt.restore/2") == true)
    }

    @Test func linksPipesFoldersAndHugeFilesAreRefused() throws {
        let folder = StateFolder()
        let path = folder.store.path
        let other = folder.path + "/other"
        try Self.journal.data().write(to: URL(fileURLWithPath: other))
        symlink(other, path)
        #expect(folder.store.hasJournal)
        #expect(throws: InputError.self) { try folder.store.read() }
        unlink(path)
        mkfifo(path, 0o644)
        #expect(throws: InputError.self) { try folder.store.read() }
        unlink(path)
        mkdir(path, 0o755)
        #expect(throws: (any Error).self) { try folder.store.read() }
        rmdir(path)
        _ = FileManager.default.createFile(atPath: path, contents: Data())
        truncate(path, 1 << 40)
        #expect(throws: InputError.self) { try folder.store.read() }
    }

    @Test func aJournalThatAnybodyMayWriteIsNotBelieved() throws {
        let folder = StateFolder()
        try folder.store.write(Self.journal)
        chmod(folder.store.path, 0o666)
        #expect(throws: SystemFailure.self) { try folder.store.read() }
        chmod(folder.path, 0o777)
        #expect(throws: SystemFailure.self) { try folder.store.prepare() }
    }

    @Test func theLockIsHeldByOne() throws {
        let folder = StateFolder()
        var first = try folder.store.lock()
        #expect(first != nil)
        #expect(try folder.store.lock() == nil)
        first = nil
        #expect(try folder.store.lock() != nil)
    }

    @Test func theStateVariableComesFirstAndNothingRelativeCounts() {
        let places = JournalStore.places(
            [
                "NODEWATT_STATE": "/a", "XDG_STATE_HOME": "relative", "HOME": "/home/u",
            ], host: "n1/../x"
        ).map(\.directory)
        #expect(
            places.first == "/a"
                && Set(places) == ["/a", "/var/lib/nodewatt", "/home/u/.local/state/nodewatt/node-n1..x"])
        #expect(JournalStore.places(["NODEWATT_STATE": "a"]).map(\.directory) == ["/var/lib/nodewatt"])
    }
}
