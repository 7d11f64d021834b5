import EnergyMeters
import Foundation
import HostProbe
import NodeModel
import Testing

/// The real program with libraries of NVIDIA and AMD that work, and with one fault each (`Tests/Drivers/fake_*.c`).
struct CardFaultTests {
    /// More than any of the faults may cost.
    private static let patience = 60.0

    private static func environment(_ fault: String, library: String = FakeLibrary.nvml, _ marked: Marked = Marked())
        -> [String: String?]
    {
        ["NODEWATT_NVML": library, "FAKE_NVML": fault, "NODEWATT_GPU_LIBRARY_SECONDS": "2"]
            .merging(marked.environment) { $1 }
    }

    private struct Listing {
        var cards: [[String: Any]]
        var notes: String
        var document: String
    }

    /// What `nodewatt meters` says; the other meters have to be there whatever the library does.
    private func meters(_ environment: [String: String?], _ marked: Marked) throws -> Listing {
        let start = Date()
        let finished = try Program.run(["meters", "--format", "json"], environment: environment)
        #expect(finished.status == 0, "\(finished.error)")
        #expect(-start.timeIntervalSinceNow < Self.patience)
        let document = try finished.document()
        let all = try #require(document["meters"] as? [[String: Any]])
        #expect(all.contains { $0["grade"] as? String == "modelled" })
        let notes = try #require(document["unavailable"] as? [[String: Any]])
        #expect(marked.wait("meter-worker", some: false))
        return Listing(
            cards: all.filter {
                ($0["id"] as? String)?.hasPrefix("nvml:") == true || ($0["id"] as? String)?.hasPrefix("rocm:") == true
            },
            notes: notes.map { "\($0["subject"] ?? ""): \($0["reason"] ?? "")" }.joined(separator: "\n"),
            document: finished.output)
    }

    @Test func cardsAreNamedAsHwmonNamesThem() throws {
        let marked = Marked()
        let found = try meters(Self.environment("works", marked), marked)
        #expect(found.cards.compactMap { $0["id"] as? String } == ["nvml:0000:c1:00.0", "nvml:0000:c2:00.0"])
        let domain = try #require(found.cards.first?["domain"] as? [String: Any])
        #expect(domain["name"] as? String == "gpu-0000:c1:00.0" && domain["kind"] as? String == "gpu")
        #expect((found.cards.first?["boundary"] as? String)?.contains("NVIDIA H100") == true)
        #expect(!found.notes.contains("nvml"))
    }

    @Test(arguments: [
        ("init_fails", "an internal error of the driver"), ("mismatch", "different versions"),
        ("exit_in_init", "exited with status 0 while nvmlInit"), ("crash_on_load", "SIGABRT while loading"),
        ("hang_in_init", "killed after 2.0 s without an answer while nvmlInit"),
        ("blocks_signals", "killed after 2.0 s"), ("million_cards", "claims 1000000 cards"),
        ("no_place", "no possible place"), ("no_permission", "no permission"), ("no_cards", "shows no card"),
        ("unknown_power", "0xFFFFFFFF is what stands for unknown"), ("absurd_power", "-1000 is negative"),
    ])
    func aLibraryThatCannotBeUsedSaysWhy(_ fault: String, _ part: String) throws {
        let marked = Marked()
        let found = try meters(Self.environment(fault, marked), marked)
        #expect(found.cards.isEmpty)
        #expect(found.notes.contains(part), "\(found.notes)")
    }

    @Test func aLibraryThatIsNoneSaysWhy() throws {
        for (library, part) in [
            (FakeLibrary.nvmlWithoutInit, "lacks nvmlInit_v2"), ("libm.so.6", "lacks nvmlInit_v2"),
            ("/nonexistent/libnvidia-ml.so.1", "cannot open shared object"), ("/etc/passwd", "invalid ELF header"),
        ] {
            let marked = Marked()
            let found = try meters(Self.environment("works", library: library, marked), marked)
            #expect(found.cards.isEmpty && found.notes.contains(part), "\(found.notes)")
        }
    }

    @Test(arguments: ["no_energy", "unknown_energy", "negative_energy"])
    func withoutACounterPowersAreAddedUp(_ fault: String) throws {
        let marked = Marked()
        let found = try meters(Self.environment(fault, marked), marked)
        #expect(found.cards.count == 2)
        #expect(found.cards.allSatisfy { $0["samples_power"] as? Bool == true })
    }

