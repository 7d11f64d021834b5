import NodeModel

/// The kernels that are tuned, and among which shapes.
enum TuningSpaces {
    /// The space of a workload's kernel on a device; `nil` where nothing is tuned.
    static func space(for workload: Workload, device: Device) -> TuningSpace? {
        guard case .gemm(let shape, let precision) = workload, ProductKernels.macros(precision, Tuning(device)) != nil
        else { return nil }
        return product(shape, precision, Tuning(device))
    }

    /// Of the product: register tiles and runs of k on processors, local-memory tiles on GPUs.
    static func product(_ shape: GEMMShape, _ precision: Precision, _ tuning: Tuning) -> TuningSpace {
        if tuning.isProcessor { return shortened(tuning.lanes == 16 ? widePanels : panels, precision) }
        var space = tiles
        // Small products need a smaller tile to give every unit work.
        let large = ((shape.m + 127) / 128) * ((shape.n + 127) / 128)
        if large < tuning.units { space.seeds.sort { $0["W"] == 8 && $1["W"] != 8 } }
        return space
    }

    /// The longest run of k whose products of int8 f32 sums up without rounding: 1024 · 2¹⁴ = 2²⁴.
    private static let exactRun = 1_024

    /// The space for a format: runs of k as long as it allows.
    private static func shortened(_ space: TuningSpace, _ precision: Precision) -> TuningSpace {
        var result = space
        result.kernel += ", \(precision.rawValue)"
        guard precision == .i8 else { return result }
        result.ladders["KC"] = space.ladders["KC"]?.filter { $0 <= exactRun }
        for index in result.seeds.indices {
            result.seeds[index].values["KC"] = min(result.seeds[index]["KC"], exactRun)
        }
        return result
    }

    /// Names of the macros of `product_panels.cl`: MR rows and NV vectors of a register tile, KC of a run of k; and of
    /// the launch: LEFT row panels for each item.
    private static func shape(_ rows: Int, _ vectors: Int, _ run: Int, _ left: Int) -> KernelParameters {
        KernelParameters(["MR": rows, "NV": vectors, "KC": run, "LEFT": left])
    }

    /// Vectors of 16 lanes come with 32 registers.
    private static let widePanels = TuningSpace(
        kernel: "product_panels, 16 lanes",
        seeds: [shape(6, 4, 2_048, 8), shape(9, 3, 2_048, 8), shape(8, 3, 2_048, 8), shape(12, 2, 1_024, 8)],
        ladders: [
            "MR": [4, 5, 6, 7, 8, 9, 10, 12, 13, 14], "NV": [1, 2, 3, 4],
            "KC": [256, 512, 1_024, 2_048, 4_096], "LEFT": [1, 2, 4, 8, 16],
        ])

    /// Vectors of 8 or fewer lanes: at least 16 registers.
    private static let panels = TuningSpace(
        kernel: "product_panels",
        seeds: [shape(6, 2, 2_048, 4), shape(4, 3, 2_048, 4), shape(6, 4, 2_048, 4)],
        ladders: [
            "MR": [2, 3, 4, 5, 6, 8], "NV": [1, 2, 3, 4], "KC": [256, 512, 1_024, 2_048, 4_096], "LEFT": [1, 2, 4, 8],
        ])

    /// Names of the macros of `product_tiles.cl`: W x W items, TK columns of A in local memory.
    private static let tiles = TuningSpace(
        kernel: "product_tiles",
        seeds: [
            KernelParameters(["W": 16, "TK": 16]), KernelParameters(["W": 16, "TK": 8]),
            KernelParameters(["W": 8, "TK": 8]), KernelParameters(["W": 4, "TK": 8]),
            KernelParameters(["W": 1, "TK": 8]),
        ],
        ladders: ["W": [1, 4, 8, 16], "TK": [8, 16, 32]])
}
