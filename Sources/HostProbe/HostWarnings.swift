public import NodeModel

extension HostProbe {
    /// What about this machine makes figures worse or less trustworthy, each with its remedy.
    ///
    /// - Parameters:
    ///   - threads: The processors that will be used; `nil` for all.
    ///   - earlier: Processor times read a moment ago while nothing of ours ran, to judge load and stolen time by;
    ///     without them the load average and the time since the machine started are used.
    /// - Returns: Warnings with the codes `governor`, `hypervisor`, `energy-filter`, `busy`, `steal`, `memory-low`,
    ///   `transparent-hugepages`, `cpuset` and `cgroup-cpu-quota`; none on a quiet, well-set machine.
    public func warnings(threads: [Int]? = nil, since earlier: ProcessorTimes? = nil) -> [Warning] {
        let online = root.line("/sys/devices/system/cpu/online").flatMap(CPUList.parse) ?? []
        let used = threads ?? online
        let now = try? ProcessorTimes.read(root, threads: nil)
        let passed = now.map { now in earlier.map { now.since($0) } ?? now }
        return [
            governorWarning(used), hypervisorWarning, energyFilterWarning,
            earlier == nil ? loadWarning(processors: max(online.count, 1)) : busyWarning(passed),
            stealWarning(passed), memoryWarning, hugepagesWarning, cpusetWarning(used, of: online),
            quotaWarning(processors: max(used.count, 1)),
        ].compactMap(\.self)
    }

    private func governorWarning(_ threads: [Int]) -> Warning? {
        let governors = threads.compactMap { root.line("/sys/devices/system/cpu/cpu\($0)/cpufreq/scaling_governor") }
        let others = governors.filter { $0 != "performance" }
        guard let other = others.first else { return nil }
        return Warning(
            code: "governor",
            message: "the frequency governor of \(others.count) of \(governors.count) processors is '\(other)', so the "
                + "clock follows the load and short measurements come out low",
            remedy: "sudo cpupower frequency-set -g performance   (or: echo performance | "
                + "sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor)")
    }

    private var hypervisorWarning: Warning? {
        guard let name = hypervisor else { return nil }
        let which = name == "unidentified" ? "a hypervisor" : name
        return Warning(
            code: "hypervisor",
            message: "this is a virtual machine (\(which)): figures are those of a share of a machine, and the "
                + "processors' energy counters are usually hidden",
            remedy: "run on the host for figures of the whole node")
    }

    /// With SGX enabled the processor blurs its energy counters against attacks (Intel's guidance on CVE-2020-8694 and
    /// CVE-2020-8695).
    private var energyFilterWarning: Warning? {
        let flags = processorInformation.split(whereSeparator: \.isNewline).first { $0.hasPrefix("flags") } ?? ""
        guard flags.split(whereSeparator: \.isWhitespace).contains("sgx"), root.exists("/sys/class/powercap/intel-rapl")
        else {
            return nil
        }
        return Warning(
            code: "energy-filter",
            message: "SGX is enabled: the processor blurs its energy counters, so energies of short windows are less "
                + "certain than they look",
            remedy: "where nobody uses SGX, disable it in the firmware's setup")
    }

    private func loadWarning(processors: Int) -> Warning? {
        let fields = (root.line("/proc/loadavg") ?? "").split(separator: " ")
        guard fields.count >= 4, let load = Double(fields[0]), load.isFinite,
            let running = fields[3].split(separator: "/").first.flatMap({ Int($0) })
        else { return nil }
        // The average decays over a minute, so it alone would blame a run that has just ended; one task is this one.
        guard load > max(0.25 * Double(processors), 0.5), running > 1 else { return nil }
        return Warning(
            code: "busy",
            message: "the machine is busy: load average \(fields[0]) on \(processors) processors, "
                + "\(running - 1) other tasks running now",
            remedy: "stop other work first; see it with: top")
    }

    private func busyWarning(_ passed: ProcessorTimes?) -> Warning? {
        guard let busy = passed?.busyFraction, busy > 0.05 else { return nil }
        return Warning(
            code: "busy",
            message: "the machine is busy: \(percent(busy)) of all processor time before the first measurement",
            remedy: "stop other work first; see it with: top")
    }

    private func stealWarning(_ passed: ProcessorTimes?) -> Warning? {
        guard let steal = passed?.stealFraction, steal > 0.01 else { return nil }
        return Warning(
            code: "steal", message: "the hypervisor gave \(percent(steal)) of the processors' time to other machines",
            remedy: "use dedicated processors, or measure when the host is quiet")
    }

    private var memoryWarning: Warning? {
        guard let available = availableMemoryBytes, memoryBytes > 0 else { return nil }
        guard available < 1 << 30 || Double(available) < 0.1 * Double(memoryBytes) else { return nil }
        return Warning(
            code: "memory-low",
            message: "only \(available >> 20) MiB of \(memoryBytes >> 20) MiB of memory are available",
            remedy: "stop what uses the memory; see it with: ps aux --sort=-rss | head")
    }

    private var hugepagesWarning: Warning? {
        guard let setting = root.line("/sys/kernel/mm/transparent_hugepage/enabled"), setting.contains("[never]")
        else { return nil }
        return Warning(
            code: "transparent-hugepages",
            message: "transparent huge pages are off, which costs bandwidth on large buffers",
            remedy: "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled")
    }

    private func cpusetWarning(_ used: [Int], of online: [Int]) -> Warning? {
        guard !used.isEmpty, used.count < online.count else { return nil }
        return Warning(
            code: "cpuset",
            message:
                "this process may use \(used.count) of \(online.count) processors (\(CPUList.format(used))): figures are "
                + "those of a part of the machine",
            remedy: "run outside the container, batch job or taskset that sets this; see it with: taskset -pc $$")
    }

    private func quotaWarning(processors: Int) -> Warning? {
        guard let quota = cgroupLimits().cpuQuota, quota < Double(processors) else { return nil }
        let raise = "raise the group's CPU quota to that of whole processors"
        return Warning(
            code: "cgroup-cpu-quota",
            message: "the control group allows \(tenths(quota)) processors' time on \(processors) processors, so the "
                + "kernel stops the program now and then",
            remedy: quota < 1 ? raise : "use at most \(Int(quota)) threads, or \(raise)")
    }

    private func percent(_ fraction: Double) -> String { "\(tenths(fraction * 100)) %" }

    private func tenths(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}
