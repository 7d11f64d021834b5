import Exporters
import Foundation
import NodeModel
import TestExamples
import Testing

@Suite("Profiles are written whole and keep what they do not know") struct ProfileWriterTests {
    private let scratch: Scratch
    private let profile: NodeProfile

    init() throws {
        scratch = try Scratch()
        profile = try NodeProfile(session: SessionExamples.full())
    }

    private func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: "\(scratch.path)/\(name)")), as: UTF8.self)
    }

    @Test("What is written is what is read, and nothing is left beside it")
    func roundTrip() throws {
        let path = scratch.path + "/node.json"
        try ProfileWriter.write(profile, to: path)
        #expect(try ProfileWriter.read(path) == profile)
        #expect(try scratch.names == ["node.json"])
        #expect(try text("node.json").hasSuffix("}\n"))
    }

    @Test("Top-level keys of others survive a rewrite, known keys are replaced")
    func unknownKeys() throws {
        let path = scratch.path + "/node.json"
        try ProfileWriter.write(profile, to: path)
        var document = try EditableJSON(text("node.json"))
        document.set("x_rack", to: ["row_A": 3, "units": [1, 2.5, 18_014_398_509_481_985] as [Any]] as [String: Any])
        document.set("x_note", to: "kept 🙂")
        document.set("x_flag", to: true)
        document.set("session_id", to: "old")
        try scratch.write(try document.text, "node.json")
        try ProfileWriter.write(profile, to: path)

        #expect(try ProfileWriter.read(path) == profile)
        let object = try JSONSerialization.jsonObject(with: Data(text("node.json").utf8)) as? [String: Any]
        #expect(object?["x_note"] as? String == "kept 🙂")
        #expect(object?["x_flag"] as? Bool == true)
        let rack = object?["x_rack"] as? [String: Any]
        #expect(rack?["row_A"] as? Int == 3)
        #expect((rack?["units"] as? [Any])?.last as? Int == 18_014_398_509_481_985)
        #expect(object?["session_id"] as? String == profile.sessionId)
    }

    @Test(
        "A file that is not such a profile is not overwritten",
        arguments: [
            "[1]", "{}", "not json", #"{"schema": "nodewatt.profile/2"}"#, #"{"schema": "nodewatt.session/1"}"#,
        ])
    func foreign(content: String) throws {
        let path = try scratch.write(content, "other.json")
        let error = #expect(throws: InputError.self) { try ProfileWriter.write(profile, to: path) }
        #expect(error?.source == path && error?.recovery != nil)
        #expect(try text("other.json") == content)
        #expect(throws: InputError.self) { try ProfileWriter.read(path) }
    }

    @Test("An empty file is filled, a link followed")
    func emptyAndLink() throws {
        try scratch.write("", "node.json")
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path + "/link.json", withDestinationPath: "node.json")
        try ProfileWriter.write(profile, to: scratch.path + "/link.json")
        #expect(try ProfileWriter.read(scratch.path + "/node.json") == profile)
        let attributes = try FileManager.default.attributesOfItem(atPath: scratch.path + "/link.json")
        #expect(attributes[.type] as? FileAttributeType == .typeSymbolicLink)
    }

    @Test("A path that cannot be written is named, and nothing is left behind")
    func unwritable() throws {
        try scratch.write("x", "file")
        for path in ["/file/node.json", "/absent/node.json"].map({ scratch.path + $0 }) {
            let error = #expect(throws: SystemFailure.self) { try ProfileWriter.write(profile, to: path) }
            #expect(error?.description.contains(path) == true)
        }
        #expect(throws: SystemFailure.self) { try AtomicFile.write(Data("x".utf8), to: scratch.path) }
        #expect(throws: SystemFailure.self) { try AtomicFile.write(Data("x".utf8), to: "/dev/full") }
        #expect(throws: Never.self) { try AtomicFile.write(Data("x".utf8), to: "/dev/null") }
        #expect(try scratch.names == ["file"])
    }

    @Test func aFileOfItsOwnReplacesLinksAndPipes() throws {
        let scratch = try Scratch()
        let (target, link, pipe) = (scratch.path + "/target", scratch.path + "/link", scratch.path + "/pipe")
        try Data("precious".utf8).write(to: URL(fileURLWithPath: target))
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
        mkfifo(pipe, 0o600)
        for path in [link, pipe] {
            try AtomicFile.replace(path, with: Data("new".utf8))
            #expect(FileManager.default.contents(atPath: path) == Data("new".utf8))
        }
        #expect(FileManager.default.contents(atPath: target) == Data("precious".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: "/dev").allSatisfy { !$0.hasSuffix(".tmp") })
    }

    @Test("A profile with a key missing is named by that key")
    func missingKey() throws {
        try ProfileWriter.write(profile, to: scratch.path + "/node.json")
        var document = try EditableJSON(text("node.json"))
        document.set("site/pue", to: nil)
        let path = try scratch.write(try document.text, "broken.json")
        let error = #expect(throws: InputError.self) { try ProfileWriter.read(path) }
        #expect(error?.description.contains("pue") == true && error?.source == path)
    }
}
