import EnergyMeters
import Foundation
import NodeModel
import Synchronization

/// A clock that stands still until a test moves it.
final class ManualClock: Sendable {
    private let nanoseconds = Mutex<UInt64>(1_000_000_000)

    private let asleep = Mutex<Double>(0)

    var clock: MeterClock {
        MeterClock(suspended: { [self] in Seconds(asleep.withLock { $0 }) }) { [self] in
            MonotonicInstant(nanoseconds: nanoseconds.withLock { $0 })
        }
    }

    var now: MonotonicInstant { clock.now() }

    /// Suspends the machine for a time in which this clock stands still.
    func suspend(_ seconds: Double) { asleep.withLock { $0 += seconds } }

    func advance(_ seconds: Double) {
        nanoseconds.withLock { $0 += UInt64((seconds * 1e9).rounded()) }
    }
}

/// A meter that shows what a test last put into it.
final class HandMeter: PowerBounded {
    let description: MeterDescription
    let plausibleWatts: Watts
    private let clock: MeterClock
    private let shown: Mutex<Result<MeterReading, SystemFailure>>

    init(_ description: MeterDescription, clock: MeterClock, plausibleWatts: Double = 2000, joules: Double = 0) {
        self.description = description
        self.plausibleWatts = Watts(plausibleWatts)
        self.clock = clock
        shown = Mutex(.success(.counter(Joules(joules))))
    }

    func show(_ joules: Double) { shown.withLock { $0 = .success(.counter(Joules(joules))) } }
    func show(watts: Double) { shown.withLock { $0 = .success(.power(Watts(watts))) } }
    func fail() { shown.withLock { $0 = .failure(SystemFailure(action: "reading", reason: "unplugged")) } }

    func read() throws -> TimedReading {
        TimedReading(instant: clock.now(), reading: try shown.withLock { $0 }.get())
    }
}

/// A description with the parts that matter to a test.
func meter(
    _ name: String, _ kind: EnergyDomainKind = .package, package: Int? = nil, grade: EnergyGrade = .counter,
    range: Double? = 262_144, resolution: Double = 0, update: Double = 0, uncertainty: Double = 0
) -> MeterDescription {
    MeterDescription(
        id: "test:\(name)", source: "test \(name)", domain: EnergyDomain(name: name, kind: kind, package: package),
        grade: grade, resolutionJoules: Joules(resolution), updatePeriodSeconds: Seconds(update),
        wrapRangeJoules: range.map { Joules($0) }, relativeUncertainty: uncertainty, boundary: "none")
}

/// A folder that is removed with its owner.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "nodewatt-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ file: String, _ text: String) throws {
        let full = path + "/" + file
        let folder = URL(fileURLWithPath: full).deletingLastPathComponent().path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: full))
    }
}

/// The root of the checkout.
let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
