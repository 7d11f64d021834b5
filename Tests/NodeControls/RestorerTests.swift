import NodeControls
import NodeModel
import Testing

@Suite struct RestorerTests {
    private func outcome(
        present: UInt64, original: UInt64 = 200_000_000, known: [UInt64] = [], pending: UInt64? = nil,
        boot: String = "this-boot"
    ) -> (RestoreOutcome, UInt64) {
        let control = ScriptedControl("a", present)
        var journal = blankJournal(boot: boot)
        var entry = JournalEntry(control: "a", kind: .powerCap, label: "a", original: original)
        entry.known = known
        entry.pending = pending
        journal.entries = [entry]
        let restorer = Restorer(bootId: "this-boot") { $0 == "a" ? control : nil }
        return (restorer.restore(journal)[0].outcome, control.present)
    }

    @Test func whatTheSweepSetIsPutBack() {
        #expect(outcome(present: 100, known: [90, 100]) == (.restored(from: 100, to: 200_000_000), 200_000_000))
        #expect(outcome(present: 200_000_000, known: [100]).0 == .unchanged)
    }

    /// A kill between the journal and what the system made of the set: any value of this boot may be the sweep's.
    @Test func aPendingSetOfThisBootIsPutBackWhateverBecameOfIt() {
        #expect(outcome(present: 75_000_000, pending: 20_000_000).1 == 200_000_000)
        #expect(outcome(present: 200_000_000, pending: 20_000_000).0 == .unchanged)
    }

    @Test func whatSomethingElseSetSinceIsLeftAlone() {
        #expect(outcome(present: 150_000_000, known: [100_000_000]) == (.leftAlone(present: 150_000_000), 150_000_000))
    }

    @Test func afterARebootOnlyTheSweepsOwnValuesArePutBack() {
        #expect(outcome(present: 100_000_000, known: [100_000_000], boot: "other").1 == 200_000_000)
        #expect(outcome(present: 99_900_000, pending: 100_000_000, boot: "other").1 == 200_000_000)
        let other = outcome(present: 150_000_000, pending: 100_000_000, boot: "other").0
        #expect(other == .leftAlone(present: 150_000_000))
        #expect(outcome(present: 200_000_000, pending: 100_000_000, boot: "other").0 == .unchanged)
    }

    @Test func absurdValuesAreNeverSet() {
        for original in [0, 999_999, 500_000_001, UInt64.max] {
            #expect(outcome(present: 100, original: original, known: [100]) == (.absurd, 100))
        }
    }

    @Test func aControlThatIsGoneIsSaidSoUnlessTheMachineWasRestarted() {
        var journal = blankJournal()
        journal.entries = [JournalEntry(control: "b", kind: .powerCap, label: "b", original: 1)]
        #expect(Restorer(bootId: "this-boot") { _ in nil }.restore(journal)[0].outcome == .gone)
        #expect(Restorer(bootId: "later") { _ in nil }.restore(journal)[0].outcome == .unchanged)
    }
}
