public import ArgumentParser
public import Engine
public import NodeModel

/// How a command prints.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// The option every command has.
struct OutputOptions: ParsableArguments {
    @Option(help: "text for people, json for programs (one document on standard output).")
    var format: OutputFormat = .text
}

extension SuiteName: ExpressibleByArgument {}

extension WorkloadName: ExpressibleByArgument {}
extension WeightFormat: ExpressibleByArgument {}

extension Precision: ExpressibleByArgument {}

extension MemoryLevel: ExpressibleByArgument {}

extension StreamVariant: ExpressibleByArgument {}

/// Prints a document as JSON.
func printDocument(_ document: some Encodable) throws {
    Terminal.line(try JSONDocument.text(document))
}
