import HostProbe
public import NodeModel
import Synchronization

/// What the power model knows of a node.
public struct PowerFigures: Hashable, Sendable {
    /// The whole node's power when idle.
    public var idleWatts: Watts
    /// The whole node's power at full load.
    public var maxWatts: Watts
    /// Half the width of the 95 % interval as a fraction.
    public var relativeUncertainty: Double
    /// Where the figures come from, for example a row of the power model.
    public var origin: String

    /// Creates figures.
    public init(idleWatts: Watts, maxWatts: Watts, relativeUncertainty: Double, origin: String) {
        self.idleWatts = idleWatts
        self.maxWatts = maxWatts
        self.relativeUncertainty = relativeUncertainty
        self.origin = origin
    }
}

extension PowerFigures {
    /// These figures for a virtual machine, whose processors are an unknown share of the host's.
    ///
    /// A guest that sees one thread per core may have whole cores, which the rows count as two threads. A few busy
    /// cores of a large host also run at higher clocks than its full load allows, and vector units draw more than the
    /// business benchmark behind the rows. So the interval goes up to three times the figure.
    ///
    /// - Parameter threadsPerCore: Hardware threads per core as the guest sees them.
    /// - Returns: Figures with a wide interval.
    public func ofVirtualMachine(threadsPerCore: Int) -> PowerFigures {
        let threads = threadsPerCore == 1 ? 2.0 : 1.0
        return PowerFigures(
            idleWatts: idleWatts * threads, maxWatts: maxWatts * threads, relativeUncertainty: 2,
            origin: origin + ", share of a virtual machine")
    }
}

/// A power model in the place of a meter: P = idle + (max - idle) * utilisation.
///
/// Utilisation is the busy time of the processors seen, as a fraction; time a hypervisor gave to others is not busy.
/// Both terms are integrated from cumulative times, energy = idle * t + (max - idle) * busy / processors, so reading
/// it seldom costs no accuracy. It knows nothing of clock, vector units or memory traffic.
public final class ModelledMeter: EnergyMeter, PowerBounded {
    /// The node without its accelerators, graded modelled.
    public let description: MeterDescription
    /// No bound: late accounting is no error of the model.
    public let plausibleWatts: Watts
    private let figures: PowerFigures
    private let utilisation: any UtilisationSource
    private let start: ProcessorUse
    private let highest = Mutex(0.0)

    /// Starts the counter.
    ///
    /// - Parameters:
    ///   - figures: The node's idle and full-load power.
    ///   - utilisation: Tells processor times.
    /// - Throws: `SystemFailure` when processor times cannot be read.
    public init(_ figures: PowerFigures, utilisation: any UtilisationSource) throws {
        self.figures = figures
        self.utilisation = utilisation
        start = try utilisation.read()
        let span = figures.maxWatts - figures.idleWatts
        // The kernel may account a processor's time late and all at once, so no step is too large.
        plausibleWatts = Watts(.infinity)
        description = MeterDescription(
            id: "model:cpu", source: "power model: \(figures.origin)", domain: EnergyDomain(name: "host", kind: .host),
            grade: .modelled, resolutionJoules: span * Seconds(Self.tickSeconds),
            updatePeriodSeconds: Seconds(Self.tickSeconds), wrapRangeJoules: nil,
            relativeUncertainty: figures.relativeUncertainty,
            boundary: "a whole server at the plug, computed from processor utilisation; nothing is measured, and what "
                + "GPUs or other processors of the same host use is not seen")
    }

    /// Reads the meter now.
    ///
    /// - Returns: The energy since the meter was made.
    /// - Throws: `SystemFailure` when processor times cannot be read.
    public func read() throws -> TimedReading {
        let use = try utilisation.read()
        let elapsed = use.instant.since(start.instant)
        // The kernel may correct a processor's time downwards; energy must not follow.
        let busy = highest.withLock { highest in
            highest = max(highest, (use.busySeconds - start.busySeconds).rawValue)
            return highest
        }
        let fullSeconds = Seconds(busy / Double(utilisation.processors))
        let energy = figures.idleWatts * elapsed + (figures.maxWatts - figures.idleWatts) * fullSeconds
        return TimedReading(instant: use.instant, reading: .counter(energy))
    }

    private static let tickSeconds = 1 / ProcessorTimes.ticksPerSecond
}

extension ModelledMeter {
    /// The catalogue's entry.
    public static let kind = MeterKind(
        name: "model", file: "ModelledMeter.swift",
        summary: "a power model, for nodes without counters; graded modelled"
    ) { options in
        guard options.capturedRoot == nil else {
            return note("a captured tree has no processors that could be watched")
        }
        let utilisation: any UtilisationSource
        do {
            utilisation = try ProcStatUtilisation(clock: options.clock)
        } catch let failure as SystemFailure {
            return note(failure.description)
        }
        guard var figures = try figures(options, processors: options.processors ?? utilisation.processors) else {
            return note("no profiles folder and no idle and maximum watts were given")
        }
        let isGiven = options.idleWatts != nil && options.maxWatts != nil
        if !isGiven, HostProbe().hypervisor != nil {
            figures = figures.ofVirtualMachine(threadsPerCore: visibleThreadsPerCore)
        }
        return MeterInventory(meters: [try ModelledMeter(figures, utilisation: utilisation)])
    }

    /// The figures that options ask for: the watts given, the power model's for what is not given.
    ///
    /// - Parameters:
    ///   - options: Watts given by the user, the processor and the profiles folder.
    ///   - processors: How many hardware threads the node has.
    /// - Returns: The figures; `nil` when there are neither both watts nor a profiles folder.
    /// - Throws: `InputError` when the file or the watts are wrong.
    public static func figures(_ options: MeterOptions, processors: Int) throws -> PowerFigures? {
        var figures: PowerFigures
        if let idle = options.idleWatts, let peak = options.maxWatts {
            figures = PowerFigures(
                idleWatts: idle, maxWatts: peak, relativeUncertainty: 0.3, origin: "idle and maximum watts as given")
        } else if let directory = options.profilesDirectory {
            let row = try PowerModel.load(directory).row(for: options.processor)
            figures = PowerFigures(
                idleWatts: Watts(row.idleWattsPerThread * Double(processors)),
                maxWatts: Watts(row.maxWattsPerThread * Double(processors)),
                relativeUncertainty: row.relativeUncertainty, origin: row.id)
            if let idle = options.idleWatts { figures.idleWatts = idle }
            if let peak = options.maxWatts { figures.maxWatts = peak }
            if options.idleWatts != nil || options.maxWatts != nil { figures.origin += ", one figure as given" }
        } else {
            return nil
        }
        let idle = figures.idleWatts.rawValue
        let peak = figures.maxWatts.rawValue
        guard idle.isFinite, peak.isFinite, idle >= 0, peak > idle, peak <= 1_000_000 else {
            throw InputError(
                source: "idle and maximum watts", place: "\(idle) and \(peak)",
                problem: "expected 0 <= idle < maximum <= 1000000")
        }
        return figures
    }

    private static var visibleThreadsPerCore: Int {
        let siblings = HostRoot().line("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
        return siblings.flatMap(CPUList.parse)?.count ?? 1
    }

    private static func note(_ reason: String) -> MeterInventory {
        MeterInventory(unavailable: [Unavailable(subject: "power model", reason: reason)])
    }
}
