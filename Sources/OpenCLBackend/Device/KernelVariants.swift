import NodeModel

/// One way the program builds OpenCL sources: what `make check-kernels` compiles for every target it is meant for.
package struct KernelVariant: Sendable {
    /// The sources, in order.
    package var sources: [String]
    /// The macros they are built with, `NAME` or `NAME=value`.
    package var macros: [String]
    /// Other build flags.
    package var flags: [String]
    /// The processors it is meant for.
    package var targets: [KernelTarget]
    /// Why some of its kernels may keep registers in memory; `nil` where none may.
    package var spillsBecause: String?

    /// What two builds of the same sources have in common that differ in numbers alone, such as a tile's size.
    package var family: String { Self.family(sources: sources, macros: macros) }

    /// The sources and the names of the macros.
    package static func family(sources: [String], macros: [String]) -> String {
        let names = macros.compactMap { $0.split(separator: "=").first }.sorted()
        return "\(sources.joined(separator: "+")) \(names.joined(separator: " "))"
    }
}

/// All ways the program builds OpenCL sources.
///
/// Whoever makes the program build sources in another way adds a line here: a test holds what the workloads build
/// against this table.
package enum KernelVariants {
    /// The variants, in the order of the sources' families.
    package static let all = everywhere + onProcessors + onGPUs + parts + probes + engines

    static func variant(
        _ sources: [String], _ macros: [String] = [], on targets: [KernelTarget] = KernelTarget.gpus + [.spir64],
        flags: [String] = [], spills: String? = nil
    ) -> KernelVariant {
        KernelVariant(sources: sources, macros: macros, flags: flags, targets: targets, spillsBecause: spills)
    }

    private static let everywhere = [
        variant(["fill"]),
        variant(["fill", "stream_check"]),
        variant(["matrix_pack"], ["ELEMENT=ushort"]),
        variant(["matrix_pack"], ["ELEMENT=uchar"]),
    ]

    private static let decode = ["sixteen_bit", "decode"]

    /// Kernels with wide vectors and one item a group, of which GPUs would run out of registers.
    private static let onProcessors =
        [
            (["peak"], ["REALV=float16", "CHAINS=12", "LOCAL=1"]), (["peak"], ["REALV=float8", "CHAINS=6", "LOCAL=1"]),
            (["peak"], ["REALV=double8", "CHAINS=12", "NEEDS_DOUBLE", "LOCAL=1"]),
            (["peak"], ["REALV=half16", "CHAINS=12", "NEEDS_HALF", "LOCAL=1"]),
            (["read"], ["UINTV=uint16", "LOCAL=1"]), (["stream"], ["FLOATV=float16", "LOCAL=1"]),
            (["stream"], ["FLOATV=float16", "TRIAD", "LOCAL=1"]),
            (["product_panels"], ["V=16", "MR=6", "NV=4", "KC=2048"]),
            (["product_panels"], ["V=8", "MR=6", "NV=2", "KC=2048"]),
            (["product_panels"], ["FORMAT_F16", "V=16", "MR=6", "NV=4", "KC=2048"]),
            (["product_panels"], ["FORMAT_BF16", "V=16", "MR=6", "NV=4", "KC=2048"]),
            (["product_panels"], ["FORMAT_I8", "V=16", "MR=6", "NV=4", "KC=1024"]),
            (["product_panels"], ["V=4", "MR=6", "NV=2", "KC=2048"]),
            (decode, ["BF16=1", "V=16", "HEAD=64", "LOCAL=1"]), (decode, ["V=16", "HEAD=128", "LOCAL=1"]),
        ].map { variant($0.0, $0.1, on: [.spir64]) }

    private static let onGPUs = [
        variant(["peak"], ["REALV=float", "CHAINS=8", "LOCAL=256"]),
        variant(["peak"], ["REALV=double", "CHAINS=8", "NEEDS_DOUBLE", "LOCAL=256"]),
        variant(["peak"], ["REALV=half", "CHAINS=8", "NEEDS_HALF", "LOCAL=256"]),
        variant(["read"], ["UINTV=uint4", "LOCAL=256"]),
        variant(["stream"], ["FLOATV=float4", "LOCAL=256"]),
        variant(["stream"], ["FLOATV=float4", "TRIAD", "LOCAL=256"]),
        variant(["product_tiles"], ["W=16", "TK=16"]),
        variant(["product_tiles"], ["W=8", "TK=8"]),
        variant(["product_tiles"], ["W=4", "TK=8"]),
        variant(
            ["product_tiles"], ["W=1", "TK=8"],
            spills: "for devices that run no 16 items together, none of which has these registers"),
        variant(decode, ["BF16=1", "V=8", "HEAD=64", "LOCAL=256"]),
        variant(decode, ["V=8", "HEAD=128", "LOCAL=256"]),
    ]

    /// What cannot be compiled for a target is just what a probe finds out there.
    private static let probes: [KernelVariant] = Capability.allCases.map { capability in
        let targets: [KernelTarget] =
            switch capability {
            case .half, .double: KernelTarget.gpus + [.spir64]
            case .subGroups, .integerDot, .dpas: [.spir64]
            case .ptx, .ptxMatrix: KernelTarget.nvidia
            case .mfma: [.gfx90a, .gfx942]
            case .wmma: [.gfx1100]
            }
        return variant(
            ["probe"], ["PROBE_\(capability.rawValue.uppercased())"], on: targets,
            flags: capability.standard.map { ["-cl-std=\($0)"] } ?? [])
    }

    /// Every format in every geometry of every engine; where B is read by rows, also by columns, as stored weights are.
    private static let engines = MatrixEngine.all.flatMap { engine in
        engine.formats.flatMap { format in
            engine.geometries.flatMap { geometry -> [KernelVariant] in
                var columns = engine
                columns.readsRows = false
                let isOther = engine.readsRows(format) && format.accumulator == .f32
                return ([engine] + (isOther ? [columns] : [])).map {
                    variant($0.sources, $0.macros(format, geometry), on: $0.targets, flags: $0.flags)
                }
            }
        }
    }
}
