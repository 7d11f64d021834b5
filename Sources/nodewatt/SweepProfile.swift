import Exporters
import Glibc
import NodeModel

/// The node's profile, which keeps the operating points.
struct SweepProfile {
    private let path: String
    private let isNamed: Bool

    /// The profile the options name, or the one `run` writes; `nil` when nothing is to be stored.
    init?(_ options: SweepOutputOptions, environment: [String: String], host: String) {
        guard !options.noSave || options.profile != nil else { return nil }
        let directory = ResultsDirectory.resolve(options.results, environment: environment)
        path = options.profile ?? ResultsDirectory.profilePath(host: host, in: directory)
        isNamed = options.profile != nil
        // Without a profile there is nothing to add to, and `run` writes one without being told about sweeps.
        if !isNamed, access(path, F_OK) != 0 { return nil }
    }

    /// Adds operating points to the profile.
    ///
    /// - Parameters:
    ///   - points: What was measured.
    ///   - node: The node it was measured on.
    /// - Returns: A line that says what was done.
    /// - Throws: ``NodeModel/InputError`` when the file is no profile, ``NodeModel/SystemFailure`` when it cannot be
    ///   written, ``NodeModel/UsageError`` when it is of another node.
    func store(_ points: OperatingPoints, of node: NodeIdentity) throws -> String {
        guard points.points.contains(where: { $0.status == .measured }) else {
            return "Profile: unchanged, since nothing was measured"
        }
        return try change(node) { $0.operatingPoints = points }
    }

    /// Adds a load curve to the profile, as ``store(_:of:)`` does operating points.
    func store(_ curve: LoadCurve, of node: NodeIdentity) throws -> String {
        try change(node) { $0.loadCurve = curve }
    }

    private func change(_ node: NodeIdentity, _ change: (inout NodeProfile) -> Void) throws -> String {
        let shown = Terminal.shortened(path)
        var profile = try ProfileWriter.read(path)
        guard profile.node.host == node.host, !profile.simulated else {
            throw UsageError(
                "\(shown) is the profile of \(profile.node.host), or simulated: this node's figures are not stored in it"
            )
        }
        change(&profile)
        try ProfileWriter.write(profile, to: path)
        let differs = profile.fingerprintDigest != node.fingerprint.digest
        return "Profile: \(shown)" + (differs ? ", whose other figures are of before this node was changed" : "")
    }
}
