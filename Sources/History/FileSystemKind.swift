import FoundationEssentials
import Glibc

/// Whether SQLite's write-ahead log can be trusted on a file system.
///
/// The log's index lives in memory shared by all writers, which machines sharing a network file system do not have
/// (sqlite.org/wal.html).
package enum FileSystemKind: Hashable, Sendable {
    /// A file system of this machine, or one that is not known to be shared.
    case local
    /// A file system other machines may write to, with its type.
    case network(String)

    /// Finds the file system of a device in a mount table.
    ///
    /// - Parameters:
    ///   - device: `st_dev` of a file on it.
    ///   - mountTable: The text of `/proc/self/mountinfo`, see proc_pid_mountinfo(5).
    package init(device: UInt64, mountTable: String) {
        let major = (device >> 8) & 0xFFF | (device >> 32) & ~0xFFF
        let minor = device & 0xFF | (device >> 12) & ~0xFF
        self = .local
        for line in mountTable.split(separator: "\n") {
            let fields = line.split(separator: " ")
            // The type follows a lone dash, which ends a list of optional fields.
            guard fields.count > 2, fields[2] == "\(major):\(minor)",
                let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count
            else { continue }
            let type = String(fields[dash + 1])
            if Self.networkTypes.contains(type) { self = .network(type) }
        }
    }

    /// Asks the kernel which file system holds a path.
    ///
    /// - Parameter path: An existing file or directory.
    /// - Returns: The kind; ``local`` when the kernel does not say, so that SQLite's own checks decide.
    package static func holding(_ path: String) -> FileSystemKind {
        var status = stat()
        guard stat(path, &status) == 0, let table = try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        else { return .local }
        return FileSystemKind(device: UInt64(status.st_dev), mountTable: table)
    }

    private static let networkTypes: Set<String> = [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "lustre", "gpfs", "beegfs", "afs", "coda", "ncpfs", "gfs2",
        "ocfs2",
        "orangefs", "pvfs2", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone",
        "fuse.juicefs", "fuse.moosefs", "wekafs", "panfs",
    ]
}
