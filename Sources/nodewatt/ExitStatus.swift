import NodeModel

/// The promised exit statuses; thrown to end with one after everything was printed.
struct ExitStatus: Error, RawRepresentable {
    var rawValue: Int32

    /// The question was answered "no": a wrong result.
    static let answeredNo = ExitStatus(rawValue: 1)
    /// Nothing could be measured, or an I/O error.
    static let nothingMeasured = ExitStatus(rawValue: 2)
    /// Wrong usage.
    static let usage = ExitStatus(rawValue: 64)
    /// Wrong input data.
    static let inputData = ExitStatus(rawValue: 65)
    /// A defect in nodewatt.
    static let defect = ExitStatus(rawValue: 70)
    /// Interrupted.
    static let interrupted = ExitStatus(rawValue: 130)
}

extension ExitStatus {
    /// The status of one of the project's own errors; `nil` for errors of the argument parser.
    init?(describing error: any Error) {
        switch error {
        case is UsageError: self = .usage
        case is InputError: self = .inputData
        case is SystemFailure, is TrialFailure: self = .nothingMeasured
        case is EncodingError, is DecodingError: self = .defect
        default: return nil
        }
    }
}
