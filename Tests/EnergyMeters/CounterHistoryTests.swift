import EnergyMeters
import NodeModel
import Synchronization
import Testing

/// A RAPL register of a made-up machine, which knows the truth.
private final class Register: PowerBounded {
    let description: MeterDescription
    let plausibleWatts = Watts(500)
    /// What reads show until it is mended.
    enum Fault { case none, fails, torn }
    private struct State {
        /// Units since the machine was switched on.
        var units: UInt64
        /// What is taken off by resets.
        var base: UInt64 = 0
        var fault = Fault.none
    }
    private let state: Mutex<State>
    private let unit: Double
    private let clock: MeterClock

    init(_ domain: EnergyDomain, shift: Int, start: UInt64, clock: MeterClock) {
        unit = 1 / Double(1 << shift)
        // The kernel publishes the largest value in whole microjoules.
        let range = (Double(UInt32.max) * unit * 1e6).rounded(.down) * 1e-6
        description = MeterDescription(
            id: domain.name, source: "made up", domain: domain, grade: .counter, resolutionJoules: Joules(unit),
            updatePeriodSeconds: Seconds(1e-3), wrapRangeJoules: Joules(range + range / Double(UInt32.max)),
            relativeUncertainty: 0.03, boundary: "none")
        state = Mutex(State(units: start))
        self.clock = clock
    }

    var units: UInt64 { state.withLock(\.units) }
    var joulesOfUnit: Double { unit }
    /// How much more fits into the register before it wraps.
    var room: Double { state.withLock { Double((1 << 32) - (($0.units - $0.base) & 0xffff_ffff)) } * unit }

    func use(_ watts: Double, _ seconds: Double) {
        state.withLock { $0.units += UInt64(watts * seconds / unit) }
    }
    func reset() { state.withLock { $0.base = $0.units } }
    func set(_ fault: Fault) { state.withLock { $0.fault = fault } }

    func read() throws -> TimedReading {
        let joules = try state.withLock { state in
            if state.fault == .fails { throw SystemFailure(action: "reading", reason: "made to fail") }
            // Half a range away: no power explains it.
            let shown = (state.units - state.base + (state.fault == .torn ? 1 << 31 : 0)) & 0xffff_ffff
            return (Double(shown) * unit * 1e6).rounded(.down) * 1e-6
        }
        return TimedReading(instant: clock.now(), reading: .counter(Joules(joules)))
    }
}

/// What became of a register in a window.
private struct Fate {
    var start: UInt64 = 0
    /// Seconds since it was last read well.
    var silence = 0.0
    /// Whether the last read showed what cannot be: a second time it is taken for a reset.
    var isTorn = false
    /// Whether nobody can know its energy.
    var isLost = false
}

/// A machine through a window: what happened, and what a reader can know of it.
private struct History {
    let clock = ManualClock()
    let registers: [Register]
    let packages: Int
    /// Each register once, by its name.
    let distinct: [Register]
    var fates: [Fate]
    /// Whether a reset happened that looks like a wrap.
    var isAmbiguous = false
    var wraps = 0

    /// Packages with cores, some with memory, some with a platform, some seen twice, in any order.
    init(_ random: inout SplitMix) {
        packages = Int(random.next(3)) + 1
        let hasMemory = random.next(2) == 0
        var domains = (0..<packages).flatMap { package -> [EnergyDomain] in
            let parts: [(String, EnergyDomainKind)] =
                [("", .package), ("/core", .core)] + (hasMemory ? [("/dram", .dram)] : [])
            return parts.map { EnergyDomain(name: "package-\(package)" + $0.0, kind: $0.1, package: package) }
        }
        if random.next(2) == 0 { domains.append(EnergyDomain(name: "psys", kind: .platform)) }
        let shift = random.next(2) == 0 ? 14 : 16
        let clock = clock.clock
        distinct = domains.map { domain in
            // Half of them close to their end.
            let room = random.next(2) == 0 ? random.next(1 << 24) : random.next(1 << 32)
            return Register(domain, shift: shift, start: (1 << 32) - 1 - room, clock: clock)
        }
        fates = distinct.map { _ in Fate() }
        // The same packages through the other control type show the same registers.
        let twins = random.next(3) == 0 ? distinct.filter { $0.description.domain.kind == .package } : []
        registers = (distinct + twins).shuffled(using: &random)
    }

    /// Positions in ``distinct`` of what makes the total.
    var counted: [Int] {
        distinct.indices.filter { [.package, .dram].contains(distinct[$0].description.domain.kind) }
    }

    mutating func begin() { for index in distinct.indices { fates[index] = Fate(start: distinct[index].units) } }

