import Glibc
import NodeModel

/// A regular file mapped for reading.
///
/// Reading a page of a mapping whose file was cut off in the meantime kills the process (`SIGBUS`), and nothing that
/// works on every file system keeps another process from cutting it. So the file stays open, ``requireUnchanged()``
/// compares its size, its time of change and its inode with those at opening, and whoever reads weights asks that
/// first. What is left is a file cut while it is being read, and a disk that fails.
public final class MappedFile: Sendable {
    /// The path the file was opened by.
    public let path: String
    /// Its size in bytes, at least 1.
    public let byteCount: Int
    nonisolated(unsafe) private let base: UnsafeRawPointer
    nonisolated(unsafe) private let mapping: UnsafeMutableRawBufferPointer
    private let descriptor: Int32
    private let state: FileState

    /// How a range is about to be read, for `madvise(2)`.
    public enum Access: Sendable {
        /// From its start to its end, once.
        case sequential
        /// Soon: the kernel starts reading it.
        case soon
        /// No more: its pages may go.
        case done

        fileprivate var advice: Int32 {
            switch self {
            case .sequential: MADV_SEQUENTIAL
            case .soon: MADV_WILLNEED
            case .done: MADV_DONTNEED
            }
        }
    }

    /// Maps a file; costs no reading.
    ///
    /// - Parameter path: A regular file that is not empty, or a link to one.
    /// - Throws: `InputError` when it cannot be opened, is no regular file or is empty; `SystemFailure` when the system
    ///   refuses the mapping.
    public convenience init(path: String) throws {
        guard !path.contains("\0") else { throw Self.unreadable(path, EINVAL) }
        // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.unreadable(path, errno) }
        do {
            let state = try FileState(descriptor, path: path)
            let pages = mmap(nil, state.byteCount, PROT_READ, MAP_SHARED, descriptor, 0)
            guard let pages, pages != Self.failed else {
                throw SystemFailure(
                    action: "mapping \(path)", reason: String(cString: strerror(errno)),
                    recovery: "Raise the limit on address space (ulimit -v) or choose a smaller file")
            }
            let mapping = UnsafeMutableRawBufferPointer(start: pages, count: state.byteCount)
            self.init(path: path, base: UnsafeRawPointer(pages), mapping: mapping, descriptor: descriptor, state: state)
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// A copy of some bytes that ends where memory does: reading a byte too many crashes instead of passing unnoticed.
    ///
    /// - Parameters:
    ///   - bytes: What would be in the file, at least one byte.
    ///   - name: What messages call it.
    /// - Throws: `InputError` when there are no bytes, `SystemFailure` when the system has no memory.
    package convenience init(checking bytes: some Collection<UInt8>, name: String) throws {
        guard !bytes.isEmpty else { throw Self.empty(name) }
        let page = sysconf(Int32(_SC_PAGESIZE))
        let room = (bytes.count + page - 1) / page * page
        let pages = mmap(nil, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let pages, pages != Self.failed else {
            throw SystemFailure(action: "mapping \(name)", reason: String(cString: strerror(errno)))
        }
        let mapping = UnsafeMutableRawBufferPointer(start: pages, count: room + page)
        mapping[(room - bytes.count)..<room].copyBytes(from: bytes)
        mprotect(pages + room, page, PROT_NONE)
        self.init(
            path: name, base: UnsafeRawPointer(pages + (room - bytes.count)), mapping: mapping, descriptor: -1,
            state: FileState(byteCount: bytes.count))
    }

    private init(
        path: String, base: UnsafeRawPointer, mapping: UnsafeMutableRawBufferPointer, descriptor: Int32,
        state: FileState
    ) {
        self.path = path
        self.base = base
        self.mapping = mapping
        self.descriptor = descriptor
        self.state = state
        byteCount = state.byteCount
    }

    deinit {
        munmap(mapping.baseAddress, mapping.count)
        if descriptor >= 0 { close(descriptor) }
    }

    /// Checks that the file is still the one that was opened; costs one system call.
    ///
    /// - Throws: `InputError` when its size or its time of change is another.
    public func requireUnchanged() throws {
        guard descriptor >= 0 else { return }
        guard try FileState(descriptor, path: path) == state else {
            throw InputError(
                source: path, place: "file", problem: "was changed while it was in use",
                recovery: "Wait until it is written, then start again")
        }
    }

    /// Tells the kernel how a part is about to be read; where it does not take advice, nothing changes.
    ///
    /// - Parameters:
    ///   - access: How.
    ///   - range: Byte offsets within the file; `nil` means all of it.
    public func advise(_ access: Access, _ range: Range<Int>? = nil) {
        guard descriptor >= 0, let start = mapping.baseAddress else { return }
        let range = (range ?? 0..<byteCount).clamped(to: 0..<byteCount)
        let page = sysconf(Int32(_SC_PAGESIZE))
        let lower = range.lowerBound / page * page
        guard range.upperBound > lower else { return }
        madvise(start + lower, range.upperBound - lower, access.advice)
    }

    /// The bytes of the file, valid within the call.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(start: base, count: byteCount))
    }

    /// What `mmap(2)` returns when it fails.
    private static var failed: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: -1) }

    private static func unreadable(_ path: String, _ code: Int32) -> InputError {
        InputError(
            source: path, place: "file", problem: "cannot be read: \(String(cString: strerror(code)))",
            recovery: "Check the path and its permissions")
    }

    fileprivate static func empty(_ path: String) -> InputError {
        InputError(
            source: path, place: "file", problem: "is empty, expected a model",
            recovery: "Copy or download the file again")
    }
}

/// What tells one state of a file from another.
private struct FileState: Equatable {
    let byteCount: Int
    let device: UInt
    let inode: UInt
    let seconds: Int
    let nanoseconds: Int

    init(byteCount: Int) {
        self.byteCount = byteCount
        (device, inode, seconds, nanoseconds) = (0, 0, 0, 0)
    }

    init(_ descriptor: Int32, path: String) throws {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw SystemFailure(action: "looking at \(path)", reason: String(cString: strerror(errno)))
        }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG else {
            throw InputError(
                source: path, place: "type", problem: "is \(Self.name(kind)), expected a file",
                recovery: "Name the model file itself")
        }
        guard status.st_size > 0 else { throw MappedFile.empty(path) }
        byteCount = Int(status.st_size)
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }

    private static func name(_ kind: mode_t) -> String {
        switch kind {
        case S_IFDIR: "a directory"
        case S_IFIFO: "a pipe"
        case S_IFSOCK: "a socket"
        case S_IFCHR, S_IFBLK: "a device"
        default: "something else"
        }
    }
}
