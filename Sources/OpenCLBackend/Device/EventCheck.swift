import COpenCL
import NodeModel

/// The times a device's own clock gives a launch (CL_PROFILING_COMMAND_*), and the wall clock's time for it.
package struct EventTimes: Hashable, Sendable {
    /// When the launch was enqueued, handed to the device, begun and ended, in nanoseconds of the device's clock.
    package var queued, submitted, started, ended: UInt64
    /// From before the enqueue to after the end, in nanoseconds.
    package var wall: UInt64

    /// Creates times.
    package init(queued: UInt64, submitted: UInt64, started: UInt64, ended: UInt64, wall: UInt64) {
        (self.queued, self.submitted, self.started, self.ended, self.wall) = (queued, submitted, started, ended, wall)
    }

    init(_ raw: nwcl_times) {
        self.init(
            queued: raw.queued_ns, submitted: raw.submitted_ns, started: raw.started_ns, ended: raw.ended_ns,
            wall: raw.wall_ns)
    }

    /// Why the times cannot be true; `nil` where they can.
    package var nonsense: String? {
        if started == 0, ended == 0 { return "all are 0" }
        if ended < started { return "END is before START" }
        if ended == started { return "START and END are the same" }
        if started < submitted || submitted < queued { return "the steps are not in order" }
        if Double(ended - started) > Double(wall) * 1.02 { return "the device took longer than the wall clock" }
        return nil
    }
}

/// Looks at a device's own clock beside the wall clock, which alone is used: drivers return events that end before they
/// began, or all of whose times are 0.
package enum EventCheck {
    /// From this time on, what an enqueue costs no longer explains a difference.
    private static let longNanoseconds: UInt64 = 2_000_000
    /// How much longer than the device's clock the wall clock may take a launch to be.
    private static let mostOverhead = 1.2

    /// The verdict, for the notes of a row.
    ///
    /// - Parameter launches: The launches of one repetition.
    /// - Returns: One line.
    package static func verdict(_ launches: [EventTimes]) -> String {
        if launches.isEmpty { return "none: nothing that could be run again" }
        for times in launches { if let nonsense = times.nonsense { return "of no use: \(nonsense)" } }
        let wall = launches.reduce(0) { $0 + $1.wall }
        let device = launches.reduce(0) { $0 + $1.ended - $1.started }
        let percent = (Double(device) / Double(max(wall, 1)) * 1_000).rounded() / 10
        let text = "\(percent) % of the wall clock's \(wall) ns"
        guard wall > longNanoseconds, Double(wall) > mostOverhead * Double(device) else { return "agrees: \(text)" }
        return "differs: \(text)"
    }
}
