import Exporters
import NodeModel
import TestExamples
import Testing

@Suite("A profile is derived from a session") struct ProfileDerivationTests {
    private static func session(_ change: (inout SessionRecord) -> Void = { _ in }) -> SessionRecord {
        var session = SessionExamples.full()
        change(&session)
        return session
    }

    private static func trial(_ workload: Workload, _ change: (inout TrialRecord) -> Void = { _ in }) -> TrialRecord {
        var trial = TrialRecord(
            plan: TrialPlan(
                workload: workload, device: .cpu, threads: [0], budget: Seconds(1), minimumWindow: Seconds(0)),
            status: .measured)
        trial.verified = true
        trial.medianSeconds = 0.5
        trial.ci95LowSeconds = 0.4
        trial.ci95HighSeconds = 0.625
        trial.flopsPerSecond = FlopsPerSecond(1e10)
        trial.bytesPerSecond = BytesPerSecond(2e10)
        change(&trial)
        return trial
    }

    private static let cube = GEMMShape(m: 64, n: 64, k: 64)

    @Test("Each workload becomes its figure, in its unit")
    func names() throws {
        let session = Self.session {
            $0.trials = [
                Self.trial(.peak(.f32)), Self.trial(.readBandwidth(bytes: 1 << 30)), Self.trial(.gemm(Self.cube, .f32)),
                SessionExamples.trial(),
            ]
        }
        let figures = try NodeProfile(session: session).devices[0].figures
        #expect(
            figures.map(\.name) == [
                .peakFlopsPerSecond, .readBytesPerSecond, .gemmFlopsPerSecond, .decodeTokensPerSecond,
            ])
        #expect(figures.map(\.measured.value) == [1e10, 2e10, 1e10, 10])
        #expect(figures[2].shape == "64x64x64" && figures[2].precision == .f32)
        #expect(figures[3].model == "Tiny" && figures[3].contextTokens == 128)
    }

    @Test("The interval of a rate is that of the time, turned over")
    func intervals() throws {
        let session = Self.session { $0.trials = [Self.trial(.peak(.f32))] }
        let measured = try NodeProfile(session: session).devices[0].figures[0].measured
        #expect(measured == ProfileValue(1e10, low: 1e10 * 0.5 / 0.625, high: 1e10 * 0.5 / 0.4))
    }

    @Test("Energy comes with its interval, grade and sources")
    func energy() throws {
        let figure = try NodeProfile(session: Self.session()).devices[0].figures[0]
        #expect(figure.energyGrade == .counter && figure.energySources == ["rapl:intel-rapl:0"])
        #expect(figure.powerWatts == ProfileValue(50, low: 47.5, high: 52.5))
        #expect(figure.joulesPerToken == ProfileValue(5, low: 4.75, high: 5.25))
        let efficiency = try #require(figure.flopsPerWatt)
        #expect(efficiency.value == 4e8)
        #expect(try #require(efficiency.ci95Low) < 4e8 && #require(efficiency.ci95High) > 4e8)
        #expect(figure.gramsCo2ePerMillionTokens?.value == 657 && figure.currency == "CNY")
    }

    @Test("Without energy everything that derives from it is absent, not zero")
    func noEnergy() throws {
        let session = Self.session { $0.trials = [Self.trial(.peak(.f32))] }
        let figure = try NodeProfile(session: session).devices[0].figures[0]
        #expect(figure.energyGrade == .none && figure.energySources.isEmpty)
        #expect(figure.powerWatts == nil && figure.flopsPerWatt == nil && figure.joulesPerToken == nil)
    }

    @Test("Figures that were not measured or not verified stay out")
    func unverified() throws {
        let session = Self.session {
            $0.trials = [
                Self.trial(.peak(.f32)), Self.trial(.gemm(Self.cube, .f32)) { $0.verified = false },
                Self.trial(.gemm(Self.cube, .f16)) { $0.status = .failed },
                Self.trial(.readBandwidth(bytes: 64)) { $0.bytesPerSecond = nil },
            ]
        }
        #expect(try NodeProfile(session: session).devices[0].figures.map(\.name) == [.peakFlopsPerSecond])
        let none = Self.session { $0.trials = [Self.trial(.peak(.f32)) { $0.verified = false }] }
        let error = #expect(throws: UsageError.self) { try NodeProfile(session: none) }
        #expect(error?.description.contains(none.sessionId) == true)
    }

    @Test("The last of several equal measurements counts")
    func last() throws {
        let session = Self.session {
            $0.trials = [
                Self.trial(.peak(.f32)), Self.trial(.peak(.f64)),
                Self.trial(.peak(.f32)) { $0.flopsPerSecond = FlopsPerSecond(3e10) },
            ]
        }
        let figures = try NodeProfile(session: session).devices[0].figures
        #expect(figures.map(\.precision) == [.f64, .f32] && figures.map(\.measured.value) == [1e10, 3e10])
    }

    @Test("Simulated and foreign sessions are refused, and marked when asked for")
    func simulated() throws {
        let sessions = [
            Self.session { $0.simulated = true }, Self.session { $0.isThisSystem = false },
            Self.session { $0.trials[0].simulated = true },
        ]
        for session in sessions {
            #expect(throws: UsageError.self) { try NodeProfile(session: session) }
            #expect(try NodeProfile(session: session, allowSimulated: true).simulated)
        }
        #expect(try !NodeProfile(session: Self.session()).simulated)
    }

    @Test(
        "A profile holds for as long as asked, from the end of the session",
        arguments: [
            ("2026-01-31T12:00:00Z", 30, "2026-03-02T12:00:00Z"), ("2028-02-28T00:00:00Z", 1, "2028-02-29T00:00:00Z"),
            ("2026-12-31T23:59:59.250Z", 1, "2027-01-01T23:59:59Z"),
        ])
    func expiry(ended: String, days: Int, expires: String) throws {
        let profile = try NodeProfile(session: Self.session { $0.endedAt = ended }, validDays: days)
        #expect(profile.measuredAt == ended && profile.expiresAt == expires)
    }

    @Test("A session that never ended counts from its start; a time that is none is an error")
    func times() throws {
        #expect(try NodeProfile(session: Self.session { $0.endedAt = nil }).measuredAt == "2026-01-02T03:04:05Z")
        #expect(throws: InputError.self) { try NodeProfile(session: Self.session { $0.endedAt = "yesterday" }) }
    }

    @Test("The hardware is summed up, and what the tree does not tell is absent")
    func topology() throws {
        let summary = try NodeProfile(session: Self.session()).topology
        #expect(summary.cores == 1 && summary.numaNodes == 1 && summary.memoryBytes == 8 << 30)
        #expect(summary.packages == nil)
        #expect(summary.caches == [CacheSummary(kind: .l3Cache, count: 1, totalBytes: 32 << 20)])
        #expect(summary.gpus == [GPUSummary(pciAddress: "0000:3b:00.0", name: "Example GPU")])
        let management = Self.session { $0.topology.root.ioChildren[0].pci?.vendorID = 0x1A03 }
        #expect(try NodeProfile(session: management).topology.gpus.isEmpty)
    }

    @Test("A node with an accelerator is intelligent, driven or not, any other general")
    func nodeClass() throws {
        #expect(try NodeProfile(session: Self.session()).nodeClass == .intelligent)
        let plain = Self.session { $0.topology.root.ioChildren = [] }
        #expect(try NodeProfile(session: plain).nodeClass == .general)
        let gpu = Self.session {
            $0.topology.root.ioChildren = []
            var device = SessionExamples.device
            device.id = DeviceID(rawValue: "opencl:0:0")
            device.kind = .gpu
            $0.devices.append(device)
        }
        let profile = try NodeProfile(session: gpu)
        #expect(profile.nodeClass == .intelligent)
        #expect(profile.devices.map(\.figures.count) == [1, 0])
    }

    @Test("Fingerprints share a digest exactly when they agree")
    func digest() {
        let one = SessionExamples.full().node.fingerprint
        #expect(one.digest == SessionExamples.full().node.fingerprint.digest && one.digest.count == 16)
        var changes: [NodeFingerprint] = []
        for change: (inout NodeFingerprint) -> Void in [
            { $0.kernel = "6.1.1" }, { $0.governor = nil }, { $0.governor = "" }, { $0.powerCapsWatts = [] },
            { $0.drivers["cpu"] = "x" }, { $0.memoryBytes += 1 },
        ] {
            var other = one
            change(&other)
            changes.append(other)
        }
        #expect(Set(changes.map(\.digest) + [one.digest]).count == changes.count + 1)
    }
}
