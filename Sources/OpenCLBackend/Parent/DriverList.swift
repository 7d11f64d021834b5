import FoundationEssentials
import Glibc
import Isolation
import NodeModel

/// One driver a child loads, and the environments that make a loader load it alone.
struct DriverSource: Hashable {
    /// The `.icd` file or library, for messages.
    var label: String
    /// Environments to try in turn until platforms show: loaders differ in the variables they know.
    var environments: [[String: String]]
}

/// The drivers installed here, by the rules of the loaders.
struct DriverList {
    var sources: [DriverSource] = []
    var unavailable: [Unavailable] = []

    private static let vendorsVariable = "OCL_ICD_VENDORS"
    private static let filesVariable = "OCL_ICD_FILENAMES"
    private static let defaultFolder = "/etc/OpenCL/vendors"
    /// What OCL_ICD_VENDORS is set to for loaders that should find drivers through OCL_ICD_FILENAMES alone.
    private static let nowhere = "/nonexistent"

    /// Lists `.icd` files in name order, then the libraries of OCL_ICD_FILENAMES, each driver once.
    ///
    /// - Parameter environment: The environment children get, with the variables changed.
    init(environment: [String: String]) {
        let vendors = environment[Self.vendorsVariable].flatMap { $0.isEmpty ? nil : $0 } ?? Self.defaultFolder
        var seen: Set<String> = []
        for path in Self.entries(vendors) {
            let isList = path.hasSuffix(".icd")
            guard let library = isList ? Self.library(inFile: path) : path else {
                let reason = Self.reason(path) + "; reinstall the package it belongs to, or remove it"
                unavailable.append(Unavailable(subject: "opencl driver \(CleanText.line(path))", reason: reason))
                continue
            }
            guard seen.insert(Self.canonical(library)).inserted else { continue }
            sources.append(Self.source(label: path, vendors: path, library: library, environment))
        }
        for library in (environment[Self.filesVariable] ?? "").split(separator: ":").map(String.init)
        where seen.insert(Self.canonical(library)).inserted {
            sources.append(Self.source(label: library, vendors: library, library: library, environment))
        }
        // A loader may know other places, so with nothing found one child asks it as things are.
        if sources.isEmpty { sources = [DriverSource(label: "the loader's default", environments: [environment])] }
    }

    private static func source(label: String, vendors: String, library: String, _ environment: [String: String])
        -> DriverSource
    {
        // ocl-icd takes a file in OCL_ICD_VENDORS; Khronos' loader takes libraries in OCL_ICD_FILENAMES.
        var first = environment
        first[vendorsVariable] = vendors
        first[filesVariable] = nil
        first[DeviceScan.libraryVariable] = library
        var second = environment
        second[vendorsVariable] = nowhere
        second[filesVariable] = library
        second[DeviceScan.libraryVariable] = library
        return DriverSource(label: CleanText.line(label), environments: [first, second])
    }

    /// The `.icd` files of a folder in name order, or the one file named.
    private static func entries(_ vendors: String) -> [String] {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: vendors, isDirectory: &isFolder) else { return [] }
        guard isFolder else { return [vendors] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: vendors)) ?? []
        let folder = vendors.hasSuffix("/") ? vendors : vendors + "/"
        return names.filter { $0.hasSuffix(".icd") }.sorted().map { folder + $0 }
    }

    /// Why a file names no library.
    private static func reason(_ path: String) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return errno == ENOENT ? "the link leads to no file" : String(cString: strerror(errno))
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return access(path, R_OK) == 0 ? "the file names no library" : String(cString: strerror(errno))
        case S_IFDIR: return "it is a directory, not a file that names a library"
        default: return "it is no regular file"
        }
    }

    /// The library an `.icd` file names in its first line, byte for byte as a loader takes it.
    private static func library(inFile path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let line = buffer.prefix(count).prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }
        let library = String(decoding: line, as: UTF8.self)
        return CleanText.line(library).isEmpty ? nil : library
    }

    /// The path with symbolic links followed, where the library is given as a path.
    private static func canonical(_ library: String) -> String {
        guard library.contains("/"), let resolved = realpath(library, nil) else { return library }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
