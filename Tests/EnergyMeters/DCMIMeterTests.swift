import EnergyMeters
import HostProbe
import NodeModel
import Synchronization
import Testing

@Suite struct DCMIMeterTests {
    /// A BMC that answers what a test last gave it.
    private final class HandBMC: IPMITransport {
        let answer: Mutex<[UInt8]>
        let asked = Mutex(0)

        init(_ answer: [UInt8]) { self.answer = Mutex(answer) }

        func ask(function: UInt8, command: UInt8, data: [UInt8]) throws(SystemFailure) -> [UInt8] {
            asked.withLock { $0 += 1 }
            guard function == 0x2c, command == 2, data == [0xdc, 1, 0, 0] else {
                throw SystemFailure(action: "asking", reason: "not the command of the specification")
            }
            return answer.withLock { $0 }
        }
    }

    /// A response as the specification lays it out.
    private static func response(
        code: UInt8 = 0, group: UInt8 = 0xdc, watts: Int = 412, milliseconds: Int = 2_000, state: UInt8 = 0x40
    ) -> [UInt8] {
        func bytes(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 0xff) } }
        return [code, group] + bytes(watts, 2) + bytes(100, 2) + bytes(800, 2) + bytes(400, 2) + bytes(1_700_000_000, 4)
            + bytes(milliseconds, 4) + [state]
    }

    private static func discover(_ bmc: HandBMC, _ clock: MeterClock = .monotonic) throws -> MeterInventory {
        let options = MeterOptions(clock: clock, environment: ["NODEWATT_IPMI": "/dev/ipmi0"])
        return DCMIMeter.discover(HostRoot("/nonexistent"), options) { _ in bmc }
    }

    @Test("a power is read where the specification has it") func power() throws {
        let power = try DCMIPower(Self.response(watts: 0x1234))
        #expect(power.watts == Watts(0x1234))
        #expect(power.statisticsPeriod == Seconds(2))
    }

    @Test(
        "what is no power says why",
        arguments: [
            ([UInt8](), "empty"), (response(code: 0xc0), "busy"), ([0xc1], "does not know"), ([0xd4], "0xd4"),
            (response(group: 0xdd), "group 0xdd"), (response(watts: 0), "0 W"), (response(watts: 0xffff), "65535 W"),
            (response(watts: 20_001), "more than"), (response(state: 0), "does not measure"),
            (response(state: 0xbf), "does not measure"), (Array(response().dropLast()), "18 bytes"), ([0], "1 bytes"),
        ])
    func problems(_ bytes: [UInt8], _ part: String) throws {
        let failure = try #require(#expect(throws: SystemFailure.self) { try DCMIPower(bytes) })
        #expect(failure.description.contains(part), "\(failure)")
    }

    @Test("any bytes give a power that can be or a reason, never a trap") func hostile() {
        var random = SystemRandomNumberGenerator()
        var sound = 0
        for _ in 0..<200_000 {
            var bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Half of them pass the first checks.
            if Bool.random(using: &random), bytes.count > 1 { (bytes[0], bytes[1]) = (0, 0xdc) }
            guard let power = try? DCMIPower(bytes) else { continue }
            sound += 1
            #expect(power.watts > Watts(0) && power.watts <= Watts(20_000))
            #expect(bytes.count >= 19 && bytes[18] & 0x40 != 0 && bytes[0] == 0 && bytes[1] == 0xdc)
            #expect(power.averagingPeriod >= Seconds(1) && power.averagingPeriod <= Seconds(60))
        }
        #expect(sound > 1_000)
    }

    @Test("the meter is the node's at the wall, as slow as the BMC says") func description() throws {
        let meter = try #require(try Self.discover(HandBMC(Self.response(milliseconds: 5_000))).meters.first)
        #expect(meter.description.grade == .wall)
        #expect(meter.description.domain == EnergyDomain(name: "node/wall", kind: .node))
        #expect(meter.description.updatePeriodSeconds == Seconds(5))
        #expect(meter.description.samplesPower == true)
        #expect(try meter.read().reading == .power(Watts(412)))
    }

    @Test("statistics of a week are no averaging period", arguments: [0, 999, 604_800_000, 4_294_967_295])
    func statistics(_ milliseconds: Int) throws {
        #expect(try DCMIPower(Self.response(milliseconds: milliseconds)).averagingPeriod == Seconds(1))
    }

    @Test("a BMC that stops answering is a failed read") func failure() throws {
        let clock = ManualClock()
        let bmc = HandBMC(Self.response())
        let meter = try #require(try Self.discover(bmc, clock.clock).meters.first)
        _ = try meter.read()
        bmc.answer.withLock { $0 = [0xc3] }
        clock.advance(1)
        #expect(throws: SystemFailure.self) { try meter.read() }
        bmc.answer.withLock { $0 = Self.response(watts: 500) }
        // It is not asked again at once.
        #expect(throws: SystemFailure.self) { try meter.read() }
        clock.advance(0.3)
        #expect(try meter.read().reading == .power(Watts(500)))
    }

    @Test("however often it is read, the BMC is asked four times a second at most") func seldom() throws {
        let clock = ManualClock()
        let bmc = HandBMC(Self.response())
        let meter = try #require(try Self.discover(bmc, clock.clock).meters.first)
        let before = bmc.asked.withLock { $0 }
        for _ in 0..<1_000 {
            let reading = try meter.read()
            #expect(clock.now.since(reading.instant) < Seconds(0.25))
            clock.advance(0.001)
        }
        #expect(bmc.asked.withLock { $0 } - before <= 4)
    }

    @Test("it stands beside packages, and an ACPI meter before it is not added to it") func cover() throws {
        let wall = EnergyDomain(name: "node/wall", kind: .node)
        let acpi = EnergyDomain(name: "power_meter/power1", kind: .node)
        let package = EnergyDomain(name: "package-0", kind: .package, package: 0)
        #expect(DomainCover.inTotal([acpi, wall]) == [0])
        #expect(DomainCover.inTotal([package, wall]) == [0])
        let order = MeterCatalogue.kinds.map(\.name)
        let hwmon = try #require(order.firstIndex(of: "hwmon"))
        let dcmi = try #require(order.firstIndex(of: "dcmi"))
        #expect(hwmon < dcmi)
    }

    @Test("a board with a BMC and no device names the modules, one without says nothing") func noDevice() throws {
        let folder = try TemporaryFolder()
        func notes() -> [Unavailable] {
            DCMIMeter.discover(HostRoot(folder.path), MeterOptions()) { _ in
                throw SystemFailure(action: "opening", reason: "nothing is to be opened here")
            }.unavailable
        }
        #expect(notes().isEmpty)
        try folder.write("sys/firmware/dmi/entries/38-0/raw", "")
        #expect(notes().first?.reason.contains("sudo modprobe -a ipmi_si ipmi_devintf") == true)
    }
}