    @Test func missingFunctionsAndFieldsLeadToTheNextBest() throws {
        let marked = Marked()
        let bare = try meters(Self.environment("works", library: FakeLibrary.nvmlWithoutEnergy, marked), marked)
        #expect(bare.cards.compactMap { $0["update_period_seconds"] as? Double } == [0.1, 0.1])
        let averaged = try meters(Self.environment("no_field", marked), marked)
        #expect(averaged.cards.compactMap { $0["update_period_seconds"] as? Double } == [1, 1])
        #expect((averaged.cards.first?["boundary"] as? String)?.contains("averaged over 1 s") == true)
    }

    @Test func whatALibraryPrintsAndClaimsReachesNobody() throws {
        let marked = Marked()
        let printing = try meters(Self.environment("prints", marked), marked)
        #expect(printing.cards.count == 2 && !printing.document.contains("hello"))
        let garbage = try meters(Self.environment("garbage_text", marked), marked)
        #expect(garbage.cards.count == 2 && garbage.document.contains("[2Jevil"))
        #expect(!garbage.document.unicodeScalars.contains { $0.value < 32 && $0 != "\n" || $0 == "\u{9b}" })
        #expect(!garbage.document.contains("\\u001b") && !garbage.document.contains("\\u009b"))
        let twice = try meters(Self.environment("same_place", marked), marked)
        #expect(twice.cards.count == 1 && twice.notes.contains("the place of another card"))
    }

    @Test func dividedCardsAndModulesAreLabelled() throws {
        let marked = Marked()
        let divided = try meters(Self.environment("mig", marked), marked)
        #expect((divided.cards.first?["boundary"] as? String)?.contains("MIG instances together") == true)
        let module = try meters(Self.environment("superchip", marked), marked)
        let domain = try #require(module.cards.first?["domain"] as? [String: Any])
        #expect(domain["kind"] as? String == "platform" && domain["name"] as? String == "gpu-0000:c1:00.0")
    }

    /// The domains of `nodewatt meter` around a command, by name.
    private func metered(_ environment: [String: String?], _ command: [String] = ["sleep", "1"], status: Int32 = 0)
        throws
        -> [String: [String: Any]]
    {
        let start = Date()
        let finished = try Program.run(["meter", "--format", "json", "--"] + command, environment: environment)
        #expect(finished.status == status, "\(finished.error)")
        #expect(-start.timeIntervalSinceNow < Self.patience)
        let domains = try #require(try finished.document()["domains"] as? [[String: Any]])
        return Dictionary(uniqueKeysWithValues: domains.map { ($0["name"] as? String ?? "", $0) })
    }

    @Test(arguments: ["works", "no_energy", "no_field", "prints"])
    func aCardsEnergyIsThatOfItsWatts(_ fault: String) throws {
        let domains = try metered(Self.environment(fault), ["sleep", "2"])
        for card in ["gpu-0000:c1:00.0", "gpu-0000:c2:00.0"] {
            let joules = try #require(domains[card]?["energy_joules"] as? Double, "\(domains)")
            // 300 W over the command, which itself takes a little more than it sleeps.
            #expect(joules > 590 && joules < 900, "\(joules)")
        }
    }

    @Test(arguments: [
        ("crash_in_read", "SIGSEGV while reading"), ("exit_in_read", "exited with status 3 while reading"),
        ("hang_in_read", "killed after 2.0 s without an answer while reading"), ("backward", "the counter was reset"),
    ])
    func aCardThatFailsInTheWorkIsAGapAndTheRestGoesOn(_ fault: String, _ part: String) throws {
        let marked = Marked()
        let domains = try metered(Self.environment(fault, marked), ["sh", "-c", "sleep 1; exit 7"], status: 7)
        let card = try #require(domains["gpu-0000:c1:00.0"])
        #expect(card["energy_joules"] is NSNull)
        #expect((card["problem"] as? String)?.contains(part) == true, "\(card)")
        #expect(domains["host"]?["energy_joules"] is Double)
        #expect(marked.wait("meter-worker", some: false))
    }

    @Test func aLostCardCostsItsOwnEnergyAlone() throws {
        let domains = try metered(Self.environment("lost"))
        #expect(domains["gpu-0000:c1:00.0"]?["energy_joules"] is Double)
        let lost = try #require(domains["gpu-0000:c2:00.0"])
        #expect(lost["energy_joules"] is NSNull)
        #expect((lost["problem"] as? String)?.contains("the card is lost") == true)
    }

