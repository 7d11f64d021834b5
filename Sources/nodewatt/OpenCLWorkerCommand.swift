import ArgumentParser
import OpenCLBackend

/// The child process that alone loads an OpenCL driver; started by nodewatt itself.
struct OpenCLWorkerCommand: ParsableCommand {
    static let name = "opencl-worker"
    static let configuration = CommandConfiguration(
        commandName: name, abstract: "Drive one OpenCL platform for a parent nodewatt.", shouldDisplay: false)

    func run() throws {
        let status = OpenCLWorker.main()
        if status != 0 { throw ExitStatus(rawValue: status) }
    }
}
