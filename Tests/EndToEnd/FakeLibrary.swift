import Foundation
import Testing

/// Vendors' libraries of the tests' own, each built once.
enum FakeLibrary {
    /// An NVML with all functions, one without the energy counter, one that is none; ROCm SMI; a BMC to preload.
    static let nvml = built("fake_nvml")
    static let nvmlWithoutEnergy = built("fake_nvml", "-DWITHOUT_ENERGY")
    static let nvmlWithoutInit = built("fake_nvml", "-DWITHOUT_INIT")
    static let rocm = built("fake_rocm_smi")
    static let bmc = built("fake_bmc")

    private static func built(_ name: String, _ options: String...) -> String {
        let library = Scratch.folder() + "/lib\(name).so"
        let source = Program.tests.appendingPathComponent("Drivers/\(name).c").path
        let arguments = ["clang", "-shared", "-fPIC", "-O1"] + options + [source, "-o", library, "-ldl"]
        let finished = try? Program.run(program: "/usr/bin/env", arguments)
        #expect(finished?.status == 0, "\(finished?.error ?? "clang was not started")")
        return library
    }
}

/// Processes that carry a mark in their environment, as all that nodewatt starts do.
struct Marked {
    let mark = UUID().uuidString

    var environment: [String: String?] { ["TEST_MARK": mark] }

    /// Those whose command line holds a word.
    func processes(_ word: String) -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { pid in
            text(pid, "environ").contains(mark) && text(pid, "cmdline").contains(word)
        }
    }

    /// Waits until there are some, or until there are none.
    func wait(_ word: String, some: Bool, seconds: Double = 20) -> Bool {
        let end = Date(timeIntervalSinceNow: seconds)
        while Date() < end {
            if processes(word).isEmpty != some { return true }
            usleep(20_000)
        }
        return false
    }

    private func text(_ pid: pid_t, _ file: String) -> String {
        String(decoding: FileManager.default.contents(atPath: "/proc/\(pid)/\(file)") ?? Data(), as: UTF8.self)
    }
}
