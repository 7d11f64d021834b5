import Glibc
import HostProbe
import NodeModel
import Testing

@Suite struct ReadingTests {
    @Test func absenceIsNil() throws {
        let fixture = try FixtureRoot(["sys/a": "1\n"])
        #expect(try fixture.root.read("/sys/missing") == nil)
        #expect(try fixture.root.read("/sys/a/below-a-file") == nil)
        #expect(fixture.root.line("/sys/missing") == nil)
        #expect(fixture.root.names(in: "/sys/missing").isEmpty)
    }

    @Test func permissionIsAnErrorWithARemedy() throws {
        let fixture = try FixtureRoot(["sys/energy_uj": "1\n"])
        chmod(fixture.path + "/sys/energy_uj", 0)
        // Root reads anything, so the error is made by hand where the tests run as root.
        if geteuid() != 0 {
            let error = #expect(throws: HostReadError.self) { try fixture.root.read("/sys/energy_uj") }
            #expect(error?.isPermissionDenied == true)
        }
        let error = HostReadError(path: "/sys/energy_uj", code: EACCES)
        #expect(error.isPermissionDenied)
        #expect(error.description.contains("Permission denied"))
        #expect(error.systemFailure.recovery?.contains("sudo chmod a+r /sys/energy_uj") == true)
    }

    @Test func directoriesAndPipesAreErrorsNotHangs() throws {
        let fixture = try FixtureRoot(["sys/a": "1\n"])
        #expect(throws: HostReadError.self) { try fixture.root.read("/sys") }
        try #require(mkfifo(fixture.path + "/sys/pipe", 0o600) == 0)
        #expect(throws: HostReadError.self) { try fixture.root.read("/sys/pipe") }
    }

    @Test func nothingOutsideTheRootIsNamed() throws {
        let fixture = try FixtureRoot()
        #expect(fixture.root.absolute("/sys/../../etc/passwd") == nil)
        #expect(throws: HostReadError.self) { try fixture.root.read("../../../../etc/passwd") }
        #expect(HostRoot().absolute("/proc//stat") == "/proc/stat")
        #expect(HostRoot("/x/").absolute("proc/stat") == "/x/proc/stat")
    }

    @Test func hugeFilesAreCut() throws {
        let fixture = try FixtureRoot()
        try fixture.write("sys/huge", [UInt8](repeating: UInt8(ascii: "7"), count: 3 << 20))
        #expect(try fixture.root.read("/sys/huge")?.count == 4096)
        #expect(try fixture.root.readPieces("/sys/huge")?.count == 1 << 20)
        #expect(fixture.root.integer("/sys/huge") == nil)
        #expect((fixture.root.line("/sys/huge")?.count ?? 0) <= 200)
    }

    @Test(arguments: [
        ("42\n", 42), ("42", 42), ("  -7 \n", -7), ("0x10\n", nil), ("", nil), ("\n", nil), ("1 2\n", nil),
        ("99999999999999999999\n", nil),
    ])
    func integers(_ text: String, _ expected: Int?) throws {
        #expect(try FixtureRoot(["value": text]).root.integer("value") == expected)
    }

    @Test func binaryContentBecomesPrintable() throws {
        let fixture = try FixtureRoot()
        try fixture.write("line", [0x1b, 0x5b, 0x33, 0x31, 0x6d, 0xff, 0xfe, 0x41, 0x00, 0x42])
        #expect(fixture.root.line("line") == "[31mA")
    }

    @Test(arguments: [
        ("a\u{1B}b", "ab"), ("  a \t\n b ", "a b"), ("a\u{202E}b", "ab"), ("é漢", "é漢"), ("\u{7}", ""),
        ("a\u{2028}b", "a b"),
    ])
    func printable(_ text: String, _ expected: String) { #expect(OutsideText.printable(text) == expected) }

    @Test func printableIsBounded() {
        #expect(OutsideText.printable(String(repeating: "x", count: 1_000)).count == 200)
    }
}

@Suite struct CPUListTests {
    @Test(arguments: [
        ("0-3,8", [0, 1, 2, 3, 8]), ("5", [5]), ("", []), (" 0 \n", [0]), ("1-1", [1]), ("3,1,1-2", [1, 2, 3]),
    ])
    func wellFormed(_ text: String, _ expected: [Int]) { #expect(CPUList.parse(text) == expected) }

    @Test(arguments: ["a", "1-", "-1", "3-1", "0-99999999", "1,,2", "1-2-3", "0-9223372036854775808"])
    func malformed(_ text: String) { #expect(CPUList.parse(text) == nil) }

    @Test(arguments: [([0, 1, 2, 3, 8], "0-3,8"), ([], ""), ([5], "5"), ([2, 1, 2], "1-2")])
    func formatted(_ numbers: [Int], _ expected: String) { #expect(CPUList.format(numbers) == expected) }
}
