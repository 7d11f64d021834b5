import Analysis
import Engine
import NodeModel

/// The document of `nodewatt sweep`.
struct SweepDocument: Encodable {
    let schema = "nodewatt.sweep/1"
    let node: NodeIdentity
    let isThisSystem: Bool
    /// Whether a simulated power stood in for the meters.
    let simulated: Bool
    let interrupted: Bool
    /// Whether the node has the limits again that it had before.
    let restored: Bool
    let restoreProblems: [String]
    let repeats: Int
    /// Point numbers in the order in which they were measured.
    let order: [Int]
    let operatingPoints: OperatingPoints

    init(_ setup: SweepSetup, visits: [SweepRunner.Visit], command: SweepCommand, restoreProblems: [String]) {
        node = setup.identity
        isThisSystem = setup.node.topology.isThisSystem
        simulated = setup.isSimulated
        interrupted = Interruption.isRequested
        self.restoreProblems = restoreProblems
        restored = restoreProblems.isEmpty
        repeats = command.workload.repeats
        order = visits.map(\.number)
        operatingPoints = Self.points(setup, visits, command)
    }

    private static func points(_ setup: SweepSetup, _ visits: [SweepRunner.Visit], _ command: SweepCommand)
        -> OperatingPoints
    {
        let plan = setup.points[0].plan
        var sweep = OperatingPoints(
            measuredAt: Timestamp.now(), nodewattVersion: nodewattVersion,
            fingerprintDigest: setup.identity.fingerprint.digest, device: setup.device.id, workload: plan.workload.name,
            workUnit: OperatingPointDerivation.unit(of: plan.workload.name, plan.workload.precision),
            secondsPerPoint: setup.seconds.rawValue, seed: command.workload.seed)
        sweep.precision = plan.workload.precision
        sweep.shape = plan.workload.shape
        if case .inference(let step) = plan.workload { sweep.model = step.model.name }
        sweep.points = setup.points.map { point in
            let own = visits.filter { $0.number == point.number }
            let blank = OperatingPointRecord(
                number: point.number, wanted: point.wanted, inForce: own.last?.inForce ?? OperatingPoint(),
                status: .skipped, reason: "interrupted")
            return OperatingPointDerivation.record(blank, from: own.map(\.trial))
        }
        let original = visits.filter { $0.number == 0 }.map(\.trial)
        return OperatingPointDerivation.rated(
            sweep, begin: original.first, end: original.count > 1 ? original.last : nil)
    }
}
