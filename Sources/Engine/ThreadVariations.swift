import NodeModel

/// The CPU's trials on other sets of hardware threads: the scaling curve, each package, all hardware threads of a core.
struct ThreadVariations {
    let topology: Topology
    /// The threads of the usual trials.
    let usual: [Int]

    /// Repeats the ceilings and the products on each set, less the products of few rows: there are many.
    ///
    /// - Parameter plans: The usual trials.
    /// - Returns: The variations, set by set.
    func plans(of plans: [TrialPlan]) -> [TrialPlan] {
        let repeated = plans.filter { plan in
            switch plan.workload {
            case .peak(.f32), .readBandwidth: true
            case .gemm(_, .f32): plan.projection == nil
            default: false
            }
        }
        return sets.flatMap { name, threads in
            repeated.map { plan in
                var plan = plan
                (plan.threads, plan.variation) = (threads, name)
                return plan
            }
        }
    }

    /// Powers of two below the usual number, the packages where there are several, and every hardware thread.
    private var sets: [(name: String, threads: [Int])] {
        let counts = sequence(first: 1) { $0 * 2 }.prefix { $0 < usual.count }
        let curve = counts.map { ($0 == 1 ? "1 thread" : "\($0) threads", Array(usual.prefix($0))) }
        let packages = topology.objects(.package)
        let each =
            packages.count < 2
            ? []
            : packages.compactMap { package -> (name: String, threads: [Int])? in
                let own = usual.filter(Set(package.threads).contains)
                return own.isEmpty ? nil : ("package \(package.logicalIndex)", own)
            }
        let all = topology.allowedThreads
        return curve + each + (all.count > usual.count ? [("all \(all.count) hardware threads", all)] : [])
    }
}
