import Foundation
import Testing

/// What a finished program left.
struct Finished: Sendable {
    var status: Int32
    var output: String
    var error: String

    /// Standard output as a JSON object.
    func document() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    }
}

/// Runs the real binary, which lies beside the test bundle.
enum Program {
    static let path: String = {
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("nodewatt").path
    }()

    /// The project's `Tests` folder.
    static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    /// A program that runs; its output goes to files, so that no full pipe can stop it.
    final class Running {
        let process = Process()
        private let folder = Scratch.folder()
        private var files: [FileHandle] = []

        init(_ program: String, _ arguments: [String], environment: [String: String?] = [:]) throws {
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("NODEWATT_") }
            for (name, value) in environment { variables[name] = value }
            process.environment = variables
            process.standardInput = FileHandle.nullDevice
            for name in ["out", "err"] {
                let path = folder + "/" + name
                try Data().write(to: URL(fileURLWithPath: path))
                files.append(try #require(FileHandle(forWritingAtPath: path)))
            }
            process.standardOutput = files[0]
            process.standardError = files[1]
            try process.run()
        }

        func wait() -> Finished {
            process.waitUntilExit()
            let texts = ["out", "err"].map { name in
                String(decoding: FileManager.default.contents(atPath: folder + "/" + name) ?? Data(), as: UTF8.self)
            }
            let signalled = process.terminationReason == .uncaughtSignal
            let status = process.terminationStatus + (signalled ? 128 : 0)
            return Finished(status: status, output: texts[0], error: texts[1])
        }
    }

    static func run(_ arguments: [String], environment: [String: String?] = [:]) throws -> Finished {
        try Running(path, arguments, environment: environment).wait()
    }

    static func run(program: String, _ arguments: [String]) throws -> Finished {
        try Running(program, arguments).wait()
    }

    /// Runs nodewatt with a RAPL tree bound over /sys/class whose counters run at a known power.
    static func withRAPL(_ options: [String], _ arguments: [String]) throws -> Finished {
        let script = tests.appendingPathComponent("Fixtures/with_rapl_tree.sh").path
        return try run(program: "/bin/bash", [script] + options + ["--", path] + arguments)
    }
}

/// Temporary folders, gone at the end of the process's life with the system's own clean-up.
enum Scratch {
    static func folder() -> String {
        let path = NSTemporaryDirectory() + "/nodewatt-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}
