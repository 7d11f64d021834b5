import CMeters
import Glibc
import NodeModel

/// ROCm SMI in the process that has loaded it.
final class ROCmLibrary: CardLibrary {
    private var cards: [(index: UInt32, report: CardReport)] = []

    /// How long counters are compared with powers; they step every millisecond.
    private static let comparedSeconds = 0.25
    /// How often a counter that does not agree is looked at.
    private static let comparisons = 4
    /// A counter that shows less than half or more than twice the power is of another unit than it says.
    private static let believedRatios = 0.5...2.0
    private static let microwatts = 1e-6

    func open(_ path: String, report: CardReporter) throws -> OpenedLibrary {
        report("loading \(path)", .start)
        try CardCall.load(path) { nwm_rocm_load($0, $1, $2) }
        report("rsmi_init", .start)
        try Self.check(nwm_rocm_init(), "rsmi_init")
        var count: UInt32 = 0
        try Self.check(nwm_rocm_count(&count), "rsmi_num_monitor_devices")
        guard count <= CardCall.mostCards else {
            throw SystemFailure(
                action: "rsmi_num_monitor_devices",
                reason: "it claims \(count) cards, more than the \(CardCall.mostCards) a node can have")
        }
        var result = OpenedLibrary(driver: nil, cards: [], refused: [])
        for index in 0..<count {
            report("asking for card \(index)", .card)
            add(index, to: &result)
        }
        report("comparing counters with powers", .card)
        compare()
        result.cards = cards.map(\.report)
        return result
    }

    /// Adds a card or why there is none; the further parts of a divided card show the whole once more.
    private func add(_ index: UInt32, to result: inout OpenedLibrary) {
        var pci = nwm_pci()
        let status = nwm_rocm_place(index, &pci)
        func refuse(_ reason: String) {
            result.refused.append(CardRefusal(subject: "card \(index)", reason: reason))
        }
        guard status == 0 else { return refuse(Self.words(status)) }
        if pci.partition != 0 { pci.function = 0 }
        guard let place = CardCall.text(pci) else {
            return refuse("it claims to be at no possible place of the PCI bus")
        }
        if let earlier = cards.firstIndex(where: { $0.report.place == place }) {
            cards[earlier].report.isPartitioned = true
            return
        }
        let report = Self.card(index, place)
        if let whole = cards.firstIndex(where: { Self.isPart(report, pci.function, of: $0.report) }) {
            cards[whole].report.isPartitioned = true
            return
        }
        cards.append((index, report))
    }

    /// Whether a card is a part of another: some drivers number the partitions of a card as functions of its device.
    private static func isPart(_ part: CardReport, _ function: UInt32, of card: CardReport) -> Bool {
        guard part.place.dropLast() == card.place.dropLast(), function != 0 else { return false }
        return part.uuid == card.uuid || part.name == card.name
    }

    private static func card(_ index: UInt32, _ place: String) -> CardReport {
        var id: UInt64 = 0
        var report = CardReport(place: place, name: CardCall.text { nwm_rocm_name(index, $0, $1) } ?? "no name")
        if nwm_rocm_unique_id(index, &id) == 0, id != 0 { report.uuid = "0x" + String(id, radix: 16) }
        var limit: UInt64 = 0
        if nwm_rocm_highest_limit(index, &limit) == 0 { report.highestLimitWatts = Double(limit) * microwatts }
        switch energy(index) {
        case .success(let now) where now.count == 0:
            report.reasons.append(
                "rsmi_dev_energy_count_get: 0, as the second die of a card shows whose first shows both")
        case .success(let now):
            report.quantity = .energy
            report.unit = now.unit
        case .failure(let failure): report.reasons.append("rsmi_dev_energy_count_get: \(failure.reason)")
        }
        if report.quantity == nil { fallBack(index, &report) }
        return report
    }

    /// Takes the power where there is no counter.
    private static func fallBack(_ index: UInt32, _ report: inout CardReport) {
        report.quantity = nil
        report.unit = microwatts
        switch power(index, report) {
        case .success(let now): report.quantity = now.isMomentary ? .momentaryPower : .averagePower
        case .failure(let failure): report.reasons.append("rsmi_dev_power_get: \(failure.reason)")
        }
    }

    /// Holds every counter against the power shown meanwhile; some firmware counts in other units than it says.
    private func compare() {
        var counting = cards.indices.filter { cards[$0].report.quantity == .energy }
        // A load that comes or goes meanwhile has a mean unlike its ends.
        for attempt in 1...Self.comparisons where !counting.isEmpty {
            counting = compare(counting, isLast: attempt == Self.comparisons)
        }
    }