    @Test func aWorkerThatCrashedLeavesNoZombie() throws {
        let scan = "sleep 1; echo $PPID; for s in /proc/[0-9]*/stat; do head -n 1 $s 2>/dev/null; done; true"
        let finished = try Program.run(
            ["meter", "--", "sh", "-c", scan], environment: Self.environment("crash_in_read"))
        let lines = finished.output.split(separator: "\n")
        let parent = try #require(lines.first)
        let children = lines.dropFirst().compactMap { line -> (state: Substring, parent: Substring)? in
            let fields = line.split(separator: ")").last?.split(separator: " ") ?? []
            return fields.count > 1 ? (fields[0], fields[1]) : nil
        }.filter { $0.parent == parent }
        // The shell itself is one.
        #expect(!children.isEmpty && children.allSatisfy { $0.state != "Z" }, "\(children)")
    }

    @Test(arguments: ["works", "hang_in_init", "blocks_signals"])
    func theWorkerEndsWithNodewattHoweverThatEnds(_ fault: String) throws {
        let marked = Marked()
        var environment = Self.environment(fault, marked)
        environment["NODEWATT_GPU_LIBRARY_SECONDS"] = "600"
        let running = try Program.Running(Program.path, ["meter", "--", "sleep", "600"], environment: environment)
        #expect(marked.wait("meter-worker", some: true))
        // Where the library works, the command is started after it.
        if fault == "works" { #expect(marked.wait("600", some: true)) }
        usleep(300_000)
        #expect(!marked.processes("meter-worker").isEmpty)
        kill(running.process.processIdentifier, SIGKILL)
        #expect(marked.wait("meter-worker", some: false))
        // What it ran lives on, and would keep the end from being seen.
        for pid in marked.processes("sleep") { kill(pid, SIGKILL) }
        #expect(running.wait().status == 128 + SIGKILL)
    }

    @Test func aTimeThatIsNoneIsWrongInput() throws {
        var environment = Self.environment("works")
        environment["NODEWATT_GPU_LIBRARY_SECONDS"] = "soon"
        let finished = try Program.run(["meters"], environment: environment)
        #expect(finished.status == 65 && finished.error.contains("NODEWATT_GPU_LIBRARY_SECONDS"))
    }
}

/// ROCm SMI, by the same worker.
struct ROCmFaultTests {
    private func meters(_ fault: String) throws -> (cards: [[String: Any]], notes: String) {
        let finished = try Program.run(
            ["meters", "--format", "json"],
            environment: [
                "NODEWATT_ROCM_SMI": FakeLibrary.rocm, "FAKE_ROCM": fault, "NODEWATT_GPU_LIBRARY_SECONDS": "2",
            ])
        #expect(finished.status == 0, "\(finished.error)")
        let document = try finished.document()
        let all = try #require(document["meters"] as? [[String: Any]])
        let notes = try #require(document["unavailable"] as? [[String: Any]])
        return (
            all.filter { ($0["id"] as? String)?.hasPrefix("rocm:") == true },
            notes.map { "\($0["subject"] ?? ""): \($0["reason"] ?? "")" }.joined(separator: "\n")
        )
    }

    @Test func aCounterThatAgreesWithThePowerIsBelieved() throws {
        let found = try meters("works")
        let names = found.cards.compactMap { ($0["domain"] as? [String: Any])?["name"] as? String }
        #expect(names == ["gpu-0001:25:00.0", "gpu-0001:26:00.0"])
        #expect(found.cards.allSatisfy { $0["samples_power"] == nil && $0["relative_uncertainty"] as? Double == 0.05 })
    }

    @Test(arguments: [
        ("no_energy", "not supported"), ("wrong_unit", "0.01 times the power"), ("standing", "0.0 times the power"),
        ("unknown_energy", "stands for unknown"), ("garbage_unit", "its unit"),
    ])
    func aCounterThatCannotBeBelievedGivesWayToThePower(_ fault: String, _ part: String) throws {
        let found = try meters(fault)
        #expect(found.cards.count == 2 && found.cards.allSatisfy { $0["samples_power"] as? Bool == true })
        #expect(found.notes.contains(part), "\(found.notes)")
    }

    @Test func aCounterNothingCanBeHeldAgainstIsHardlyBelieved() throws {
        let found = try meters("no_power")
        #expect(found.cards.count == 2 && found.cards.allSatisfy { $0["relative_uncertainty"] as? Double == 0.5 })
    }

    @Test func aCardIsCountedOnce() throws {
        let dies = try meters("second_die")
        #expect(dies.cards.count == 1 && dies.notes.contains("the second die"))
        #expect(try meters("partitions").cards.count == 1)
        #expect(try meters("partition_functions").cards.count == 1)
    }

