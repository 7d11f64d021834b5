public import NodeModel
import Synchronization

/// A meter that says what it is told, for tests and for sessions marked as simulated.
public final class ScriptedMeter: EnergyMeter {
    /// What the meter claims to be.
    public let description: MeterDescription
    private let script: @Sendable (Int) throws -> TimedReading
    private let reads = Mutex(0)

    /// Creates a meter from a function.
    ///
    /// - Parameters:
    ///   - description: What the meter claims to be.
    ///   - script: Gives the reading of the n-th read, counted from 0, or throws.
    public init(_ description: MeterDescription, script: @escaping @Sendable (Int) throws -> TimedReading) {
        self.description = description
        self.script = script
    }

    /// Creates a meter from a list of readings; after the last one every read fails.
    ///
    /// - Parameters:
    ///   - description: What the meter claims to be.
    ///   - readings: What successive reads give; a failure is thrown.
    public convenience init(_ description: MeterDescription, readings: [Result<TimedReading, SystemFailure>]) {
        self.init(description) { index in
            guard index < readings.count else {
                throw SystemFailure(action: "reading \(description.id)", reason: "the script has ended")
            }
            return try readings[index].get()
        }
    }

    /// Creates a cumulative counter that rises at a constant power and wraps where its description says.
    ///
    /// - Parameters:
    ///   - description: What the meter claims to be.
    ///   - watts: The power.
    ///   - clock: The clock the energy grows with.
    public convenience init(_ description: MeterDescription, watts: Watts, clock: MeterClock) {
        let start = clock.now()
        self.init(description) { _ in
            let now = clock.now()
            var energy = (watts * now.since(start)).rawValue
            if let range = description.wrapRangeJoules?.rawValue { energy.formTruncatingRemainder(dividingBy: range) }
            return TimedReading(instant: now, reading: .counter(Joules(energy)))
        }
    }

    /// Reads the meter now.
    ///
    /// - Returns: What the script gives for this read.
    /// - Throws: What the script throws.
    public func read() throws -> TimedReading {
        try script(
            reads.withLock { count in
                defer { count += 1 }
                return count
            })
    }
}

extension ScriptedMeter {
    /// The catalogue's entry: scripted meters are made in code, never found.
    public static let kind = MeterKind(
        name: "scripted", file: "ScriptedMeter.swift", summary: "readings given in code, for tests and simulations"
    ) { _ in MeterInventory() }
}
