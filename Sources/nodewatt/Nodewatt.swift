import ArgumentParser
import Glibc
import NodeModel

/// The program's version, as `--version` prints it and records keep it.
let nodewattVersion = "0.1.0"

@main
struct Nodewatt: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodewatt",
        abstract: "Benchmarks and profiles one compute node: speed, energy, carbon per token.",
        discussion: """
            EXAMPLES:
              nodewatt run                                 measure this node in a minute
              nodewatt run --zone CN-SC --pue 1.25         the same, with the site's carbon
              nodewatt run --suite standard --format json  for programs
              nodewatt topology                            what the node is made of
              nodewatt doctor                              what cannot be measured, and how to enable it
              nodewatt sweep --power-cap auto              which power cap is the most efficient

            EXIT STATUS:
              0 done; 1 answered "no" (a wrong result); 2 nothing measured, or an I/O error; 64 wrong usage;
              65 wrong input data; 70 a defect in nodewatt; 130 interrupted (what was measured is stored).
            """,
        version: nodewattVersion,
        subcommands: [
            RunCommand.self, TopologyCommand.self, DevicesCommand.self, MetersCommand.self, MeterCommand.self,
            DoctorCommand.self, SweepCommand.self, CarbonCommand.self, ProfileCommand.self, TrackCommand.self,
            OpenCLWorkerCommand.self, OpenCLKernelsCommand.self, MeterWorkerCommand.self,
        ])

    /// An error that is neither the project's nor the argument parser's was not foreseen.
    private static func defect(_ error: any Error) -> ExitStatus? {
        !(error is ExitCode) && exitCode(for: error) == .failure ? .defect : nil
    }

    /// Runs a command and maps its errors to the promised exit statuses.
    static func main() {
        // Whoever reads us may go away, as `head` does; files are still written then.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            RestoreAtStart.run(before: command)
            try command.run()
            if let failure = Terminal.outputFailure {
                throw SystemFailure(action: "writing to standard output", reason: failure)
            }
        } catch let status as ExitStatus {
            exit(withError: ExitCode(status.rawValue))
        } catch {
            guard let status = ExitStatus(describing: error) ?? defect(error) else { exit(withError: error) }
            Terminal.error("nodewatt: \(error)")
            exit(withError: ExitCode(status.rawValue))
        }
    }
}
