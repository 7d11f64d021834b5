import COpenCL
import NodeModel

/// Memory of the host that is copied from and to; freed with the object.
final class HostMemory {
    let handle: OpaquePointer
    let bytes: Int
    /// Pinned memory is given back through the queue that mapped it.
    private let queue: DeviceQueue

    /// Allocates a multiple of four bytes.
    init(bytes: Int, pages: HostCopy.Pages, queue: DeviceQueue) throws {
        var memory: OpaquePointer?
        let pinned: Int32 = pages == .pinned ? 1 : 0
        try OpenCLStatus.check(
            nwcl_make_host_memory(queue.handle, bytes, pinned, &memory), "allocating \(bytes) \(pages.rawValue) bytes")
        guard let memory else { throw TrialFailure(.failed, "allocating \(bytes) bytes: no handle") }
        handle = memory
        self.bytes = bytes
        self.queue = queue
    }

    deinit { nwcl_release_host_memory(handle) }

    /// Its words.
    private var words: UnsafeMutableBufferPointer<UInt32> {
        let start = nwcl_host_bytes(handle).map { $0.bindMemory(to: UInt32.self, capacity: bytes / 4) }
        return UnsafeMutableBufferPointer(start: start, count: start == nil ? 0 : bytes / 4)
    }

    /// Sets every word by its index.
    func fill(_ value: (Int) -> UInt32) {
        let words = words
        for index in words.indices { words[index] = value(index) }
    }

    /// How many words differ from what is expected of their index.
    func wrongWords(_ expected: (Int) -> UInt32) -> Int {
        let words = words
        return words.indices.reduce(bytes / 4 - words.count) { $0 + (words[$1] == expected($1) ? 0 : 1) }
    }
}
