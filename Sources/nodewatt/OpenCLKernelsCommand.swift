import ArgumentParser
import OpenCLBackend

/// What `make check-kernels` compiles: every way the program builds OpenCL sources, a line each.
struct OpenCLKernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "opencl-kernels", abstract: "List the ways OpenCL sources are built.", shouldDisplay: false)

    /// Fields between tabs: sources, macros, flags and targets, each separated by spaces, and why it may spill.
    func run() throws {
        for variant in KernelVariants.all {
            let fields = [
                variant.sources.joined(separator: " "), variant.macros.joined(separator: " "),
                variant.flags.joined(separator: " "), variant.targets.map(\.rawValue).joined(separator: " "),
                variant.spillsBecause ?? "",
            ]
            Terminal.line(fields.joined(separator: "\t"))
        }
    }
}
