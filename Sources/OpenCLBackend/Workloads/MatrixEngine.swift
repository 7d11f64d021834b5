package import NodeModel

/// A kind of matrix engine there are kernels for.
package struct MatrixEngine: Sendable {
    /// What its instructions are called.
    package var name: String
    /// What a device must be able to do to have it.
    package var capability: Capability
    /// Parts of the names of the makers whose compilers know its instructions, in small letters: others may crash on
    /// them rather than refuse them.
    package var vendors: [String]
    /// Its source, which stands between `matrix_layout` and `matrix_tiles`, or a whole text in assembly language.
    package var source: String
    /// Whether the source is in assembly language: taken only where the driver takes it, for whole tiles, and after a
    /// product of its own was right.
    package var isAssembly = false
    /// Work-items of a wave.
    package var lanes: Int
    /// Rows of A and columns of B of a fragment.
    package var fragment: (rows: Int, columns: Int)
    /// Bytes of k of a fragment.
    package var step: Int
    /// The formats it multiplies.
    package var formats: [EngineFormat]
    /// How a product may be cut up, the best first, and the least tile last.
    package var geometries: [MatrixGeometry]
    /// Build flags beside the macros.
    package var flags: [String] = []
    /// Whether 16-bit operands B are read row by row as they come, and need not be transposed.
    package var readsRows = false
    /// The most local memory a work-group may have.
    package var localLimit: Int
    /// The targets of the off-line compilers that have it.
    package var targets: [KernelTarget]
    /// Macros that put the emulated instructions of `matrix_emulated` in place of the engine's.
    package var emulation: [String] = []

    /// Whether the engine is emulated, which only tests ask for.
    package var isEmulated: Bool { !emulation.isEmpty }

    /// The sources of its product, in order.
    package var sources: [String] {
        if isAssembly { return [source] }
        return ["matrix_layout", source] + (isEmulated ? ["matrix_emulated"] : []) + ["matrix_tiles"]
    }

    /// What its sources are told of a product.
    package func macros(_ format: EngineFormat, _ geometry: MatrixGeometry) -> [String] {
        if isAssembly { return wgmmaValues(format) }
        return geometry.macros + Self.macros(format) + (readsRows(format) ? ["RIGHT_ROWS"] : []) + emulation
    }

    /// Whether B is read row by row.
    package func readsRows(_ format: EngineFormat) -> Bool { readsRows && format.precision != .i8 }

    private static func macros(_ format: EngineFormat) -> [String] {
        switch format.precision {
        case .bf16: ["BF16"]
        case .i8: ["S8"]
        default: format.accumulator == .f16 ? ["F16", "F16_SUMS"] : ["F16"]
        }
    }

    /// Whether a device is no processor, of a maker whose compilers know the engine.
    package func isKnown(to device: Device) -> Bool {
        let vendor = device.vendor.lowercased()
        let isOther = isAssembly && device.properties["nvidia_capability_major"] != "9"
        return !isOther && device.kind != .cpu && vendors.contains { vendor.contains($0) }
    }

    private static let f32Sums = EngineFormat.all.filter { $0.accumulator != .f16 }

    /// The engines, of each maker the best first.
    package static let all = [wgmma, mma, mfma, wmma, dpas]

    /// NVIDIA's of Hopper alone, in PTX.
    package static let wgmma = MatrixEngine(
        name: "wgmma", capability: .ptxMatrix, vendors: ["nvidia"], source: "product_wgmma.ptx", isAssembly: true,
        lanes: 32, fragment: (16, 16), step: 32, formats: f32Sums,
        geometries: [MatrixGeometry(128, 256, waves: (16, 256), depth: 32, stages: 4)], readsRows: true,
        localLimit: 49_152, targets: [.sm90a])

    /// The values of its text: which instruction, and where B is in memory, in local memory and in descriptors.
    private func wgmmaValues(_ format: EngineFormat) -> [String] {
        let instruction =
            switch format.precision {
            case .i8: "m64n256k32.s32.s8.s8"
            case .bf16: "m64n256k16.f32.bf16.bf16"
            default: "m64n256k16.f32.f16.f16"
            }
        // Rows of B are transposed by the instruction, which of bytes it cannot do.
        let rest =
            readsRows(format)
            ? [
                "TAIL=,1,1,0,1", "RIGHT_SHIFT=8", "RIGHT_MASK=31", "RIGHT_SECOND=8", "COLUMN_PITCHES=0",
                "COLUMN_BYTES=2", "STEP_PITCHES=16", "STEP_BYTES=0", "RIGHT_LEADING=256", "RIGHT_STRIDE=8",
            ]
            : [
                format.precision == .i8 ? "TAIL=" : "TAIL=,1,1,0,0", "RIGHT_SHIFT=4", "RIGHT_MASK=1",
                "RIGHT_SECOND=128", "COLUMN_PITCHES=1", "COLUMN_BYTES=0",
                "STEP_PITCHES=0", "STEP_BYTES=32", "RIGHT_LEADING=8", "RIGHT_STRIDE=16",
            ]
        return ["INSTRUCTION=\(instruction)"] + rest
    }

    /// NVIDIA's of compute capability 8.0 and more, where OpenCL gives a work-group 48 KiB.
    package static let mma = MatrixEngine(
        name: "mma.sync", capability: .ptxMatrix, vendors: ["nvidia"], source: "engine_mma", lanes: 32,
        fragment: (16, 16), step: 32, formats: EngineFormat.all,
        geometries: [
            MatrixGeometry(128, 128, waves: (64, 64), stages: 3), MatrixGeometry(128, 128, waves: (64, 64), stages: 2),
            MatrixGeometry(256, 128, waves: (64, 64), stages: 2), MatrixGeometry(64, 64, waves: (32, 32), stages: 4),
        ],
        readsRows: true, localLimit: 49_152, targets: [.sm80, .sm90, .sm90a, .sm120])

    /// AMD's of CDNA 2 and 3.
    package static let mfma = MatrixEngine(
        name: "MFMA", capability: .mfma, vendors: amd, source: "engine_mfma", lanes: 64, fragment: (16, 16), step: 64,
        formats: f32Sums,
        geometries: [
            MatrixGeometry(128, 128, waves: (64, 64), stages: 2), MatrixGeometry(64, 64, waves: (32, 32), stages: 2),
        ],
        localLimit: 65_536, targets: [.gfx90a, .gfx942])

    /// AMD's of RDNA 3.
    package static let wmma = MatrixEngine(
        name: "WMMA", capability: .wmma, vendors: amd, source: "engine_wmma", lanes: 32, fragment: (16, 16), step: 32,
        formats: f32Sums,
        geometries: [
            MatrixGeometry(128, 128, waves: (64, 32), stages: 2), MatrixGeometry(64, 64, waves: (32, 32), stages: 2),
        ],
        localLimit: 65_536, targets: [.gfx1100])

    /// Intel's with sub-groups of 16.
    package static let dpas = MatrixEngine(
        name: "DPAS", capability: .dpas, vendors: ["intel"], source: "engine_dpas", lanes: 16, fragment: (8, 16),
        step: 32, formats: f32Sums,
        geometries: [
            MatrixGeometry(128, 128, waves: (32, 64), stages: 2), MatrixGeometry(64, 64, waves: (32, 32), stages: 2),
        ],
        flags: ["-cl-std=CL3.0", "-cl-intel-256-GRF-per-thread"], localLimit: 65_536, targets: [.spir64])

    private static let amd = ["advanced micro devices", "amd"]
}
