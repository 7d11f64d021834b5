import Foundation
import Glibc
import History
import NodeModel
import TestExamples
import Testing

@Suite("History survives faults or names them") struct HistoryFaultTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func failure(opening directory: String) -> String {
        let error = #expect(throws: SystemFailure.self) { try HistoryStore(directory: directory) }
        return error?.description ?? ""
    }

    @Test("What was appended is in the files at once, as a crash would leave them")
    func crash() throws {
        let store = try HistoryStore(directory: scratch.path)
        try store.begin(SessionExamples.bare())
        for count in 1...3 {
            try store.append(SessionExamples.trial(), to: SessionExamples.bare().sessionId)
            // Copied while the store is open and nothing was closed or checkpointed, as after kill -9.
            let copy = "\(scratch.path)/copy\(count)"
            try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: false)
            for name in ["history.sqlite", "history.sqlite-wal"] {
                try FileManager.default.copyItem(atPath: "\(scratch.path)/\(name)", toPath: "\(copy)/\(name)")
            }
            #expect(try HistoryStore(directory: copy).session(id: "latest").trials.count == count)
        }
    }

    @Test("Several stores may create and fill the same history at once", arguments: 0..<10)
    func concurrent(_ round: Int) async throws {
        let path = scratch.path + "/\(round)"
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    let store = try HistoryStore(directory: path)
                    let session = SessionExamples.bare(id: "writer-\(writer)")
                    try store.begin(session)
                    for _ in 0..<10 { try store.append(SessionExamples.trial(), to: session.sessionId) }
                }
            }
            try await group.waitForAll()
        }
        #expect(try HistoryStore(directory: path).sessions().map(\.trials) == [10, 10, 10, 10])
    }

    @Test("A full disk is named, and what was stored before stays readable")
    func full() throws {
        let store = try HistoryStore(directory: scratch.path, allowSimulated: false, maximumPages: 40)
        try store.begin(SessionExamples.bare())
        var stored = 0
        let error = #expect(throws: SystemFailure.self) {
            while stored < 1_000 {
                try store.append(SessionExamples.trial(), to: SessionExamples.bare().sessionId)
                stored += 1
            }
        }
        #expect(stored > 0)
        #expect(error?.description.contains("no space is left") == true)
        #expect(error?.description.contains(store.path) == true)
        #expect(error?.recovery?.contains("NODEWATT_RESULTS") == true)
        #expect(try store.session(id: "latest").trials.count == stored)
    }

    @Test("A directory is created with its parents")
    func parents() throws {
        let store = try HistoryStore(directory: scratch.path + "/a/b//c/")
        #expect(store.path == scratch.path + "/a/b//c/history.sqlite")
        #expect(access(store.path, F_OK) == 0)
    }

    @Test("A directory that cannot be is named with the remedy")
    func noDirectory() throws {
        try scratch.write(Data("x".utf8), "file")
        for directory in ["\(scratch.path)/file", "\(scratch.path)/file/below", "/proc/nodewatt", "/sys/kernel"] {
            let message = failure(opening: directory)
            #expect(message.contains(directory) && message.contains("NODEWATT_RESULTS"), "\(directory): \(message)")
        }
        #expect(failure(opening: "").contains("empty"))
    }

    @Test("A read-only directory is named", .enabled(if: geteuid() != 0, "root may write to read-only directories"))
    func readOnly() throws {
        chmod(scratch.path, 0o555)
        defer { chmod(scratch.path, 0o755) }
        #expect(failure(opening: scratch.path).contains(scratch.path))
    }

    @Test("A file that is no database, and a damaged one, are named and not overwritten")
    func corrupt() throws {
        let garbage = Data(repeating: 0x41, count: 8_192)
        try scratch.write(garbage, "history.sqlite")
        #expect(failure(opening: scratch.path).contains("not an SQLite database"))
        #expect(try Data(contentsOf: URL(filePath: scratch.path + "/history.sqlite")) == garbage)

        let other = try Scratch()
        try closing { try HistoryStore(directory: other.path).finish(SessionExamples.full()) }
        var bytes = try Data(contentsOf: URL(filePath: other.path + "/history.sqlite"))
        for index in 4_096..<bytes.count { bytes[index] = 0x5A }
        try other.write(bytes, "history.sqlite")
        let error = #expect(throws: SystemFailure.self) {
            try HistoryStore(directory: other.path).session(id: "latest")
        }
        #expect(error?.description.contains("damaged") == true)
        #expect(error?.recovery?.contains("aside") == true)
    }

    /// Closes what `work` opened before it returns.
    private func closing(_ work: () throws -> Void) rethrows { try work() }

    @Test(
        "A history of a later version is refused and left alone",
        .enabled(if: Python.isThere, "no /usr/bin/python3 to write the later version's mark"))
    func future() throws {
        try closing { try HistoryStore(directory: scratch.path).finish(SessionExamples.full()) }
        let path = scratch.path + "/history.sqlite"
        _ = try Python.sql("INSERT INTO grdb_migrations VALUES ('999-later')", database: path)
        #expect(failure(opening: scratch.path).contains("newer version"))
        #expect(try Python.sql("SELECT count(*) FROM trial", database: path) == ["2"])
    }

    @Test(
        "The database of another program is refused and left alone",
        .enabled(if: Python.isThere, "no /usr/bin/python3 to write another program's database"))
    func stranger() throws {
        let path = scratch.path + "/history.sqlite"
        _ = try Python.sql("CREATE TABLE recipes (name TEXT)", database: path)
        #expect(failure(opening: scratch.path).contains("another program"))
        #expect(try Python.sql("SELECT count(*) FROM sqlite_schema", database: path) == ["1"])
    }

    @Test("Network file systems are recognised by the mount table")
    func network() {
        let table = """
            22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
            61 22 0:52 / /home rw,relatime shared:30 master:2 - nfs4 server:/home rw,vers=4.2
            62 22 0:53 / /mnt/with\\040space rw - cifs //server/share rw
            malformed
            63 22 0:54 / /broken rw -
            64 22 259:300 / /data rw - xfs /dev/nvme0n1p1 rw
            """
        func kind(_ major: UInt64, _ minor: UInt64) -> FileSystemKind {
            FileSystemKind(device: major << 8 | minor & 0xFF | (minor & ~0xFF) << 12, mountTable: table)
        }
        #expect(kind(254, 1) == .local)
        #expect(kind(0, 52) == .network("nfs4"))
        #expect(kind(0, 53) == .network("cifs"))
        #expect(kind(0, 54) == .local)
        #expect(kind(259, 300) == .local)
        #expect(kind(9, 9) == .local)
        #expect(FileSystemKind.holding("/proc") == .local)
    }
}
