import Isolation
import NodeModel

/// What the parent knows of the tuning of one device: the time left, and the winners of earlier runs.
struct DeviceTuning {
    private let store: (any TuningStore)?
    private let device: Device
    private let isEnabled: Bool
    private var left: Seconds
    private var cache: TuningCache
    /// Why what was kept is not used.
    private var warning: String?

    /// Reads what earlier runs kept.
    init(_ policy: TuningPolicy, device: Device) {
        self.device = device
        store = policy.store
        left = policy.secondsPerDevice
        isEnabled = left > .zero
        cache = TuningCache(device)
        guard isEnabled, let store else { return }
        do {
            if let text = try store.load(cache.name) { cache = try cache.reading(text) }
        } catch {
            warning = "the tuning cache \(cache.name) is ignored: \(error)"
        }
    }

    /// What a worker is to do about a workload.
    func order(for workload: Workload) -> TuningOrder {
        guard isEnabled, let space = TuningSpaces.space(for: workload, device: device) else { return .seeds }
        if let winner = cache.winner(space, shape: workload.shape ?? "") { return .use(parameters: winner) }
        return left > .zero ? .search(seconds: left) : .seeds
    }

    /// Takes note of what a worker did, keeps a winner, and says so.
    ///
    /// - Parameters:
    ///   - workload: What was prepared.
    ///   - order: What the worker was to do.
    ///   - result: What it found, where it searched.
    /// - Returns: Notes for the row.
    mutating func finish(_ workload: Workload, _ order: TuningOrder, _ result: TuningResult?) -> [String: String] {
        guard let space = TuningSpaces.space(for: workload, device: device) else { return [:] }
        var notes: [String: String] = [:]
        notes["tuning"] = Self.describe(order, result)
        if let result {
            left = Seconds(max(left.rawValue - result.seconds.rawValue, 0))
            cache.keep(result, space, shape: workload.shape ?? "")
            do {
                try store?.save(cache.name, cache.text)
            } catch {
                warning = warning ?? "the winner of tuning is not kept: \(error)"
            }
        }
        notes[TrialRecord.tuningWarningNote] = warning.map { CleanText.line($0, limit: 300) }
        return notes
    }

    private static func describe(_ order: TuningOrder, _ result: TuningResult?) -> String {
        guard let result else {
            if case .use = order { return "the winner of an earlier run" }
            return "the first shape chosen by hand that works"
        }
        let tried = result.tried.map { candidate in
            "\(candidate.parameters): \(candidate.rate.map(giga) ?? "refused, \(candidate.refusal ?? "")")"
        }
        let seconds = (result.seconds.rawValue * 10).rounded() / 10
        return CleanText.line(
            "\(result.tried.count) shapes in \(seconds) s\(result.isCutShort ? ", cut short" : ""); "
                + tried.joined(separator: "; "), limit: 4_000)
    }

    private static func giga(_ rate: Double) -> String { "\((rate / 1e8).rounded() / 10) G/s" }
}
