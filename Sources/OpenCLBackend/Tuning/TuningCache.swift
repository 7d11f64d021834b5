import FoundationEssentials
package import NodeModel
import OpenCLKernels

/// The winners of one device with one driver and one version of the kernels, as kept between runs.
package struct TuningCache: Hashable, Codable, Sendable {
    /// One winner.
    package struct Entry: Hashable, Codable, Sendable {
        /// The kernel, and the size it was tuned for.
        package var kernel, shape: String
        /// The winner.
        package var parameters: KernelParameters
        /// Work a second when it was found, and how many shapes it beat.
        package var rate: Double
        package var tried: Int
    }

    /// What a text of the store can be wrong in.
    package struct Refusal: Error, CustomStringConvertible { package var description: String }

    private static let version = "nodewatt.tuning/1"

    /// What the winners hold for.
    package let device, driver, kernels: String
    /// The winners.
    package private(set) var entries: [Entry] = []
    private var schema = version
    private var checksum = ""

    /// Starts an empty cache for a device.
    package init(_ device: Device) {
        self.device = "\(device.platform ?? ""), \(device.name)"
        driver = device.driver
        kernels = Self.kernelsDigest
    }

    /// The name of a device's cache: one for each device, driver and version of the kernels.
    package var name: String { "\(Self.digest("\(device)\n\(driver)\n\(kernels)")).json" }

    /// Reads a text of the store.
    ///
    /// - Parameter text: What ``text`` gave.
    /// - Returns: The cache.
    /// - Throws: ``Refusal`` when it was changed, or is of another device, driver or version of the kernels.
    package func reading(_ text: String) throws -> TuningCache {
        guard let found = try? JSONDecoder().decode(TuningCache.self, from: Data(text.utf8)) else {
            throw Refusal(description: "it is no document of \(Self.version)")
        }
        guard found.schema == Self.version, found.device == device, found.driver == driver, found.kernels == kernels
        else { throw Refusal(description: "it is of another device, driver or version of the kernels") }
        guard found.checksum == found.digestOfEntries else {
            throw Refusal(description: "its checksum does not fit what it says")
        }
        return found
    }

    /// The cache as a document.
    package var text: String {
        var sealed = self
        sealed.checksum = digestOfEntries
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return (try? encoder.encode(sealed)).map { String(decoding: $0, as: UTF8.self) + "\n" } ?? ""
    }

    /// The winner for a kernel and a size, where the space still has it.
    package func winner(_ space: TuningSpace, shape: String) -> KernelParameters? {
        entries.first { $0.kernel == space.kernel && $0.shape == shape && space.contains($0.parameters) }?.parameters
    }

    /// Keeps a winner in place of an earlier one.
    package mutating func keep(_ result: TuningResult, _ space: TuningSpace, shape: String) {
        guard let best = result.best, let rate = best.rate else { return }
        entries.removeAll { $0.kernel == space.kernel && $0.shape == shape }
        entries.append(
            Entry(
                kernel: space.kernel, shape: shape, parameters: best.parameters, rate: rate, tried: result.tried.count))
    }

    private var digestOfEntries: String {
        let lines = entries.map { "\($0.kernel) \($0.shape) \($0.parameters) \($0.rate) \($0.tried)" }
        return Self.digest(([schema, device, driver, kernels] + lines).joined(separator: "\n"))
    }

    private static let kernelsDigest = digest(
        OpenCLKernels.names.map { "\($0)\n\(OpenCLKernels.source($0) ?? "")" }.joined(separator: "\n"))

    /// 64-bit FNV-1a in hexadecimal, which shows accidents and edits; nobody gains by forging it, since every result is
    /// checked whatever the shape of its kernel.
    private static func digest(_ text: String) -> String {
        let hash = text.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
