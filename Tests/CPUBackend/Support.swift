import CPUBackend
import CPUKernels
import NodeModel

/// Facts of the machine the tests run on, without hwloc.
enum Here {
    /// The processors this process may run on.
    static let processors: [Int] = (0..<256).filter { processor in
        var handle: OpaquePointer?
        guard nw_team_create([Int32(processor)], 1, &handle, nil) == NW_OK else { return false }
        nw_team_destroy(handle)
        return true
    }

    /// The instruction sets this machine has.
    static var instructionSets: [String] { InstructionSet.all.filter(\.isSupported).map(\.name) }

    /// A minimal topology of this machine: one core per processor.
    static func topology(system: Bool = true) -> Topology {
        var root = TopologyObject(kind: .machine, logicalIndex: 0, threads: processors)
        root.information = ["CPUModel": "Test CPU", "CPUVendor": "Test"]
        root.children = processors.enumerated().map { index, processor in
            var core = TopologyObject(kind: .core, logicalIndex: index, threads: [processor])
            var cache = TopologyObject(kind: .l2Cache, logicalIndex: index, threads: [processor])
            cache.cacheBytes = 1 << 20
            core.children = [cache]
            return core
        }
        return Topology(
            origin: system ? .thisSystem : .synthetic(description: "test"), isThisSystem: system, root: root,
            allowedThreads: processors)
    }

    /// Prepares a workload with one instruction set.
    static func prepare(_ workload: Workload, isa: String, threads: [Int] = []) throws -> any PreparedWorkload {
        let backend = try CPUBackend(environment: ["NODEWATT_ISA": isa])
        let topology = topology()
        guard let device = backend.devices(in: topology).devices.first else { throw TrialFailure(.failed, "no device") }
        let plan = TrialPlan(
            workload: workload, device: .cpu, threads: threads, budget: Seconds(1), minimumWindow: Seconds(0))
        return try backend.prepare(plan, on: device, in: topology, seed: 42)
    }
}

/// A team for tests that call the C interface, one or two threads wide.
final class TestTeam {
    let handle: OpaquePointer

    init(threads: Int) throws {
        let processors = (0..<threads).map { Int32(Here.processors[$0 % Here.processors.count]) }
        var handle: OpaquePointer?
        var failed: Int32 = -1
        let status = nw_team_create(processors, Int32(threads), &handle, &failed)
        guard status == NW_OK, let handle else { throw TrialFailure(.failed, "no team: \(status.rawValue)") }
        self.handle = handle
    }

    deinit { nw_team_destroy(handle) }
}

/// The C handle of an instruction set.
func kernels(_ name: String) throws -> OpaquePointer {
    var handle: OpaquePointer?
    guard nw_isa_resolve(name, &handle) == NW_OK, let handle else { throw TrialFailure(.failed, "no kernels \(name)") }
    return handle
}
