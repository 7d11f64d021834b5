import COpenCL
import Isolation
import NodeModel
import OpenCLKernels

/// A device with a context and one in-order queue: builds programs, moves data, runs launches.
final class DeviceQueue {
    let handle: OpaquePointer
    private let report: StepReport
    /// What was run last, to be looked at by the device's own clock.
    var lastLaunches: [Launch] = []

    /// Opens a device of the loader in this process.
    init(platform: Int, device: Int, report: @escaping StepReport) throws {
        report("opening device \(device)", .open)
        var session: OpaquePointer?
        try OpenCLStatus.check(nwcl_open(UInt32(platform), UInt32(device), &session), "opening device \(device)")
        guard let session else { throw TrialFailure(.failed, "opening device \(device): no handle") }
        handle = session
        self.report = report
    }

    deinit { nwcl_close(handle) }

    /// Builds the sources with macros and other flags; announced, since compilers crash and hang.
    func build(_ names: [String], options: [String], flags: [String] = []) throws -> Program {
        let source = try names.map { name in
            guard let text = OpenCLKernels.source(name) else {
                throw TrialFailure(.failed, "no OpenCL source is named \(name)")
            }
            return text
        }.joined(separator: "\n")
        let label = names.joined(separator: "+")
        let text = (flags + options.map { "-D \($0)" }).joined(separator: " ")
        report("building \(label)" + (text.isEmpty ? "" : " with \(text)"), .build)
        var program: OpaquePointer?
        var log = [CChar](repeating: 0, count: 2048)
        let status = nwcl_build(handle, source, text, &program, &log, log.count)
        try OpenCLStatus.check(status, "building \(label) with \(text): \(Self.oneLine(log))")
        guard let program else { throw TrialFailure(.failed, "building \(label): no handle") }
        return Program(handle: program, options: text)
    }

    /// Builds a program from a text in the device's assembly language, with values in place of its `@NAME@`.
    func buildAssembly(_ name: String, values: [String]) throws -> Program {
        guard let text = OpenCLKernels.assembly(name, replacing: values) else {
            throw TrialFailure(.failed, "no text in assembly language is named \(name)")
        }
        report("building \(name)", .build)
        var program: OpaquePointer?
        var log = [CChar](repeating: 0, count: 2048)
        let status = text.withCString { nwcl_build_binary(handle, $0, text.utf8.count, &program, &log, log.count) }
        try OpenCLStatus.check(status, "building \(name): \(Self.oneLine(log))")
        guard let program else { throw TrialFailure(.failed, "building \(name): no handle") }
        return Program(handle: program, options: values.joined(separator: " "))
    }

    private static func oneLine(_ log: [CChar]) -> String {
        let bytes = log.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return CleanText.line(String(decoding: bytes, as: UTF8.self))
    }

    /// Allocates a buffer of at least one byte.
    func buffer(bytes: Int) throws -> Buffer {
        var buffer: OpaquePointer?
        try OpenCLStatus.check(nwcl_make_buffer(handle, max(bytes, 1), &buffer), "allocating \(bytes) bytes")
        guard let buffer else { throw TrialFailure(.failed, "allocating \(bytes) bytes: no handle") }
        return Buffer(handle: buffer, bytes: bytes)
    }

    /// Allocates a buffer and copies values into it.
    func buffer<Value: BitwiseCopyable>(_ values: [Value]) throws -> Buffer {
        let result = try buffer(bytes: values.count * MemoryLayout<Value>.stride)
        guard !values.isEmpty else { return result }
        let status = values.withUnsafeBytes { nwcl_write(handle, result.handle, 0, $0.baseAddress, $0.count) }
        try OpenCLStatus.check(status, "copying \(result.bytes) bytes to the device")
        return result
    }

    /// Copies values out of a buffer; the range must lie inside it.
    func read<Value: BitwiseCopyable & ExpressibleByIntegerLiteral>(
        _ buffer: Buffer, _ type: Value.Type, count: Int, from first: Int = 0
    ) throws -> [Value] {
        let stride = MemoryLayout<Value>.stride
        guard first >= 0, count >= 0, (first + count) * stride <= buffer.bytes else {
            throw TrialFailure(.failed, "a read beyond the end of a buffer of \(buffer.bytes) bytes")
        }
        guard count > 0 else { return [] }
        var status: Int32 = 0
        let values = [Value](unsafeUninitializedCapacity: count) { memory, initialized in
            memory.initialize(repeating: 0)
            status = nwcl_read(handle, buffer.handle, first * stride, memory.baseAddress, count * stride)
            initialized = count
        }
        try OpenCLStatus.check(status, "copying \(count * stride) bytes from the device")
        return values
    }

    /// Runs launches in order, `repetitions` times, and waits.
    @discardableResult
    func run(_ launches: [Launch], repetitions: Int = 1) throws -> TimedBatch {
        guard repetitions > 0 else { throw TrialFailure(.failed, "\(repetitions) repetitions: expected at least 1") }
        lastLaunches = launches
        let raw = launches.map(\.raw)
        var start: UInt64 = 0
        var end: UInt64 = 0
        let status = nwcl_run(handle, raw, raw.count, UInt64(repetitions), &start, &end)
        withExtendedLifetime(launches) {}
        try OpenCLStatus.check(status, "running \(launches.map(\.kernel.name).first ?? "nothing")")
        return TimedBatch(
            start: MonotonicInstant(nanoseconds: start), end: MonotonicInstant(nanoseconds: end),
            repetitions: repetitions)
    }

    /// Runs what was run last once more by the device's own clock.
    ///
    /// - Returns: The verdict of ``EventCheck``, or why there is none.
    func checkEvents() -> String {
        var all: [EventTimes] = []
        for launch in lastLaunches {
            var raw = launch.raw
            var times = nwcl_times()
            let status = nwcl_profile(handle, &raw, &times)
            guard status == 0 else { return "none: \(String(cString: nwcl_error_name(status))) (\(status))" }
            all.append(EventTimes(times))
        }
        return EventCheck.verdict(all)
    }

    /// Announces a step.
    func announce(_ step: String, _ kind: StepKind) { report(step, kind) }
}
