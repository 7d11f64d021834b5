import Foundation
import Glibc
import Testing

/// A directory of its own for one test, removed with it.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "nodewatt-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file below the directory.
    func write(_ data: Data, _ name: String) throws { try data.write(to: URL(filePath: "\(path)/\(name)")) }
}

/// The system's Python, whose sqlite3 module is an independent reader of the database.
enum Python {
    static let path = "/usr/bin/python3"
    static var isThere: Bool { access(path, X_OK) == 0 }

    /// Runs SQL statements on a database and returns the rows of the last one, values separated by `|`.
    static func sql(_ statements: String..., database: String) throws -> [String] {
        let code = """
            import sqlite3, sys
            connection = sqlite3.connect(sys.argv[1])
            for statement in sys.argv[2:]:
                rows = connection.execute(statement).fetchall()
            connection.commit()
            for row in rows:
                print("|".join("NULL" if v is None else str(v) for v in row))
            """
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = ["-c", code, database] + statements
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
