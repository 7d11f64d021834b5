import CPUKernels
import NodeModel

/// One of the instruction sets the kernels are compiled for.
public struct InstructionSet {
    let handle: OpaquePointer

    /// The name, such as `avx512_bf16` or `scalar`.
    public var name: String { String(cString: nw_isa_name(handle)) }

    /// The processor features it needs, separated by commas; empty for `scalar`.
    public var features: String { String(cString: nw_isa_features(handle)) }

    /// Whether this processor and operating system have them.
    public var isSupported: Bool { nw_isa_supported(handle) }

    /// All that are compiled in, the most capable first.
    public static var all: [InstructionSet] {
        (0..<nw_isa_count()).compactMap { nw_isa_at($0) }.map(InstructionSet.init(handle:))
    }

    /// The variable that forces one.
    public static let variable = "NODEWATT_ISA"

    /// Chooses the best supported instruction set, or the one `NODEWATT_ISA` names.
    ///
    /// An empty variable is one that is not set, as with all of nodewatt's: `NODEWATT_ISA= nodewatt run` undoes it.
    ///
    /// - Parameter environment: The process's environment.
    /// - Returns: The instruction set all kernels of a backend use.
    /// - Throws: `UsageError` when the one named is unknown or not supported here.
    public static func resolve(environment: [String: String]) throws -> InstructionSet {
        let wanted = environment[variable] ?? ""
        return wanted.isEmpty ? try resolve("", source: "") : try named(wanted, source: variable + "=")
    }

    /// Chooses an instruction set by its name.
    ///
    /// - Parameters:
    ///   - wanted: The name.
    ///   - source: Where the name came from, for the error, such as `--isa `.
    /// - Returns: The instruction set.
    /// - Throws: `UsageError` when it is empty, unknown or not supported here.
    public static func named(_ wanted: String, source: String) throws -> InstructionSet {
        guard !wanted.isEmpty else {
            throw UsageError(
                "\(source)'': an empty name. Leave it out for the best instruction set, or name one of those this "
                    + "machine can run: \(usableNames)")
        }
        return try resolve(wanted, source: source)
    }

    private static var usableNames: String { all.filter(\.isSupported).map(\.name).joined(separator: ", ") }

    /// The kernels take an empty name for the best.
    private static func resolve(_ wanted: String, source: String) throws -> InstructionSet {
        var handle: OpaquePointer?
        let status = nw_isa_resolve(wanted.lowercased(), &handle)
        if status == NW_OK, let handle { return InstructionSet(handle: handle) }
        let shown = String(String.UnicodeScalarView(wanted.unicodeScalars.prefix(40).filter { $0.value >= 32 }))
        guard status == NW_UNSUPPORTED_ISA, let known = all.first(where: { $0.name == wanted }) else {
            throw UsageError("\(source)\(shown): no such instruction set. This machine can run: \(usableNames)")
        }
        throw UsageError(
            "\(source)\(shown): this processor or its operating system lacks some of \(known.features). "
                + "This machine can run: \(usableNames)")
    }
}

/// Turns a kernel's status into the failure of a trial.
func check(_ status: nw_status, _ action: String) throws {
    if status == NW_OK { return }
    switch status {
    case NW_OUT_OF_MEMORY:
        throw TrialFailure(.skipped, "\(action): the system gave no memory. Choose a smaller shape or free memory")
    case NW_NO_THREAD:
        throw TrialFailure(.failed, "\(action): a thread could not be created. Check `ulimit -u` and the pids limit")
    case NW_INVALID_ARGUMENT: throw TrialFailure(.unsupported, "\(action): a size is out of the kernels' range")
    default: throw TrialFailure(.failed, "\(action): kernel status \(status.rawValue)")
    }
}
