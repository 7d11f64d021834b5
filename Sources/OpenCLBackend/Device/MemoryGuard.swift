import FoundationEssentials
import NodeModel

/// Refuses workloads that would not leave a device or the host enough memory.
enum MemoryGuard {
    /// The share of memory a workload may use.
    static let share = 0.6

    /// Throws a skip unless the workload fits.
    ///
    /// - Parameters:
    ///   - deviceBytes: What it allocates on the device.
    ///   - hostBytes: What verification allocates on the host.
    ///   - device: The device.
    ///   - available: The host's available memory in bytes.
    /// - Throws: `TrialFailure` with the status skipped.
    static func check(deviceBytes: Int, hostBytes: Int, device: Device, available: Int? = availableHostBytes) throws {
        let total = device.memoryBytes
        // A processor's device memory is the host's, so there what is available now decides.
        let onHost = hostBytes + (device.kind == .cpu ? deviceBytes : 0)
        if let available, Double(onHost) > share * Double(available) {
            throw TrialFailure(
                .skipped, "needs \(onHost) bytes of host memory, more than 60 % of the \(available) available")
        }
        let limit = device.kind == .cpu ? Double(total) : share * Double(total)
        if total > 0, Double(deviceBytes) > limit {
            throw TrialFailure(
                .skipped, "needs \(deviceBytes) bytes, more than the device's memory of \(total) bytes allows")
        }
    }

    /// `MemAvailable` of `/proc/meminfo`, in bytes.
    static var availableHostBytes: Int? {
        guard let data = FileManager.default.contents(atPath: "/proc/meminfo") else { return nil }
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            let fields = line.split(separator: " ")
            return fields.count >= 2 ? Int(fields[1]).map { $0 * 1_024 } : nil
        }
        return nil
    }
}
