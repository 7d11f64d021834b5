import Foundation
import Testing

/// The real program and its real system calls against a BMC that is preloaded (`Tests/Drivers/fake_bmc.c`), which checks
/// and lays out everything by the kernel's own header.
struct BMCTests {
    private static func environment(_ behaviour: String) throws -> [String: String?] {
        let device = Scratch.folder() + "/ipmi0"
        try Data().write(to: URL(fileURLWithPath: device))
        return [
            "LD_PRELOAD": FakeLibrary.bmc, "FAKE_BMC": behaviour, "FAKE_BMC_PATH": device, "NODEWATT_IPMI": device,
        ]
    }

    private func listed(_ environment: [String: String?]) throws -> (meter: [String: Any]?, note: String?) {
        let finished = try Program.run(["meters", "--format", "json"], environment: environment)
        #expect(finished.status == 0, "\(finished.error)")
        let document = try finished.document()
        let meters = try #require(document["meters"] as? [[String: Any]])
        #expect(meters.contains { $0["grade"] as? String == "modelled" })
        let notes = try #require(document["unavailable"] as? [[String: Any]])
        return (
            meters.first { $0["id"] as? String == "dcmi:node" },
            notes.first { $0["subject"] as? String == "dcmi" }?["reason"] as? String
        )
    }

    @Test(arguments: ["works", "noise", "long"])
    func thePowerIsTheNodes(_ behaviour: String) throws {
        let (meter, note) = try listed(try Self.environment(behaviour))
        #expect(meter?["grade"] as? String == "wall", "\(note ?? "no note")")
        #expect(meter?["update_period_seconds"] as? Double == 2)
    }

    @Test(arguments: [
        ("silent", "did not answer within 2 s"), ("busy", "busy (completion code 0xc0)"),
        ("inactive", "does not measure power now"), ("zero", "0 W"), ("unknown", "65535 W"), ("short", "7 bytes"),
        ("other_group", "group 0xdd"), ("refused", "sudo chgrp \"$(id -gn)\""),
    ])
    func whatGivesNoPowerSaysWhy(_ behaviour: String, _ part: String) throws {
        let (meter, note) = try listed(try Self.environment(behaviour))
        #expect(meter == nil)
        #expect(note?.contains(part) == true, "\(note ?? "no note")")
    }

    @Test func aFileThatIsNoDeviceSaysSo() throws {
        var environment = try Self.environment("works")
        environment["LD_PRELOAD"] = nil
        let note = try listed(environment).note
        #expect(note?.contains("Inappropriate ioctl for device") == true)
        environment["NODEWATT_IPMI"] = "/nonexistent/ipmi0"
        #expect(try listed(environment).note?.contains("No such file") == true)
    }

    @Test func theEnergyOfACommandIsMeasuredAtTheWall() throws {
        let finished = try Program.run(
            ["meter", "--format", "json", "--", "sleep", "3"], environment: try Self.environment("works"))
        #expect(finished.status == 0, "\(finished.error)")
        let domains = try #require(try finished.document()["domains"] as? [[String: Any]])
        let wall = try #require(domains.first { $0["name"] as? String == "node/wall" })
        let joules = try #require(wall["energy_joules"] as? Double, "\(wall)")
        // 412 W for three seconds and what starting takes.
        #expect(joules > 412 * 2.7 && joules < 412 * 6, "\(joules)")
    }
}
