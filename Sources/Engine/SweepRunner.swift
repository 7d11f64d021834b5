import Analysis
public import NodeModel

/// What sets a node's operating point.
public protocol OperatingPointSetter: AnyObject {
    /// How long a load has to run after a change before the node has settled.
    var settling: Seconds { get }

    /// Sets what of the point is not `nil`, and everything else back to what it was before the sweep.
    ///
    /// - Parameter point: The setting.
    /// - Returns: The setting in force, read back.
    /// - Throws: What the system refused.
    func apply(_ point: OperatingPoint) throws -> OperatingPoint

    /// The setting in force now; another program may have changed it.
    ///
    /// - Throws: What the system refused.
    func inForce() throws -> OperatingPoint
}

/// One setting to measure, with the trial to measure it by.
public struct SweepPoint: Sendable {
    /// Its number; 0 is the setting before the sweep.
    public var number: Int
    /// The setting.
    public var wanted: OperatingPoint
    /// The trial.
    public var plan: TrialPlan

    /// Creates a point.
    public init(number: Int, wanted: OperatingPoint, plan: TrialPlan) {
        self.number = number
        self.wanted = wanted
        self.plan = plan
    }
}

/// Measures operating points: the original one first and last, the others in between in a random order.
public struct SweepRunner {
    /// One measurement of one point.
    public struct Visit: Sendable {
        /// The point's number.
        public var number: Int
        /// The setting in force while it was measured.
        public var inForce: OperatingPoint
        /// What was measured.
        public var trial: TrialRecord
    }

    private let environment: SessionEnvironment
    private let device: Device
    private let topology: Topology
    private let site: SiteFacts
    private let seed: UInt32
    private let setter: any OperatingPointSetter

    /// Creates a runner.
    ///
    /// - Parameters:
    ///   - environment: Backends, meters, events; no store is used.
    ///   - device: Where everything runs.
    ///   - topology: The running machine.
    ///   - site: The site's facts, for the trials' records.
    ///   - seed: The seed of data and order.
    ///   - setter: What changes the node.
    public init(
        environment: SessionEnvironment, device: Device, topology: Topology, site: SiteFacts, seed: UInt32,
        setter: any OperatingPointSetter
    ) {
        self.environment = environment
        self.device = device
        self.topology = topology
        self.site = site
        self.seed = seed
        self.setter = setter
    }

    /// The order of visits: the original point, every other point `repeats` times in rounds of random order, the
    /// original point again.
    ///
    /// Within a round every point is visited once, so that a drift over the sweep bears on all of them.
    ///
    /// - Parameters:
    ///   - original: The original point's number.
    ///   - others: The other points' numbers.
    ///   - repeats: How often each is visited.
    ///   - seed: The seed of the order.
    /// - Returns: Numbers in the order of the visits.
    public static func order(original: Int, others: [Int], repeats: Int, seed: UInt32) -> [Int] {
        var generator = SplitMix(state: UInt64(seed))
        let rounds = (0..<max(repeats, 1)).flatMap { _ in others.shuffled(using: &generator) }
        return [original] + rounds + [original]
    }

    /// Visits points.
    ///
    /// - Parameters:
    ///   - points: All points.
    ///   - order: Numbers in the order of the visits.
    ///   - onVisit: Takes each visit as soon as it ended.
    /// - Returns: The visits; after an interruption those until then. A setting that the system refuses is a failed one.
    public func run(_ points: [SweepPoint], order: [Int], onVisit: (Visit) -> Void = { _ in }) -> [Visit] {
        var visits: [Visit] = []
        for (index, number) in order.enumerated() {
            guard !environment.isInterrupted() else { break }
            guard let point = points.first(where: { $0.number == number }) else { continue }
            environment.onEvent(.trialBegan(number: index + 1, of: order.count, plan: point.plan))
            let visit = self.visit(point)
            environment.onEvent(.trialEnded(visit.trial))
            guard visit.trial.status != .skipped || !environment.isInterrupted() else { break }
            onVisit(visit)
            visits.append(visit)
        }
        return visits
    }

    /// What was measured at other points is worth more than an error at this one.
    private func visit(_ point: SweepPoint) -> Visit {
        do {
            return try measured(point)
        } catch {
            let trial = TrialRecord(plan: point.plan, status: .failed, reason: "\(error)")
            return Visit(number: point.number, inForce: point.wanted, trial: trial)
        }
    }

    private func measured(_ point: SweepPoint) throws -> Visit {
        let before = try setter.apply(point.wanted)
        guard let backend = environment.backends[device.backend] else {
            let trial = TrialRecord(plan: point.plan, status: .skipped, reason: "no backend drives \(device.id)")
            return Visit(number: point.number, inForce: before, trial: trial)
        }
        var trial = environment.measure(
            point.plan, on: device, backend: backend, topology: topology, seed: seed, warmUp: setter.settling
        ) { measurement in
            TrialDerivation.record(
                plan: point.plan, device: device.kind, measurement: measurement, ceilings: DeviceCeilings(),
                idle: IdleBaseline(), site: site)
        }
        do {
            if try setter.inForce() != before {
                trial.disturbances.append("another program changed the limits while it was measured")
            }
        } catch {
            trial.disturbances.append("whether the limits held cannot be told: \(error)")
        }
        return Visit(number: point.number, inForce: before, trial: trial)
    }
}

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
