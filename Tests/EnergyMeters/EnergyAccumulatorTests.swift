import EnergyMeters
import Glibc
import NodeModel
import Testing

@Suite struct EnergyAccumulatorTests {
    let time = ManualClock()

    func hand(_ description: MeterDescription, joules: Double = 0, plausible: Double = 2000) -> HandMeter {
        HandMeter(description, clock: time.clock, plausibleWatts: plausible, joules: joules)
    }

    func accumulate(_ meters: [any EnergyMeter], packages: Int? = nil) -> EnergyAccumulator {
        EnergyAccumulator(meters: meters, expectedPackages: packages, clock: time.clock, polling: .manual)
    }

    func model(_ watts: Double) -> ScriptedMeter {
        ScriptedMeter(
            meter("node", .node, grade: .modelled, range: nil, uncertainty: 0.3), watts: Watts(watts), clock: time.clock
        )
    }

    @Test("packages and memory are added, cores and psys are not") func cover() {
        let names: [(String, EnergyDomainKind)] = [
            ("package-0", .package), ("package-0/core", .core), ("package-0/dram", .dram), ("psys", .platform),
        ]
        let meters = names.map { hand(meter($0.0, $0.1, package: $0.1 == .platform ? nil : 0), joules: 10) }
        let accumulator = accumulate(meters)
        accumulator.beginWindow()
        time.advance(2)
        for (index, meter) in meters.enumerated() { meter.show(10 + 100 * Double(index + 1)) }
        let window = accumulator.endWindow()
        #expect(window.durationSeconds == Seconds(2))
        #expect(window.total?.value == Joules(400))
        #expect(window.power?.value == Watts(200))
        #expect(window.grade == .counter)
        #expect(window.domains.map(\.inTotal) == [true, false, true, false])
        #expect(window.domains.map(\.energyJoules) == [100, 200, 300, 400].map { Joules($0) })
        #expect(window.sources == ["test package-0", "test package-0/dram"])
    }

    @Test("a wrap inside a window that was polled is counted once") func wrap() {
        let package = hand(meter("package-0", range: 1000), joules: 900, plausible: 100)
        let accumulator = accumulate([package])
        accumulator.beginWindow()
        for value in [980.0, 60, 140] {
            time.advance(1)
            package.show(value)
            accumulator.poll()
        }
        #expect(accumulator.endWindow().total?.value == Joules(240))
    }

    @Test("a counter that stands still gives no figure, and the model stands in") func standing() {
        let accumulator = accumulate([hand(meter("package-0"), joules: 5), model(50)])
        accumulator.beginWindow()
        time.advance(4)
        let window = accumulator.endWindow()
        #expect(window.total?.value == Joules(200))
        #expect(window.grade == .modelled)
        #expect(window.domains[0].energyJoules == nil)
        #expect(!window.domains[0].inTotal)
        #expect(window.domains[0].problem == "counter did not advance")
        #expect(window.sources == ["test node"])
    }

    @Test("a counter that stands still without a model leaves the total unknown") func standingAlone() {
        let accumulator = accumulate([hand(meter("package-0"), joules: 5)])
        accumulator.beginWindow()
        time.advance(4)
        let window = accumulator.endWindow()
        #expect(window.total == nil)
        #expect(window.power == nil)
        #expect(window.grade == .none)
    }

    @Test("half of the packages is not the node") func oneStands() {
        let first = hand(meter("package-0", package: 0))
        let second = hand(meter("package-1", package: 1))
        let accumulator = accumulate([first, second, model(50)], packages: 2)
        accumulator.beginWindow()
        time.advance(2)
        first.show(300)
        let window = accumulator.endWindow()
        #expect(window.total?.value == Joules(100))
        #expect(window.grade == .modelled)
        #expect(window.domains.map(\.inTotal) == [false, false, true])
    }

    @Test("missing memory makes the total smaller, not unknown") func memoryStands() {
        let package = hand(meter("package-0", package: 0))
        let memory = hand(meter("package-0/dram", .dram, package: 0))
        let accumulator = accumulate([package, memory, model(50)])
        accumulator.beginWindow()
        time.advance(2)
        package.show(300)
        let window = accumulator.endWindow()
        #expect(window.total?.value == Joules(300))
        #expect(window.grade == .counter)
        #expect(window.domains.map(\.inTotal) == [true, false])
    }

    @Test("the model's row is left out where counters make the total") func modelHidden() {
        let package = hand(meter("package-0"))
        let accumulator = accumulate([package, model(50)])
        accumulator.beginWindow()
        time.advance(1)
        package.show(10)
        #expect(accumulator.endWindow().domains.map(\.name) == ["package-0"])
        #expect(accumulator.descriptions.count == 2)
    }

    @Test("a read that fails at an edge gives no figure, one inside the window does not matter") func failures() {
        let package = hand(meter("package-0"))
        let accumulator = accumulate([package])
        accumulator.beginWindow()
        time.advance(1)
        package.fail()
        accumulator.poll()
        time.advance(1)
        package.show(250)
        var window = accumulator.endWindow()
        #expect(window.total?.value == Joules(250))
        #expect(window.domains[0].problem?.contains("1 failed reads") == true)

        accumulator.beginWindow()
        time.advance(1)
        package.fail()
        window = accumulator.endWindow()
        #expect(window.total == nil)
        #expect(window.domains[0].problem?.contains("unplugged") == true)

        accumulator.beginWindow()
        package.show(400)
        time.advance(1)
        window = accumulator.endWindow()
        #expect(window.total == nil)
        #expect(window.domains[0].problem?.contains("begin") == true)
    }

