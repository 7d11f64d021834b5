import ArgumentParser
import EnergyMeters

/// The child process that alone loads a vendor's library for its cards; started by nodewatt itself.
struct MeterWorkerCommand: ParsableCommand {
    static let name = "meter-worker"
    static let configuration = CommandConfiguration(
        commandName: name, abstract: "Read cards through a vendor's library for a parent nodewatt.",
        shouldDisplay: false)

    @Argument(help: "nvml or rocm.")
    var library: String

    func run() throws {
        let status = CardWorker.main(library: library)
        if status != 0 { throw ExitStatus(rawValue: status) }
    }
}