    /// Lets some time pass, in which something may go wrong with one register, and reads all.
    mutating func pass(_ random: inout SplitMix, mayReset: Bool, _ accumulator: EnergyAccumulator) {
        let seconds = [0, 0.001, 0.3, 1, 5, 20, 20, mayReset ? 5 : 150][Int(random.next(8))]
        spend(seconds) { Double(random.next(400)) }
        let victim = Int(random.next(UInt64(distinct.count)))
        let fault: Register.Fault = [.fails, .torn, .none, .none, .none][Int(random.next(5))]
        distinct[victim].set(fault)
        if fault == .torn { tear(victim) }
        if fault == .none, mayReset, random.next(8) == 0 { reset(victim) }
        accumulator.poll()
        distinct[victim].set(.none)
        for index in distinct.indices where fault == .none || index != victim {
            fates[index].silence = 0
            fates[index].isTorn = false
        }
    }

    private mutating func tear(_ index: Int) {
        let range = distinct[index].description.wrapRangeJoules?.rawValue ?? 0
        // After so long half a range is possible.
        if fates[index].silence * 500 > range / 2 - 1_000 { isAmbiguous = true }
        if fates[index].isTorn { fates[index].isLost = true }
        fates[index].isTorn = true
    }

    private mutating func reset(_ index: Int) {
        // With little room left it looks like a wrap, and with little used like a rise.
        let range = distinct[index].description.wrapRangeJoules?.rawValue ?? 0
        let nearest = min(distinct[index].room, range - distinct[index].room)
        if nearest < 500 * (fates[index].silence + 60) { isAmbiguous = true }
        distinct[index].reset()
        fates[index].isLost = true
    }

    /// Uses power for a time.
    mutating func spend(_ seconds: Double, _ watts: () -> Double) {
        clock.advance(seconds)
        for (index, register) in distinct.enumerated() {
            let before = register.room
            register.use(watts(), seconds)
            if register.room > before { wraps += 1 }
            fates[index].silence += seconds
            let range = register.description.wrapRangeJoules?.rawValue ?? 0
            if fates[index].silence * register.plausibleWatts.rawValue >= range { fates[index].isLost = true }
        }
    }

    /// The energy in the total that a reader can know, in joules; `nil` where a package's is lost.
    var knowable: Double? {
        let lost = counted.filter { fates[$0].isLost }
        guard lost.allSatisfy({ distinct[$0].description.domain.kind == .dram }) else { return nil }
        return counted.filter { !fates[$0].isLost }
            .reduce(0) { $0 + Double(distinct[$1].units - fates[$1].start) * distinct[$1].joulesOfUnit }
    }
}

extension SplitMix: RandomNumberGenerator {
    mutating func next() -> UInt64 { next(.max) }
}

@Suite struct CounterHistoryTests {
    /// How many histories ended how.
    private struct Tally {
        var known = 0
        var unknown = 0
        var ambiguous = 0
        var wraps = 0
    }

    @Test("100,000 random histories: the energy is the truth to the unit, or unknown where it cannot be known")
    func histories() {
        var random = SplitMix(state: 20_261_121)
        var tally = Tally()
        for number in 0..<100_000 { Self.check(number, &random, &tally) }
        #expect(tally.known > 70_000 && tally.unknown > 10_000 && tally.ambiguous < 10_000, "\(tally)")
        #expect(tally.wraps > 50_000, "\(tally)")
    }

    private static func check(_ number: Int, _ random: inout SplitMix, _ tally: inout Tally) {
        var history = History(&random)
        let accumulator = EnergyAccumulator(
            meters: history.registers, expectedPackages: history.packages, clock: history.clock.clock, polling: .manual)
        for _ in 0..<random.next(3) { history.pass(&random, mayReset: false, accumulator) }
        history.spend(1) { 200 }
        accumulator.beginWindow()
        history.begin()
        let mayReset = random.next(4) == 0
        for _ in 0...random.next(6) { history.pass(&random, mayReset: mayReset, accumulator) }
        history.spend(1) { 200 }
        if random.next(10) == 0 {
            // A zone that can no longer be read, through no control type.
            let index = history.counted[Int(random.next(UInt64(history.counted.count)))]
            history.distinct[index].set(.fails)
            history.fates[index].isLost = true
        }
        let window = accumulator.endWindow()
        tally.wraps += history.wraps
        guard !history.isAmbiguous else { return tally.ambiguous += 1 }
        guard let truth = history.knowable else {
            tally.unknown += 1
            #expect(window.total == nil, "history \(number)")
            return
        }
        tally.known += 1
        let found = window.total?.value.rawValue ?? .nan
        // The files hold whole microjoules, at both edges and in the largest value; a unit is 15 or 61 of them.
        let rounding = 2e-6 * Double(history.counted.count) + 1e-6 * Double(history.wraps)
        #expect(abs(found - truth) <= rounding, "history \(number)")
    }
}
