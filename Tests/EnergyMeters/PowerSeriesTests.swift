import EnergyMeters
import NodeModel
import Testing

@Suite struct PowerSeriesTests {
    /// Feeds a series with what meters show every `step` seconds.
    static func rows(
        _ meters: [MeterDescription], step: Double, count: Int, packages: Int? = nil,
        _ shown: (Int, Double) -> [MeterReading?]
    ) -> (rows: [PowerSeries.Row], peak: Watts?) {
        var tracks = meters.map { MeterTrack($0) }
        var series = PowerSeries(meters, expectedPackages: packages)
        let rows = (0..<count).compactMap { index -> PowerSeries.Row? in
            let time = Double(index) * step
            let instant = MonotonicInstant(nanoseconds: 1_000_000_000).advanced(by: Seconds(time))
            for (position, reading) in shown(index, time).enumerated() {
                let outcome = reading.map {
                    Result<TimedReading, any Error>.success(.init(instant: instant, reading: $0))
                }
                tracks[position].absorb(
                    outcome ?? .failure(SystemFailure(action: "reading", reason: "unplugged")))
            }
            return series.add(EnergySample(instant: instant, edges: tracks.map(\.edge)))
        }
        return (rows, series.peak)
    }

    func near(_ found: Watts?, _ expected: Double, _ share: Double = 1e-9) -> Bool {
        found.map { abs($0.rawValue / expected - 1) <= share } ?? false
    }

    @Test("packages and memory make the total, cores do not") func total() {
        let meters = [
            meter("package-0", package: 0), meter("package-0/core", .core, package: 0),
            meter("package-0/dram", .dram, package: 0),
        ]
        let (rows, peak) = Self.rows(meters, step: 0.1, count: 11) { _, time in
            [100, 60, 20].map { .counter(Joules(5 + $0 * time)) }
        }
        #expect(rows.count == 10)
        #expect(rows.allSatisfy { near($0.total, 120, 1e-6) && near($0.meters[1], 60, 1e-6) })
        #expect(abs(rows[9].elapsed.rawValue - 1) < 1e-9)
        #expect(near(peak, 120, 1e-6))
    }

    @Test("a counter read as fast as it steps shows its power, not its steps") func fast() {
        let stepping = meter("package-0", range: nil, update: 1e-3)
        // Read at 1 kHz, a little faster than it steps: some samples show no step.
        let (rows, peak) = Self.rows([stepping], step: 0.97e-3, count: 2000) { _, time in
            [.counter(Joules(1 + 200 * (time * 1000).rounded(.down) / 1000))]
        }
        #expect(rows.dropFirst(10).allSatisfy { near($0.total, 200, 0.25) })
        #expect(near(peak, 200, 0.02))
    }

    @Test("the peak is that of a tenth of a second, not of one sample") func peak() {
        let (_, peak) = Self.rows([meter("package-0", range: nil)], step: 0.01, count: 101) { index, time in
            // 100 W with one burst of 10 J within 10 ms: 200 W over a tenth of a second.
            [.counter(Joules(1 + 100 * time + (index > 50 ? 10 : 0)))]
        }
        #expect(near(peak, 200, 0.15))
    }

    @Test("a failed read is an empty cell, and its energy is in the next") func gap() {
        let (rows, _) = Self.rows([meter("package-0")], step: 0.1, count: 5) { index, time in
            [index == 2 ? nil : .counter(Joules(1 + 50 * time))]
        }
        #expect(rows[1].total == nil && rows[1].meters == [nil])
        #expect(near(rows[2].total, 50, 1e-6))
    }

    @Test("a reset is an empty cell") func reset() {
        let (rows, _) = Self.rows([meter("package-0", range: nil)], step: 0.1, count: 6) { index, time in
            [.counter(Joules(index < 3 ? 1000 + 50 * time : 50 * (time - 0.3)))]
        }
        #expect(rows.map { $0.total != nil } == [true, true, false, false, true])
    }

    @Test("a package that is missing makes the total unknown") func missing() {
        let meters = [meter("package-0", package: 0), meter("package-1", package: 1)]
        let (rows, peak) = Self.rows(meters, step: 0.1, count: 4, packages: 2) { _, time in
            [.counter(Joules(50 * time)), nil]
        }
        #expect(rows.allSatisfy { $0.total == nil && $0.meters[1] == nil } && rows[2].meters[0] != nil)
        #expect(peak == nil)
    }

    @Test("a counter that stands still is no power of 0") func standing() {
        let (rows, peak) = Self.rows([meter("package-0")], step: 0.1, count: 4) { _, _ in [.counter(Joules(7))] }
        #expect(rows.allSatisfy { $0.total == nil } && peak == nil)
    }
}
