import Analysis
import NodeModel

extension SessionEnvironment {
    /// Runs one trial and turns whatever becomes of it into a record.
    ///
    /// - Parameters:
    ///   - plan: What to run.
    ///   - device: Where.
    ///   - backend: What drives the device.
    ///   - topology: The running machine.
    ///   - seed: The seed of all data.
    ///   - warmUp: How long the load runs before it is measured.
    ///   - derive: Makes the record of what was gathered.
    /// - Returns: The record; a trial that an interruption stopped is skipped.
    func measure(
        _ plan: TrialPlan, on device: Device, backend: any ComputeBackend, topology: Topology, seed: UInt32,
        warmUp: Seconds = MeteredRunner.warmUp, derive: (Measurement) -> TrialRecord
    ) -> TrialRecord {
        if isInterrupted() { return TrialRecord(plan: plan, status: .skipped, reason: "interrupted") }
        if let refusal = plan.refusal { return TrialRecord(plan: plan, status: .unsupported, reason: refusal) }
        let runner = MeteredRunner(
            metering: metering, conditions: conditions(plan), isInterrupted: isInterrupted,
            progress: { onEvent(.progress($0)) }, warmUp: warmUp)
        do {
            return derive(try runner.run(plan, on: device, backend: backend, topology: topology, seed: seed))
        } catch _ where isInterrupted() {
            // A child that the terminal interrupted with us fails in its own words.
            return TrialRecord(plan: plan, status: .skipped, reason: "interrupted")
        } catch let failure as TrialFailure {
            return TrialRecord(plan: plan, status: failure.status, reason: failure.reason)
        } catch {
            return TrialRecord(plan: plan, status: .failed, reason: "\(error)")
        }
    }
}
