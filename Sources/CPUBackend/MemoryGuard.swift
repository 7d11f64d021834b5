import FoundationEssentials
public import NodeModel

/// Keeps a workload from taking memory the machine does not have.
public struct MemoryGuard: Hashable, Sendable {
    /// The largest part of the available memory one workload may take.
    public static let share = 0.8

    /// Bytes a workload could get now; `nil` when the system does not tell.
    public var availableBytes: Int?

    /// Creates a guard from a known amount of memory.
    ///
    /// - Parameter availableBytes: Bytes available, `nil` when unknown.
    public init(availableBytes: Int?) { self.availableBytes = availableBytes }

    /// Reads what is available now: the least of `MemAvailable`, the control group's limit and the memory installed.
    ///
    /// - Parameters:
    ///   - topology: The running machine.
    ///   - path: The file in the format of `/proc/meminfo`.
    public init(topology: Topology, path: String = "/proc/meminfo") {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let installed = topology.memoryBytes > 0 ? topology.memoryBytes : nil
        availableBytes = [Self.kibibytes("MemAvailable", in: text), topology.cgroup.memoryBytes, installed]
            .compactMap(\.self).min()
    }

    /// Refuses a workload that needs more than the share.
    ///
    /// - Parameter bytes: What the workload needs, its checks included.
    /// - Throws: `TrialFailure` with status `skipped`, naming both amounts.
    public func require(_ bytes: Int) throws {
        guard let availableBytes, Double(bytes) > Self.share * Double(availableBytes) else { return }
        throw TrialFailure(
            .skipped,
            "needs \(Self.gibibytes(bytes)) GiB, \(Self.gibibytes(availableBytes)) GiB available "
                + "(at most 80 % are used). Choose a smaller shape or free memory")
    }

    /// The value of a line such as `MemAvailable:   1024 kB`, in bytes.
    static func kibibytes(_ name: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
            guard let value = line.dropFirst(name.count + 1).split(separator: " ").first.flatMap({ Int($0) }),
                value >= 0
            else { return nil }
            let product = value.multipliedReportingOverflow(by: 1024)
            return product.overflow ? nil : product.partialValue
        }
        return nil
    }

    private static func gibibytes(_ bytes: Int) -> String {
        let hundredths = Int((Double(bytes) / 0x1p30 * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }
}

/// How much of this process's memory lies in huge pages.
enum HugePages {
    /// A note for the record; empty where the kernel does not tell.
    static var note: [String: String] {
        guard let text = try? String(contentsOfFile: "/proc/self/smaps_rollup", encoding: .utf8),
            let huge = MemoryGuard.kibibytes("AnonHugePages", in: text),
            let all = MemoryGuard.kibibytes("Anonymous", in: text), all > 0
        else { return [:] }
        return ["huge pages": "\(min(100, huge * 100 / all)) % of anonymous memory"]
    }

    /// The fraction of the mapping around an address that lies in huge pages; `nil` where the kernel does not tell.
    static func fraction(at address: UnsafeRawPointer) -> Double? {
        guard let text = try? String(contentsOfFile: "/proc/self/smaps", encoding: .utf8) else { return nil }
        let place = UInt(bitPattern: address)
        var mapping = ""
        var isInside = false
        for line in text.split(separator: "\n") {
            // A mapping's first line begins with its range, `7f00-7fff rw-p …`; the others with a name and a colon.
            let range = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
            if range.count == 2 {
                isInside = (range[0]..<max(range[0], range[1])).contains(place)
            } else if isInside {
                mapping += line + "\n"
            }
        }
        guard let huge = MemoryGuard.kibibytes("AnonHugePages", in: mapping),
            let all = MemoryGuard.kibibytes("Anonymous", in: mapping), all > 0
        else { return nil }
        return Double(huge) / Double(all)
    }
}
