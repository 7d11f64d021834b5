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

    /// The largest buffer a device takes, a multiple of 64 bytes; without an answer of the driver's any is tried.
    static func largestBuffer(_ device: Device) -> Int {
        let limit = device.maximumAllocationBytes / 64 * 64
        return limit > 0 ? limit : .max / 64 * 64
    }

    /// The most buffers an array is divided into.
    private static let mostPieces = 4_096

    /// How an array is divided into buffers a device takes.
    ///
    /// - Parameters:
    ///   - total: The array's length, in bytes or in rows.
    ///   - step: The most of it in one buffer.
    ///   - device: The device, for the message.
    /// - Returns: Ranges that follow each other.
    /// - Throws: `TrialFailure`, unsupported where they would be absurdly many.
    static func pieces(_ total: Int, of step: Int, on device: Device) throws -> [Range<Int>] {
        guard total / step < mostPieces else {
            throw TrialFailure(
                .unsupported,
                "the driver allows buffers of \(device.maximumAllocationBytes) bytes, too small to measure with")
        }
        return stride(from: 0, to: total, by: step).map { $0..<min($0 + min(step, total), total) }
    }

    /// Throws unless a buffer that cannot be divided fits.
    ///
    /// - Throws: `TrialFailure` with the status unsupported.
    static func checkWhole(_ bytes: Int, on device: Device) throws {
        guard bytes <= largestBuffer(device) else {
            throw TrialFailure(
                .unsupported,
                "needs a buffer of \(bytes) bytes, and the driver allows \(device.maximumAllocationBytes) (CL_DEVICE_MAX_MEM_ALLOC_SIZE)"
            )
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
