import COpenCL
import NodeModel

/// How the work of a child is announced before it starts, so that whoever watches knows what hung or crashed.
typealias StepReport = (_ step: String, _ kind: StepKind) -> Void

/// An OpenCL call that failed.
enum OpenCLStatus {
    /// Throws a failure of the trial unless the status is success.
    static func check(_ status: Int32, _ action: @autoclosure () -> String) throws {
        guard status != 0 else { return }
        // CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_OUT_OF_HOST_MEMORY: a matter of size, not a defect of the device.
        let tooLarge = status == -4 || status == -6
        let name = String(cString: nwcl_error_name(status))
        throw TrialFailure(
            tooLarge ? .skipped : .failed, "\(action()): \(name) (\(status))", isShortOfMemory: tooLarge)
    }
}

/// Memory on a device; freed with the object.
///
/// A class because kernels and their arguments share buffers.
final class Buffer {
    let handle: OpaquePointer
    let bytes: Int

    init(handle: OpaquePointer, bytes: Int) {
        self.handle = handle
        self.bytes = bytes
    }

    deinit { nwcl_release_buffer(handle) }
}

/// A built program.
final class Program {
    private let handle: OpaquePointer
    /// The build options, for the record.
    let options: String

    init(handle: OpaquePointer, options: String) {
        self.handle = handle
        self.options = options
    }

    deinit { nwcl_release_program(handle) }

    /// Makes a kernel with its own arguments.
    func kernel(_ name: String, _ arguments: Argument...) throws -> Kernel {
        var kernel: OpaquePointer?
        try OpenCLStatus.check(nwcl_make_kernel(handle, name, &kernel), "kernel \(name)")
        guard let kernel else { throw TrialFailure(.failed, "kernel \(name): no handle") }
        let result = Kernel(handle: kernel, name: name, program: self)
        for (index, argument) in arguments.enumerated() { try result.set(index, argument) }
        return result
    }
}

/// The value of a kernel's argument.
enum Argument {
    case buffer(Buffer)
    case uint(Int)
    case ulong(Int)
    case word(UInt32)
    case float(Float)
}

/// A kernel and what it works on.
final class Kernel {
    let handle: OpaquePointer
    let name: String
    private let program: Program
    private var buffers: [Int: Buffer] = [:]

    init(handle: OpaquePointer, name: String, program: Program) {
        self.handle = handle
        self.name = name
        self.program = program
    }

    deinit { nwcl_release_kernel(handle) }

    /// Sets one argument, keeping a buffer alive as long as it may be used.
    func set(_ index: Int, _ argument: Argument) throws {
        switch argument {
        case .buffer(let buffer):
            buffers[index] = buffer
            try OpenCLStatus.check(
                nwcl_set_buffer(handle, UInt32(index), buffer.handle), "argument \(index) of kernel \(name)")
        case .uint(let value):
            guard let word = UInt32(exactly: value) else {
                throw TrialFailure(.unsupported, "argument \(index) of kernel \(name), \(value), has more than 32 bits")
            }
            try setValue(index, word)
        case .ulong(let value): try setValue(index, UInt64(value))
        case .word(let value): try setValue(index, value)
        case .float(let value): try setValue(index, value)
        }
    }

    private func setValue<Value: BitwiseCopyable>(_ index: Int, _ value: Value) throws {
        let status = withUnsafeBytes(of: value) { nwcl_set_value(handle, UInt32(index), $0.baseAddress, $0.count) }
        try OpenCLStatus.check(status, "argument \(index) of kernel \(name)")
    }

    /// The largest work-group the device can run this kernel in.
    var workGroupSize: Int {
        var size = 0
        return nwcl_kernel_work_group_size(handle, &size) == 0 ? size : 1
    }
}

/// One launch of a kernel over up to three dimensions.
struct Launch {
    var kernel: Kernel
    /// How many work-groups, by dimension.
    var groups: [Int]
    /// Items of a work-group, by dimension; always given, because PoCL 3.1 refuses a NULL local size for kernels
    /// with a required one.
    var local: [Int]

    var raw: nwcl_launch {
        var result = nwcl_launch()
        result.kernel = kernel.handle
        result.dimensions = UInt32(groups.count)
        let locals = local + [Int](repeating: 1, count: 3 - local.count)
        let globals = zip(groups, local).map { $0 * $1 } + [Int](repeating: 1, count: 3 - groups.count)
        result.global_size = (globals[0], globals[1], globals[2])
        result.local_size = (locals[0], locals[1], locals[2])
        return result
    }
}
