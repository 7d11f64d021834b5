import CMeters
import NodeModel

/// NVML in the process that has loaded it.
final class NVMLLibrary: CardLibrary {
    private var cards: [(index: UInt32, report: CardReport)] = []

    func open(_ path: String, report: CardReporter) throws -> OpenedLibrary {
        report("loading \(path)", .start)
        try CardCall.load(path) { nwm_nvml_load($0, $1, $2) }
        report("nvmlInit", .start)
        try Self.check(nwm_nvml_init(), "nvmlInit")
        var count: UInt32 = 0
        try Self.check(nwm_nvml_count(&count), "nvmlDeviceGetCount")
        guard count <= CardCall.mostCards else {
            throw SystemFailure(
                action: "nvmlDeviceGetCount",
                reason: "it claims \(count) cards, more than the \(CardCall.mostCards) a node can have")
        }
        var result = OpenedLibrary(driver: CardCall.text { nwm_nvml_driver($0, $1) }, cards: [], refused: [])
        for index in 0..<count {
            report("asking for card \(index)", .card)
            add(index, to: &result)
        }
        return result
    }

    /// Adds a card or why there is none.
    private func add(_ index: UInt32, to result: inout OpenedLibrary) {
        var pci = nwm_pci()
        let status = nwm_nvml_card(index, &pci)
        func refuse(_ reason: String) {
            result.refused.append(CardRefusal(subject: "card \(index)", reason: reason))
        }
        guard status == 0 else { return refuse(Self.words(status)) }
        guard let place = CardCall.text(pci) else {
            return refuse("it claims to be at no possible place of the PCI bus")
        }
        guard !cards.contains(where: { $0.report.place == place }) else {
            return refuse("it claims the place of another card, \(place)")
        }
        let report = Self.card(index, place)
        cards.append((index, report))
        result.cards.append(report)
    }

    private static func card(_ index: UInt32, _ place: String) -> CardReport {
        var report = CardReport(
            place: place, name: CardCall.text { nwm_nvml_text(index, 0, $0, $1) } ?? "no name",
            uuid: CardCall.text { nwm_nvml_text(index, 1, $0, $1) })
        report.architecture = number(index, NWM_NVML_ARCHITECTURE)
        report.isPartitioned = number(index, NWM_NVML_PARTITIONED) == 1
        report.highestLimitWatts = number(index, NWM_NVML_HIGHEST_LIMIT).map { Double($0) * report.unit }
        let bound = CardReading.plausibleWatts(limit: report.highestLimitWatts)
        for source in sources {
            var value: UInt64 = 0
            let status = nwm_nvml_number(index, Int32(source.what), &value)
            let problem =
                status != 0
                ? words(status)
                : source.quantity == .energy
                    ? CardReading.problem(energy: value)
                    : CardReading.problem(power: value, unit: report.unit, bound: bound)
            guard let problem else {
                report.quantity = source.quantity
                break
            }
            report.reasons.append("\(source.name): \(problem)")
        }
        return report
    }

    /// What cards may show, the best first.
    private static let sources: [(what: Int, quantity: CardQuantity, name: String)] = [
        (NWM_NVML_ENERGY, .energy, "nvmlDeviceGetTotalEnergyConsumption"),
        (NWM_NVML_INSTANT_POWER, .momentaryPower, "NVML_FI_DEV_POWER_INSTANT"),
        (NWM_NVML_POWER, .averagePower, "nvmlDeviceGetPowerUsage"),
    ]

    func sample() -> [CardSample] {
        cards.compactMap { index, report in
            guard let source = Self.sources.first(where: { $0.quantity == report.quantity }) else { return nil }
            var value: UInt64 = 0
            let (status, nanoseconds) = CardCall.timed { nwm_nvml_number(index, Int32(source.what), &value) }
            return CardSample(
                place: report.place, nanoseconds: nanoseconds, quantity: source.quantity, count: value,
                unit: report.unit, problem: status == 0 ? nil : "\(source.name): \(Self.words(status))")
        }
    }

    func state(of place: String) throws -> CardState {
        let index = try index(of: place)
        func number(_ what: Int) -> UInt64? { Self.number(index, what) }
        return CardState(
            smClock: number(NWM_NVML_SM_CLOCK), memoryClock: number(NWM_NVML_MEMORY_CLOCK),
            temperature: number(NWM_NVML_TEMPERATURE), clockEvents: number(NWM_NVML_CLOCK_EVENTS),
            limit: number(NWM_NVML_LIMIT), enforcedLimit: number(NWM_NVML_ENFORCED_LIMIT),
            defaultLimit: number(NWM_NVML_DEFAULT_LIMIT), lowestLimit: number(NWM_NVML_LOWEST_LIMIT),
            highestLimit: number(NWM_NVML_HIGHEST_LIMIT))
    }

    func setPowerLimit(of place: String, milliwatts: UInt32) throws {
        try Self.check(nwm_nvml_set_limit(try index(of: place), milliwatts), "nvmlDeviceSetPowerManagementLimit")
    }

    func close() { nwm_nvml_shutdown() }

    private func index(of place: String) throws -> UInt32 {
        guard let card = cards.first(where: { $0.report.place == place }) else {
            throw SystemFailure(action: "asking for gpu-\(place)", reason: "NVML shows no such card")
        }
        return card.index
    }

    private static func number(_ index: UInt32, _ what: Int) -> UInt64? {
        var value: UInt64 = 0
        return nwm_nvml_number(index, Int32(what), &value) == 0 ? value : nil
    }

    private static func check(_ status: Int32, _ call: String) throws {
        guard status != 0 else { return }
        throw SystemFailure(action: call, reason: words(status))
    }

    /// What a status of NVML means and what helps, by nvml.h's `nvmlReturn_t`.
    private static func words(_ status: Int32) -> String {
        statuses[status] ?? "error \(status), which NVML does not describe"
    }

    private static let statuses: [Int32: String] = [
        NWM_ABSENT: "this library does not have it",
        1: "the library says it was not started", 2: "the library calls the question wrong",
        3: "not supported by this card", 4: "no permission; run nodewatt with sudo", 6: "not found",
        8: "the card's power cables are not attached",
        9: "the NVIDIA driver is not loaded: sudo modprobe nvidia", 10: "it took too long",
        11: "the kernel has trouble with the card's interrupts", 12: "a part of the driver cannot be found",
        13: "this library does not have it", 14: "the card's infoROM is corrupt",
        15: "the card is lost: it fell off the bus or does not answer; see dmesg for Xid",
        16: "the card has to be reset before it can be used: sudo nvidia-smi -r",
        17: "the operating system or its cgroup blocks the card's device files",
        18: "library and driver are of different versions: reload the driver or restart the node",
        20: "out of memory", 21: "no data", 27: "not ready", 28: "there is no GPU",
        999: "an internal error of the driver",
    ]
}
