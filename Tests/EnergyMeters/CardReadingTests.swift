import EnergyMeters
import NodeModel
import Testing

@Suite struct CardReadingTests {
    private static let bound = Watts(1_400)

    @Test("energies that are none say why", arguments: [UInt64.max, 0xffff_ffff, UInt64(bitPattern: -5), 1 << 63])
    func energies(_ count: UInt64) { #expect(CardReading.problem(energy: count) != nil) }

    @Test("energies of years are believed", arguments: [0, 1, 0x8000_0000, 0xffff_fffe, 0x1_0000_0000, 1 << 52])
    func soundEnergies(_ count: UInt64) { #expect(CardReading.problem(energy: count) == nil) }

    @Test(
        "powers that are none say why",
        arguments: [
            (UInt64(0), "0 W"), (0xffff_ffff, "0xFFFFFFFF"), (.max, "0xFFFFFFFFFFFFFFFF"),
            (UInt64(UInt32(bitPattern: -1_000)), "-1000 is negative"),
            (UInt64(bitPattern: -1_000), "-1000 is negative"),
            (1_400_001, "more than"),
        ])
    func powers(_ count: UInt64, _ part: String) {
        let problem = CardReading.problem(power: count, unit: 1e-3, bound: Self.bound)
        #expect(problem?.contains(part) == true, "\(problem ?? "believed")")
    }

    @Test("powers up to twice the limit are believed", arguments: [UInt64(1), 300_000, 1_400_000])
    func soundPowers(_ count: UInt64) {
        #expect(CardReading.problem(power: count, unit: 1e-3, bound: Self.bound) == nil)
    }

    @Test("a limit that cannot be bounds nothing", arguments: [nil, 0, -1, 4_294_967.295, .infinity, .nan])
    func limits(_ limit: Double?) { #expect(CardReading.plausibleWatts(limit: limit) == CardReading.highestWatts) }

    @Test("what is believed is twice the limit") func limit() {
        #expect(CardReading.plausibleWatts(limit: 700) == Watts(1_400))
    }

    @Test("limits of time come from the environment, or are an error that names the variable") func seconds() throws {
        #expect(try CardLimits(environment: [:]) == CardLimits())
        #expect(try CardLimits(environment: [CardLimits.variable: "2"]).card == Seconds(2))
        #expect(try CardLimits(environment: [CardLimits.variable: "90"]).start == Seconds(90))
        for text in ["0", "-1", "nan", "1e9", "soon", "0x10\u{1b}[2J"] {
            let error = #expect(throws: InputError.self) { try CardLimits(environment: [CardLimits.variable: text]) }
            #expect(error?.source == CardLimits.variable)
            #expect(error?.description.unicodeScalars.contains { $0.value < 32 } == false)
        }
    }
}

@Suite struct CardSourcesTests {
    /// A card's counter at 100 W and the power sensor beside it, over ten seconds.
    private static func window(sensor: Double) -> WindowEnergy {
        let clock = ManualClock()
        let counter = meter("gpu-0000:c1:00.0", .gpu, range: nil, uncertainty: 0.05)
        var sampled = counter
        sampled.samplesPower = true
        let processor = HandMeter(meter("package-0", package: 0, range: nil), clock: clock.clock)
        let cards = [counter, sampled].map { HandMeter($0, clock: clock.clock) }
        cards[1].show(watts: sensor)
        let accumulator = EnergyAccumulator(
            meters: [processor, cards[0], cards[1]], clock: clock.clock, polling: .manual)
        accumulator.beginWindow()
        clock.advance(10)
        processor.show(500)
        cards[0].show(1_000)
        return accumulator.endWindow()
    }

    @Test("a card's counter and its sensor count once, and may differ by what they leave open") func once() {
        let window = Self.window(sensor: 108)
        #expect(window.total?.value == Joules(1_500))
        #expect(window.domains.map(\.inTotal) == [true, true, false])
        #expect(window.domains.allSatisfy { $0.problem == nil }, "\(window.domains)")
    }

    @Test("more than that is said of both") func disagreement() {
        let window = Self.window(sensor: 140)
        #expect(window.total?.value == Joules(1_500))
        #expect(window.domains.map { $0.problem == nil } == [true, false, false])
    }

    @Test("the libraries' counters come before the kernel's sensors of the same cards") func order() throws {
        let names = MeterCatalogue.kinds.map(\.name)
        let hwmon = try #require(names.firstIndex(of: "hwmon"))
        #expect(names[..<hwmon].contains("nvml") && names[..<hwmon].contains("rocm"))
    }
}