    @Test(arguments: [("init_fails", "could not start"), ("hang_in_init", "killed after 2.0 s")])
    func aLibraryThatCannotBeUsedSaysWhy(_ fault: String, _ part: String) throws {
        let found = try meters(fault)
        #expect(found.cards.isEmpty && found.notes.contains(part), "\(found.notes)")
    }

    @Test(arguments: [("works", nil), ("crash_in_read", "SIGABRT"), ("hang_in_read", "killed after 2.0 s")])
    func energyIsThatOfTheWatts(_ fault: String, _ problem: String?) throws {
        let finished = try Program.run(
            ["meter", "--format", "json", "--", "sleep", "1"],
            environment: ["NODEWATT_ROCM_SMI": FakeLibrary.rocm, "FAKE_ROCM": fault])
        #expect(finished.status == 0)
        let domains = try #require(try finished.document()["domains"] as? [[String: Any]])
        let card = try #require(domains.first { $0["name"] as? String == "gpu-0001:25:00.0" })
        if let problem {
            #expect(card["energy_joules"] is NSNull)
            #expect((card["problem"] as? String)?.contains(problem) == true, "\(card)")
        } else {
            let joules = try #require(card["energy_joules"] as? Double)
            #expect(joules > 390 && joules < 800, "\(joules)")
        }
    }
}

/// NVIDIA's cards as `sweep` and run conditions use them, through the real worker.
struct GPUManagementTests {
    private static func options(_ fault: String, state: String? = nil) -> MeterOptions {
        var environment = ProcessInfo.processInfo.environment
        environment["NODEWATT_NVML"] = FakeLibrary.nvml
        environment["FAKE_NVML"] = fault
        environment["FAKE_NVML_STATE"] = state
        let worker = MeterWorkerProgram(executable: Program.path, arguments: ["meter-worker"])
        return MeterOptions(worker: worker, environment: environment)
    }

    @Test func theStateIsTyped() throws {
        let management = try #require(try GPUManagement.open(Self.options("works")))
        #expect(management.gpus.map(\.place) == ["0000:c1:00.0", "0000:c2:00.0"])
        let gpu = try #require(management.gpus.first)
        #expect(gpu.name == "NVIDIA H100 80GB HBM3" && gpu.uuid == "GPU-00000000-0000-0000-0000-000000000000")
        let state = try management.state(of: gpu)
        #expect(state.smClock == Hertz(1.98e9) && state.memoryClock == Hertz(2.619e9))
        #expect(state.temperatureCelsius == 62)
        // Libraries before R575 have the older function alone.
        let older = try #require(try GPUManagement.open(Self.options("no_field")))
        #expect(try older.state(of: gpu).temperatureCelsius == 61)
        #expect(state.clockEvents == [.powerCap, .hardwareThermalSlowdown])
        #expect(state.clockEvents?.allSatisfy(\.isThrottling) == true)
        #expect(state.limits.lowest == Watts(100) && state.limits.highest == Watts(700))
        #expect(state.limits.standard == Watts(700))
    }

    @Test func aLimitIsSetCheckedAndPutBack() throws {
        let folder = Scratch.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let management = try #require(try GPUManagement.open(Self.options("works", state: folder + "/limit")))
        let gpu = try #require(management.gpus.first)
        #expect(try management.setPowerLimit(Watts(450), of: gpu) == Watts(450))
        #expect(try management.state(of: gpu).limits.current == Watts(450))
        for wrong in [0, 99.9, 700.1, -1, .infinity, .nan] {
            #expect(throws: SystemFailure.self) { try management.setPowerLimit(Watts(wrong), of: gpu) }
        }
        #expect(try management.state(of: gpu).limits.current == Watts(450))
        #expect(try management.setPowerLimit(Watts(700), of: gpu) == Watts(700))
    }

    @Test func withoutPermissionTheReasonIsSaidAndTheMetersGoOn() throws {
        let options = Self.options("works")
        let found = try NVMLMeter.discover(HostRoot(), options)
        let management = try #require(try GPUManagement.open(options, sharing: found.meters))
        let gpu = try #require(management.gpus.first)
        let failure = #expect(throws: SystemFailure.self) { try management.setPowerLimit(Watts(450), of: gpu) }
        #expect(failure?.description.contains("no permission") == true)
        _ = try #require(found.meters.first).read()
    }

    @Test func aLibraryThatFailsIsAFailure() throws {
        var options = Self.options("init_fails")
        #expect(throws: SystemFailure.self) { try GPUManagement.open(options) }
        options.capturedRoot = "/nonexistent"
        #expect(try GPUManagement.open(options) == nil)
    }
}
