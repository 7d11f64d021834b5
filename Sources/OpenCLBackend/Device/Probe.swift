import Isolation
import NodeModel

/// What a device may or may not be able to do, whatever its extension string says.
///
/// NVIDIA's driver computes in f16 without listing `cl_khr_fp16`; others list what their compiler then refuses. So each
/// is found out by building and running a kernel of a few lines (`probe.cl`) and looking at its answer.
package enum Capability: String, Codable, CaseIterable, Sendable {
    /// Arithmetic in f16.
    case half
    /// Arithmetic in f64.
    case double
    /// Sub-groups and their reductions.
    case subGroups = "sub_groups"
    /// The dot product of four int8 (`cl_khr_integer_dot_product`).
    case integerDot = "integer_dot"
    /// Inline PTX, with `dp4a`.
    case ptx
    /// Matrix products of a warp by PTX `mma.sync`, as from sm_80 on.
    case ptxMatrix = "ptx_matrix"
    /// AMD's MFMA, of wavefronts of 64.
    case mfma
    /// AMD's WMMA, of wavefronts of 32.
    case wmma
    /// Intel's matrix engine, sub-groups of 16.
    case dpas

    /// How a capability is probed: the items of the one work-group, the language version, and the right answer.
    private struct Probe {
        var items: Int
        var standard: String?
        var answer: UInt32
    }

    private static let probes: [Capability: Probe] = [
        .half: Probe(items: 1, answer: 12),
        // 9 + 3 · 2⁻⁴⁰, of which f32 would keep the 9 alone.
        .double: Probe(items: 1, answer: 3),
        .subGroups: Probe(items: 64, standard: "CL2.0", answer: 3),
        // 3 · (−1 + 2 + 3 + 4).
        .integerDot: Probe(items: 1, standard: "CL3.0", answer: 24),
        .ptx: Probe(items: 1, answer: 24),
        .ptxMatrix: Probe(items: 32, answer: 64),
        .mfma: Probe(items: 64, answer: 64),
        .wmma: Probe(items: 32, answer: 64),
        .dpas: Probe(items: 16, answer: 64),
    ]

    /// The language version its probe is built with; `nil` for the device's own.
    var standard: String? { Self.probes[self]?.standard }

    /// Whether a device can do it.
    ///
    /// - Parameter queue: The device.
    /// - Returns: `nil` when it can, otherwise why it cannot: what its compiler, its runtime or its answer said.
    func missing(on queue: DeviceQueue) -> String? {
        guard let probe = Self.probes[self] else { return "there is no probe for \(rawValue)" }
        let standard = probe.standard.map { ["-cl-std=\($0)"] } ?? []
        do {
            let program = try queue.build(
                ["probe"], options: ["PROBE_\(rawValue.uppercased())"], flags: standard)
            let result = try queue.buffer([UInt32](repeating: .max, count: 1))
            let kernel = try program.kernel("probe", .buffer(result), .word(3))
            try queue.run([Launch(kernel: kernel, groups: [1], local: [probe.items])])
            let found = try queue.read(result, UInt32.self, count: 1)
            return found == [probe.answer] ? nil : "its answer is \(found[0]), not \(probe.answer)"
        } catch let failure as TrialFailure {
            return failure.reason
        } catch {
            return "\(error)"
        }
    }

    /// Refuses a workload that needs what the device cannot do.
    ///
    /// - Parameter queue: The device.
    /// - Throws: `TrialFailure` with the status unsupported and the reason.
    func require(on queue: DeviceQueue) throws {
        guard let reason = missing(on: queue) else { return }
        throw TrialFailure(.unsupported, "\(Self.names[self] ?? rawValue): \(CleanText.line(reason, limit: 300))")
    }

    private static let names: [Capability: String] = [
        .half: "no arithmetic in f16", .double: "no arithmetic in f64", .subGroups: "no sub-groups",
        .integerDot: "no dot product of int8", .ptx: "no inline PTX", .ptxMatrix: "no mma.sync", .mfma: "no MFMA",
        .wmma: "no WMMA", .dpas: "no DPAS",
    ]
}
