import Analysis
import Exporters
import FoundationEssentials
import Glibc
import NodeModel

/// Where this program was started from.
enum Installation {
    /// The real path of the program.
    static let executablePath: String = {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { readlink("/proc/self/exe", $0, bytes.count) } ?? 0
        }
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : CommandLine.arguments[0]
    }()

    /// The checkout the program was built in, where it still lies in one.
    static let checkout: String? = {
        var parts = executablePath.split(separator: "/").dropLast()
        while !parts.isEmpty {
            let directory = "/" + parts.joined(separator: "/")
            let marks = ["/Package.swift", "/Profiles/schema"].map { directory + $0 }
            if marks.allSatisfy({ access($0, F_OK) == 0 }) { return directory }
            parts = parts.dropLast()
        }
        return nil
    }()

    /// The data files.
    ///
    /// - Parameter environment: The process's environment, for `NODEWATT_PROFILES`.
    /// - Returns: Their folder.
    /// - Throws: ``NodeModel/SystemFailure`` when they are nowhere.
    static func profiles(_ environment: [String: String]) throws -> ProfileDirectory {
        try ProfileDirectory.locate(explicit: nil, environment: environment, executablePath: executablePath)
    }
}

extension ProfileDirectory {
    /// A model by its name in `Profiles/models`, or by the path of a file.
    ///
    /// - Parameter name: A name, or a path ending in `.json`.
    /// - Returns: The model's shape.
    /// - Throws: ``NodeModel/InputError`` for a wrong file or an unknown name.
    func model(named name: String) throws -> ModelShape {
        name.hasSuffix(".json") ? try Self.model(file: name) : try models().lookup(name)
    }
}
