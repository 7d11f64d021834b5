import CMeters
package import HostProbe

/// Where a vendor's library would be, looked up without loading anything.
package struct LibraryFinder {
    /// The names it may have, the newest first.
    var names: [String]
    /// Folders beside the linker's own.
    var folders: [String]
    /// The variable that names another library, for tests and unusual nodes.
    var variable: String

    private static let linkerFolders = [
        "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib", "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
    ]

    /// Looks for the library.
    ///
    /// The linker's cache holds the names it would find as they are, each ended by a zero.
    ///
    /// - Parameters:
    ///   - root: Where files are looked for.
    ///   - environment: The process's environment.
    /// - Returns: What the dynamic linker is to be given; `nil` when there is no such library.
    package func find(_ root: HostRoot, _ environment: [String: String]) -> String? {
        if let named = environment[variable], !named.isEmpty { return named }
        let own = (environment["LD_LIBRARY_PATH"] ?? "").split(separator: ":").map(String.init)
        let cache = (try? root.readPieces("/etc/ld.so.cache", limit: 16 << 20)) ?? []
        for name in names {
            if Self.holds(cache, name) { return name }
            if (own + Self.linkerFolders).contains(where: { root.exists("\($0)/\(name)") }) { return name }
            if let folder = folders.first(where: { root.exists("\($0)/\(name)") }) { return "\(folder)/\(name)" }
        }
        return nil
    }

    /// Whether bytes hold a name between zeros.
    private static func holds(_ bytes: [UInt8], _ name: String) -> Bool {
        let wanted = [0] + Array(name.utf8) + [0]
        return nwm_holds(bytes, bytes.count, wanted, wanted.count) != 0
    }
}

/// Whether the bus holds a card of a vendor; a look at one small file for each device.
enum GraphicsCards {
    private static let folder = "/sys/bus/pci/devices"

    /// The places of display controllers and processing accelerators of a vendor.
    static func places(vendor: String, _ root: HostRoot) -> [String] {
        root.names(in: folder).filter { place in
            guard root.line("\(folder)/\(place)/vendor") == vendor else { return false }
            let kind = root.line("\(folder)/\(place)/class") ?? ""
            return kind.hasPrefix("0x03") || kind.hasPrefix("0x12")
        }
    }
}
