import Foundation
import Glibc
import ModelFiles
import NodeModel
import Testing

@Suite struct MappedFileTests {
    @Test func theBytesOfAFile() throws {
        let folder = try TemporaryFolder()
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let file = try MappedFile(path: folder.write("data", bytes))
        #expect(file.byteCount == bytes.count)
        for access in [MappedFile.Access.sequential, .soon, .done] {
            file.advise(access)
            file.advise(access, 5_000..<5_001)
            file.advise(access, 9_999..<1_000_000)
        }
        #expect(file.withBytes { Array($0) } == bytes)
        try file.requireUnchanged()
    }

    @Test func aLinkIsFollowed() throws {
        let folder = try TemporaryFolder()
        try folder.write("data", [1, 2, 3])
        try #require(symlink("data", folder.path + "/link") == 0)
        #expect(try MappedFile(path: folder.path + "/link").byteCount == 3)
    }

    @Test(
        "what is no file is refused at once",
        arguments: [
            ("missing", "cannot be read: No such file or directory"), ("folder", "is a directory"),
            ("pipe", "is a pipe"), ("/dev/zero", "is a device"), ("empty", "is empty"), ("", "cannot be read"),
            ("a\0b", "cannot be read"), ("link-to-itself", "cannot be read"),
        ])
    func notAFile(_ name: String, _ problem: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("empty", [])
        try #require(mkdir(folder.path + "/folder", 0o700) == 0)
        try #require(mkfifo(folder.path + "/pipe", 0o600) == 0)
        try #require(symlink("link-to-itself", folder.path + "/link-to-itself") == 0)
        let path = name.isEmpty || name.hasPrefix("/") ? name : folder.path + "/" + name
        let error = #expect(throws: InputError.self) { try MappedFile(path: path) }
        #expect(error?.source == path)
        #expect(error?.problem.hasPrefix(problem) == true, "\(String(describing: error))")
        #expect(error?.recovery != nil)
    }

    @Test func aFileThatIsCutOrWrittenIsNoticedBeforeItIsRead() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("data", [UInt8](repeating: 1, count: 100_000))
        let cut = try MappedFile(path: path)
        try #require(truncate(path, 10) == 0)
        let error = #expect(throws: InputError.self) { try cut.requireUnchanged() }
        #expect(error?.problem.contains("was changed") == true)

        let replaced = try MappedFile(path: path)
        try folder.write("data", [UInt8](repeating: 2, count: 10))
        // Writing beside and renaming leaves the open file as it was.
        try replaced.requireUnchanged()
        #expect(replaced.withBytes { $0.first } == 1)
    }

    @Test("a copy ends where memory does") func guardedCopy() throws {
        for count in [1, 4_095, 4_096, 4_097, 20_000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            let copy = try MappedFile(checking: bytes, name: "copy")
            #expect(copy.withBytes { Array($0) } == bytes)
            #expect(copy.withBytes { UInt(bitPattern: $0.baseAddress) + UInt(count) } % 4_096 == 0)
        }
        #expect(throws: InputError.self) { try MappedFile(checking: [], name: "nothing") }
    }

    @Test("files are closed and unmapped with their owner") func nothingIsLeft() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("data", [UInt8](repeating: 1, count: 100_000))
        // Far more than a process may have open, and than it may have mapped.
        for _ in 0..<70_000 { _ = try MappedFile(path: path) }
    }
}