    @Test("an impossible value inside a window is counted and costs nothing") func implausible() {
        let package = hand(meter("package-0"), joules: 1000)
        let accumulator = accumulate([package])
        accumulator.beginWindow()
        for value in [1100.0, 200_000, 1300] {
            time.advance(1)
            package.show(value)
            accumulator.poll()
        }
        let window = accumulator.endWindow()
        #expect(window.total?.value == Joules(300))
        #expect(window.domains[0].problem == "1 implausible readings rejected")
    }

    @Test("a reset inside a window makes its energy unknown, and the next window is right again") func reset() {
        let package = hand(meter("package-0"), joules: 100_000)
        let accumulator = accumulate([package])
        accumulator.beginWindow()
        time.advance(1)
        package.show(10)
        #expect(accumulator.endWindow().total == nil)
        accumulator.beginWindow()
        time.advance(1)
        package.show(60)
        #expect(accumulator.endWindow().total?.value == Joules(50))
    }

    @Test("the interval holds resolution, update period and the meter's own error") func interval() throws {
        let package = hand(meter("package-0", resolution: 2, update: 0.1, uncertainty: 0.05))
        let accumulator = accumulate([package])
        accumulator.beginWindow()
        time.advance(10)
        package.show(1000)
        let total = try #require(accumulator.endWindow().total)
        // 2 J + 100 W * 0.1 s + 5 % of 1000 J
        #expect(abs(total.high.rawValue - 1062) < 1e-9)
        #expect(abs(total.low.rawValue - 938) < 1e-9)
    }

    @Test("an interval never reaches below nothing") func lowLimit() throws {
        let accumulator = accumulate([hand(meter("package-0", resolution: 1e6))])
        accumulator.beginWindow()
        time.advance(1)
        #expect(accumulator.endWindow().total == nil)
        let coarse = hand(meter("package-0", resolution: 500))
        let second = accumulate([coarse])
        second.beginWindow()
        time.advance(1)
        coarse.show(100)
        #expect(try #require(second.endWindow().total).low == Joules(0))
    }

    @Test("the live power is that of the last two polls") func livePower() {
        let package = hand(meter("package-0"))
        let accumulator = accumulate([package])
        #expect(accumulator.currentPower == nil)
        for (value, power) in [(100.0, 100.0), (300, 200), (350, 50)] {
            time.advance(1)
            package.show(value)
            accumulator.poll()
            #expect(accumulator.currentPower == Watts(power))
        }
    }

    @Test("closing a window that was not opened gives nothing") func unopened() {
        let window = accumulate([hand(meter("package-0"))]).endWindow()
        #expect(window.total == nil)
        #expect(window.grade == .none)
    }

    @Test("no meter at all gives no figure and needs no window") func empty() {
        let accumulator = EnergyAccumulator(meters: [], clock: time.clock)
        accumulator.beginWindow()
        time.advance(1)
        #expect(accumulator.endWindow().total == nil)
        #expect(accumulator.minimumWindow == Seconds(0))
        #expect(accumulator.currentPower == nil)
    }

    @Test(
        "the shortest window follows from update period and resolution",
        arguments: [
            ("package-0", EnergyDomainKind.package, EnergyGrade.counter, 6e-5, 0.001, 0.2),
            ("psys", .platform, .counter, 1, 0.001, 0.5),
            ("node", .node, .modelled, 0.02, 0.01, 0.5),
        ])
    func minimumWindow(
        _ name: String, _ kind: EnergyDomainKind, _ grade: EnergyGrade, _ resolution: Double, _ update: Double,
        _ expected: Double
    ) {
        let meter = hand(meter(name, kind, grade: grade, resolution: resolution, update: update))
        #expect(abs(accumulate([meter]).minimumWindow.rawValue - expected) < 1e-9)
    }

    @Test("the thread reads the meters and ends when it is told to") func thread() {
        let package = ScriptedMeter(meter("package-0"), watts: Watts(100), clock: .monotonic)
        let accumulator = EnergyAccumulator(meters: [package], polling: .live)
        for _ in 0..<1000 where accumulator.currentPower == nil { usleep(10_000) }
        #expect(accumulator.currentPower != nil)
        accumulator.stop()
        accumulator.stop()
        accumulator.beginWindow()
        usleep(2000)
        #expect(accumulator.endWindow().total != nil)
    }

    @Test("accumulators come and go without leaving threads") func manyThreads() {
        for _ in 0..<200 { _ = EnergyAccumulator(meters: [model(1)]) }
    }

    @Test("a window in which the machine was suspended has no energy, and says so") func suspended() throws {
        let clock = ManualClock()
        let package = HandMeter(meter("package-0", package: 0), clock: clock.clock)
        let accumulator = EnergyAccumulator(meters: [package], clock: clock.clock, polling: .manual)
        func window(asleep seconds: Double, joules: Double) -> WindowEnergy {
            accumulator.beginWindow()
            clock.advance(1)
            clock.suspend(seconds)
            package.show(joules)
            return accumulator.endWindow()
        }
        let slept = window(asleep: 90, joules: 100)
        #expect(slept.total == nil && slept.grade == .none)
        #expect(slept.domains.first?.problem == "the machine was suspended for 90.0 s")
        #expect(window(asleep: 0, joules: 250).total?.value == Joules(150))
    }

    @Test("this machine's clocks agree while it is awake") func awake() {
        let before = MeterClock.monotonic.suspended()
        #expect(abs((MeterClock.monotonic.suspended() - before).rawValue) < 0.1)
    }
}
