extension HostProbe {
    /// The processors that are online, as the kernel numbers them; empty where it does not tell.
    public var onlineProcessors: [Int] {
        root.line("/sys/devices/system/cpu/online").flatMap { CPUList.parse($0) } ?? []
    }

    /// How many physical packages processors are in.
    ///
    /// - Parameter processors: Their numbers.
    /// - Returns: The count; `nil` where the kernel does not tell it for one of them.
    public func packages(of processors: [Int]) -> Int? {
        var found: Set<Int> = []
        for processor in processors {
            let file = "/sys/devices/system/cpu/cpu\(processor)/topology/physical_package_id"
            // Some virtual machines say -1.
            guard let package = root.integer(file), package >= 0 else { return nil }
            found.insert(package)
        }
        return found.isEmpty ? nil : found.count
    }
}
