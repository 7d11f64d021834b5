public import Analysis
import FoundationEssentials
import Glibc
public import NodeModel

/// The folder of data files that come with nodewatt: grid factors, model shapes, schemas.
public struct ProfileDirectory: Hashable, Sendable {
    /// The folder's path.
    public let path: String

    /// Names a folder.
    public init(path: String) { self.path = path }

    /// Finds the folder.
    ///
    /// In this order: the explicit path; the variable `NODEWATT_PROFILES`; `../share/nodewatt/Profiles` and `Profiles`
    /// beside the executable; the checkout the executable was built in.
    ///
    /// - Parameters:
    ///   - explicit: A path given on the command line.
    ///   - environment: The process's environment.
    ///   - executablePath: The running program, for example `/proc/self/exe`.
    /// - Returns: The folder.
    /// - Throws: ``InputError`` when a given path is not such a folder, ``SystemFailure`` naming where it was
    ///   looked for.
    public static func locate(explicit: String?, environment: [String: String], executablePath: String) throws
        -> ProfileDirectory
    {
        for (source, path) in [("--profiles", explicit), ("NODEWATT_PROFILES", environment["NODEWATT_PROFILES"])] {
            guard let path, !path.isEmpty else { continue }
            guard isProfiles(path) else {
                throw InputError(
                    source: source, place: path, problem: "is not a folder with 'grid' and 'models' in it",
                    recovery: "Name the Profiles folder that came with nodewatt")
            }
            return ProfileDirectory(path: path)
        }
        let places = candidates(executablePath)
        if let path = places.first(where: isProfiles) { return ProfileDirectory(path: path) }
        throw SystemFailure(
            action: "finding nodewatt's Profiles folder", reason: "not at \(places.joined(separator: ", "))",
            recovery: "Set NODEWATT_PROFILES to it")
    }

    /// Where the folder may be, by the program's real path.
    private static func candidates(_ executablePath: String) -> [String] {
        var directory = parent(of: realPath(executablePath) ?? executablePath)
        var places = [parent(of: directory) + "/share/nodewatt/Profiles", directory + "/Profiles"]
        while directory != "/" && !directory.isEmpty {
            directory = parent(of: directory)
            if access(directory + "/Package.swift", F_OK) == 0 { places.append(directory + "/Profiles") }
        }
        return places
    }

    private static func isProfiles(_ path: String) -> Bool {
        access(path + "/grid", R_OK | X_OK) == 0 && access(path + "/models", R_OK | X_OK) == 0
    }

    private static func realPath(_ path: String) -> String? {
        guard let pointer = realpath(path, nil) else { return nil }
        defer { free(pointer) }
        return String(cString: pointer)
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The path of a file in the folder.
    ///
    /// - Parameter name: The path below the folder, for example `schema/node-profile.schema.json`.
    /// - Returns: The folder's path, a slash, and the name.
    public func path(for name: String) -> String { "\(path)/\(name)" }

    /// Reads all model shapes.
    ///
    /// - Returns: The catalogue, each shape under its file's stem.
    /// - Throws: ``InputError`` naming the file and key at fault, ``SystemFailure`` when a file cannot be read.
    public func models() throws -> ModelCatalogue {
        var catalogue = ModelCatalogue()
        for file in try files(in: "models", withExtension: ".json") {
            let shape = try Self.model(file: path(for: "models/\(file)"))
            catalogue.add(shape, stem: String(file.dropLast(".json".count)))
        }
        return catalogue
    }

    /// Reads one model shape from any file.
    ///
    /// - Parameter file: The path of a JSON file.
    /// - Returns: The shape, checked.
    /// - Throws: ``InputError`` naming the key at fault, ``SystemFailure`` when the file cannot be read.
    public static func model(file: String) throws -> ModelShape {
        try ModelCatalogue.parse(FileText.data(file), named: file)
    }

    /// Reads all grid factors and the zones' other names.
    ///
    /// - Returns: The table of all files.
    /// - Throws: ``InputError`` naming the file and line at fault, ``SystemFailure`` when a file cannot be read.
    public func gridFactors() throws -> GridFactorTable {
        var table = GridFactorTable()
        let aliasFile = "aliases.csv"
        for file in try files(in: "grid", withExtension: ".csv") where file != aliasFile {
            let name = path(for: "grid/\(file)")
            try table.merge(GridFactorTable.parse(FileText.text(name), named: name), named: name)
        }
        let aliases = path(for: "grid/\(aliasFile)")
        if access(aliases, F_OK) == 0 { try table.addAliases(FileText.text(aliases), named: aliases) }
        return table
    }

    /// The names of a subfolder's files with an extension, in alphabetical order.
    private func files(in folder: String, withExtension suffix: String) throws -> [String] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path(for: folder)) else {
            throw SystemFailure(
                action: "listing \(path(for: folder))", reason: "it is not a folder that can be read",
                recovery: "Set NODEWATT_PROFILES to the Profiles folder that came with nodewatt")
        }
        return names.filter { $0.hasSuffix(suffix) && !$0.hasPrefix(".") }.sorted()
    }
}
