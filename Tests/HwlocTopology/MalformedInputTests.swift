import FoundationEssentials
import HwlocTopology
import NodeModel
import Testing

extension TopologyTests {
    @Suite struct MalformedInputTests {
        private func error(_ bytes: some Sequence<UInt8>) throws -> InputError? {
            let directory = try TemporaryDirectory()
            let path = try directory.write("machine.xml", bytes)
            let error = #expect(throws: InputError.self) {
                try HwlocTopologySource(origin: .xml(path: path)).discover()
            }
            #expect(error?.source == path)
            return error
        }

        private func fixture() throws -> [UInt8] {
            Array(try Data(contentsOf: URL(fileURLWithPath: Machines.path("power8gpudistances"))))
        }

        @Test func emptyFile() throws { #expect(try error([])?.problem.contains("empty") == true) }

        @Test func binaryFile() throws {
            #expect(
                try error((0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) })?.problem.contains("not text") == true)
        }

        @Test func notXML() throws { #expect(try error("hello, world\n".utf8) != nil) }

        @Test func otherXML() throws { #expect(try error("<?xml version=\"1.0\"?><html><body/></html>".utf8) != nil) }

        @Test(arguments: [10, 400, 2_000, 9_000, 18_000])
        func truncatedFile(_ count: Int) throws { #expect(try error(fixture().prefix(count)) != nil) }

        @Test func deepNestingIsRefusedWithItsLine() throws {
            let deep = "<topology version=\"2.0\">\n" + String(repeating: "<object type=\"Group\">\n", count: 5_000)
            #expect(try error(deep.utf8)?.place == "line 130")
        }

        @Test(arguments: [" complete_cpuset=\"0x00000001\"", " complete_nodeset=\"0x00000003\""])
        func filesThatCrashTheLibraryAreAnError(_ missing: String) throws {
            // libhwloc 2.9 follows a null pointer when an object has a set without its complete counterpart.
            let text = String(decoding: try fixture(), as: UTF8.self)
            #expect(try error(text.replacing(missing, with: "").utf8)?.problem.contains("crashes") == true)
        }

        @Test func sizesThatOverflowAreRefused() throws {
            let text = String(decoding: try fixture(), as: UTF8.self)
            let huge = text.replacing("local_memory=\"68", with: "local_memory=\"918446744073")
            #expect(huge != text)
            #expect(try error(huge.utf8)?.problem.contains("more than any machine") == true)
        }

        @Test func machinesWithoutThreadsAreRefused() throws {
            let lines = String(decoding: try fixture(), as: UTF8.self).split(separator: "\n")
            let bare = lines.filter { !$0.contains("type=\"PU\"") }.joined(separator: "\n")
            #expect(try error(bare.utf8)?.problem.contains("no hardware thread") == true)
        }

        @Test(arguments: ["/nonexistent/machine.xml", "/", "/dev/zero"])
        func whatIsNoFileIsNamed(_ path: String) {
            let error = #expect(throws: InputError.self) {
                try HwlocTopologySource(origin: .xml(path: path)).discover()
            }
            #expect(error?.source == path)
        }

        @Test(arguments: [UInt64(1), 2, 3, 4])
        func mutatedFilesNeverCrash(_ seed: UInt64) throws {
            let directory = try TemporaryDirectory()
            let original = try fixture()
            var random = SplitMix(state: seed)
            var loaded = 0
            for _ in 0..<60 {
                let path = try directory.write("mutant.xml", random.mutate(original))
                do {
                    let topology = try HwlocTopologySource(origin: .xml(path: path)).discover()
                    _ = TopologyText.render(topology)
                    _ = try JSONDocument.encode(TopologyDocument(topology))
                    loaded += 1
                } catch is InputError {
                    continue
                }
            }
            // Some mutants must get through, or the library was never reached.
            #expect(loaded > 0)
        }
    }
}

/// A small random generator, so that a failing mutant can be made again from its seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// Changes, removes, repeats or cuts a few pieces of a document.
    mutating func mutate(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...5, using: &self) {
            guard bytes.count > 2 else { return bytes }
            let start = Int.random(in: 0..<bytes.count, using: &self)
            let end = min(start + Int.random(in: 0..<300, using: &self), bytes.count)
            switch Int.random(in: 0..<6, using: &self) {
            case 0: bytes[start] = UInt8.random(in: 32..<127, using: &self)
            case 1: bytes.removeSubrange(start..<end)
            case 2: bytes.insert(contentsOf: bytes[start..<end], at: Int.random(in: 0..<bytes.count, using: &self))
            case 3 where end % 8 == 0: bytes.removeSubrange(start...)
            default:
                let digits = bytes.indices.filter { (48...57).contains(bytes[$0]) }
                guard let digit = digits.randomElement(using: &self) else { continue }
                bytes[digit] = UInt8.random(in: 48...57, using: &self)
            }
        }
        return bytes
    }
}
