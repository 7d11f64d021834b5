import Glibc
import Synchronization

/// The environment variables that steer libhwloc, set for one discovery and put back after it.
///
/// hwloc takes a captured root, and the list of plug-ins not to open, from the environment only.
enum HwlocEnvironment {
    /// The process has one environment, so discoveries take turns.
    private static let turn = Mutex<Void>(())

    /// What holds for every discovery.
    ///
    /// Plug-ins that open a GPU or OpenCL driver are not even loaded: a driver's fault must never take this process
    /// with it, and opening one takes seconds. Variables by which a user redirects hwloc are cleared: where a
    /// topology comes from is said by options, and it must not claim to be this machine when it is not.
    private static let always: [String: String?] = [
        "HWLOC_PLUGINS_BLACKLIST":
            "hwloc_gl,hwloc_opencl,hwloc_cuda,hwloc_nvml,hwloc_rsmi,hwloc_levelzero,hwloc_xml_libxml",
        "HWLOC_HIDE_ERRORS": "2", "HWLOC_FSROOT": nil, "HWLOC_CPUID_PATH": nil, "HWLOC_XMLFILE": nil,
        "HWLOC_SYNTHETIC": nil, "HWLOC_COMPONENTS": nil, "HWLOC_THISSYSTEM": nil,
        "HWLOC_THISSYSTEM_ALLOWED_RESOURCES": nil, "HWLOC_DUMPED_HWDATA_DIR": nil, "HWLOC_XML_VERBOSE": nil,
        "HWLOC_SYNTHETIC_VERBOSE": nil,
    ]

    /// Runs a discovery with the variables set.
    ///
    /// - Parameters:
    ///   - extra: Further variables; `nil` removes one.
    ///   - body: The discovery.
    /// - Returns: What the discovery returns.
    static func with<Result>(_ extra: [String: String?], _ body: () throws -> Result) rethrows -> Result {
        try turn.withLock { _ in
            let values = always.merging(extra) { _, new in new }
            let saved = values.map { name, _ in (name, getenv(name).map { String(cString: $0) }) }
            for (name, value) in values { assign(name, value) }
            defer { for (name, value) in saved { assign(name, value) } }
            return try body()
        }
    }

    private static func assign(_ name: String, _ value: String?) {
        if let value { setenv(name, value, 1) } else { unsetenv(name) }
    }
}