    /// - Returns: The cards whose counter does not agree yet.
    private func compare(_ counting: [Int], isLast: Bool) -> [Int] {
        var doubtful: [Int] = []
        let before = counting.map { Self.energyAndPower(cards[$0].index, cards[$0].report) }
        usleep(UInt32(Self.comparedSeconds * 1e6))
        for (position, first) in zip(counting, before) {
            let (index, report) = cards[position]
            let last = Self.energyAndPower(index, report)
            guard let first, let last else { continue }
            let seconds = Double(last.nanoseconds - first.nanoseconds) * 1e-9
            let ratio = (last.joules - first.joules) / seconds / ((first.watts + last.watts) / 2)
            cards[position].report.checkedRatio = ratio
            guard !Self.believedRatios.contains(ratio) else { continue }
            doubtful.append(position)
            guard isLast else { continue }
            cards[position].report.reasons.append(
                "rsmi_dev_energy_count_get: it counts \((ratio * 1_000).rounded() / 1_000) times the power shown")
            Self.fallBack(index, &cards[position].report)
        }
        return doubtful
    }

    private struct Both {
        var joules, watts: Double
        var nanoseconds: UInt64
    }

    private static func energyAndPower(_ index: UInt32, _ report: CardReport) -> Both? {
        var counter: Result<(count: UInt64, unit: Double), SystemFailure>?
        let (_, nanoseconds) = CardCall.timed {
            counter = energy(index)
            return 0
        }
        guard case .success(let energy)? = counter, case .success(let power) = power(index, report) else { return nil }
        return Both(
            joules: Double(energy.count) * energy.unit, watts: Double(power.count) * microwatts,
            nanoseconds: nanoseconds)
    }

    func sample() -> [CardSample] {
        cards.compactMap { index, report in
            guard let quantity = report.quantity else { return nil }
            var sample = CardSample(
                place: report.place, nanoseconds: 0, quantity: quantity, count: 0, unit: report.unit, problem: nil)
            var now: Result<(count: UInt64, unit: Double), SystemFailure>?
            let (_, nanoseconds) = CardCall.timed {
                now =
                    quantity == .energy
                    ? Self.energy(index) : Self.power(index, report).map { (count: $0.count, unit: $0.unit) }
                return 0
            }
            switch now {
            case .success(let now)?: (sample.count, sample.unit) = now
            case .failure(let failure)?: sample.problem = failure.reason
            case nil: return nil
            }
            sample.nanoseconds = nanoseconds
            return sample
        }
    }

    func state(of place: String) throws -> CardState {
        throw SystemFailure(action: "asking for gpu-\(place)", reason: "only NVIDIA's cards are asked for their state")
    }

    func setPowerLimit(of place: String, milliwatts: UInt32) throws {
        throw SystemFailure(action: "limiting gpu-\(place)", reason: "only NVIDIA's cards are limited")
    }

    func close() { nwm_rocm_shutdown() }

    private static func energy(_ index: UInt32) -> Result<(count: UInt64, unit: Double), SystemFailure> {
        var count: UInt64 = 0
        var microjoules: Float = 0
        let status = nwm_rocm_energy(index, &count, &microjoules)
        let unit = Self.exactUnit(Double(microjoules) * 1e-6)
        var problem = CardReading.problem(energy: count)
        if !(unit > 0 && unit < 1) { problem = "its unit, \(microjoules) uJ, cannot be" }
        if status != 0 { problem = words(status) }
        if let problem { return .failure(SystemFailure(action: "reading a counter", reason: problem)) }
        return .success((count, unit))
    }

    /// The firmware counts in 2⁻¹⁶ J (gpu_metrics in the kernel's kgd_pp_interface.h), which the library rounds to 15.3 µJ.
    private static func exactUnit(_ joules: Double) -> Double {
        let exact = 1.0 / 65_536
        return abs(joules / exact - 1) < 0.005 ? exact : joules
    }

    private static func power(_ index: UInt32, _ report: CardReport)
        -> Result<(count: UInt64, unit: Double, isMomentary: Bool), SystemFailure>
    {
        var count: UInt64 = 0
        var momentary: Int32 = 0
        let status = nwm_rocm_power(index, &count, &momentary)
        let bound = CardReading.plausibleWatts(limit: report.highestLimitWatts)
        let problem =
            status != 0 ? words(status) : CardReading.problem(power: count, unit: microwatts, bound: bound)
        if let problem { return .failure(SystemFailure(action: "reading a power", reason: problem)) }
        return .success((count, microwatts, momentary == 1))
    }

    private static func check(_ status: Int32, _ call: String) throws {
        guard status != 0 else { return }
        throw SystemFailure(action: call, reason: words(status))
    }

    /// What a status of ROCm SMI means, by rocm_smi.h's `rsmi_status_t`.
    private static func words(_ status: Int32) -> String {
        statuses[status] ?? "error \(status), which ROCm SMI does not describe"
    }

    private static let statuses: [Int32: String] = [
        NWM_ABSENT: "this library does not have it", 1: "the library calls the question wrong",
        2: "not supported by this card", 3: "a file of the driver cannot be read",
        4: "no permission; add yourself to the groups: sudo usermod -aG render,video \"$USER\"",
        5: "out of memory or files", 6: "the library had an internal exception", 7: "out of bounds",
        8: "the library could not start: is the amdgpu driver loaded?", 9: "not implemented", 10: "not found",
        12: "it was interrupted", 14: "no data", 15: "the driver's data makes no sense",
        16: "another process holds the card's lock", -1: "an unknown error",
    ]
}
