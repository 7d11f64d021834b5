import NodeModel

/// How kernels are shaped for a device, decided from its properties alone.
struct Tuning {
    /// Whether kernels are written for processors: explicit vectors and one item per work-group.
    let isProcessor: Bool
    /// Compute units.
    let units: Int
    /// f32 lanes of a vector register, 4, 8 or 16; on GPUs 1.
    let lanes: Int
    /// The largest work-group of any kernel.
    let maximumGroup: Int

    init(_ device: Device) {
        func integer(_ name: String) -> Int { device.properties[name].flatMap { Int($0) } ?? 0 }
        isProcessor = device.kind == .cpu
        units = max(device.computeUnits, 1)
        let width = max(integer("native_vector_width_float"), integer("preferred_vector_width_float"))
        // Compilers that vectorise across items report 1; explicit vectors of 8 lanes still suit them.
        lanes = !isProcessor ? 1 : width >= 16 ? 16 : width >= 8 || width <= 1 ? 8 : 4
        maximumGroup = max(integer("maximum_work_group_size"), 1)
    }

    /// Work-group sizes to try, the best first: multiples of 32 so that no warp is partly idle.
    func localSizes(from best: Int) -> [Int] {
        if isProcessor { return [1] }
        let sizes = [512, 256, 128, 64, 32].filter { $0 <= best && $0 <= maximumGroup }
        return sizes + [1]
    }
}

extension DeviceQueue {
    /// Builds a program with the largest work-group in which all its kernels can run.
    ///
    /// - Returns: The program and its work-group size, given to the source as `LOCAL`.
    func build(
        _ names: [String], kernels: [String], options: [String], flags: [String] = [], localSizes: [Int]
    ) throws -> (Program, Int) {
        for local in localSizes {
            let program = try build(names, options: options + ["LOCAL=\(local)"], flags: flags)
            let fits = try kernels.allSatisfy { try program.kernel($0).workGroupSize >= local }
            if fits { return (program, local) }
        }
        throw TrialFailure(.unsupported, "no work-group size fits the kernels \(kernels.joined(separator: ", "))")
    }
}
