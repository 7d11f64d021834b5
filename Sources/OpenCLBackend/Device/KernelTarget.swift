/// A processor the OpenCL sources are compiled for without its hardware, as compilers name it.
package enum KernelTarget: String, Sendable, CaseIterable {
    /// NVIDIA's, by compute capability; 9.0a has instructions of Hopper alone.
    case sm80 = "sm_80"
    case sm90 = "sm_90"
    case sm90a = "sm_90a"
    case sm120 = "sm_120"
    /// AMD's: CDNA 2, CDNA 3, RDNA 3.
    case gfx90a
    case gfx942
    case gfx1100
    /// The intermediate code that Intel's compilers start from.
    case spir64

    /// Those of GPUs whose registers are counted.
    package static let gpus: [KernelTarget] = [.sm80, .sm90, .sm90a, .sm120, .gfx90a, .gfx942, .gfx1100]
    /// NVIDIA's.
    package static let nvidia: [KernelTarget] = [.sm80, .sm90, .sm90a, .sm120]
}
