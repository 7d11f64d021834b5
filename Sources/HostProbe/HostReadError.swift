import Glibc
public import NodeModel

/// A file of `/proc` or `/sys` that is there but could not be read.
public struct HostReadError: Error, Hashable, CustomStringConvertible {
    /// The file's full path.
    public var path: String
    /// The `errno` of the call that failed.
    public var code: Int32

    /// Creates an error about one file.
    ///
    /// - Parameters:
    ///   - path: The file's full path.
    ///   - code: The `errno` of the call that failed.
    public init(path: String, code: Int32) {
        self.path = path
        self.code = code
    }

    /// Whether the file exists and this user may not read it.
    public var isPermissionDenied: Bool { code == EACCES || code == EPERM }

    /// The error as the failure that decides the exit status.
    public var systemFailure: SystemFailure {
        SystemFailure(
            action: "reading \(OutsideText.printable(path))", reason: String(cString: strerror(code)),
            recovery: isPermissionDenied ? "run as root, or let this user read it: sudo chmod a+r \(path)" : nil)
    }

    /// One line naming the file, the reason and the remedy.
    public var description: String { systemFailure.description }
}
