import FoundationEssentials
import Glibc
import NodeModel

/// Reads small files, with the kernel's reason when that fails.
enum FileText {
    /// Files larger than this are not data of this project.
    static let maximumBytes = 64 << 20

    /// The content of a file.
    ///
    /// - Throws: `InputError` when it cannot be read or is no file of a sensible size.
    static func data(_ path: String) throws -> Data {
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure(path, errno) }
        guard status.st_mode & S_IFMT != S_IFDIR else { throw failure(path, EISDIR) }
        guard status.st_mode & S_IFMT != S_IFCHR, status.st_mode & S_IFMT != S_IFBLK else {
            throw InputError(source: path, place: "type", problem: "is a device, expected a file")
        }
        guard status.st_size <= maximumBytes else {
            throw InputError(source: path, place: "size", problem: "\(status.st_size) bytes, expected at most 64 MiB")
        }
        do {
            return try Data(contentsOf: URL(filePath: path))
        } catch {
            throw failure(path, access(path, R_OK) == 0 ? EIO : errno)
        }
    }

    /// The content of a UTF-8 file.
    ///
    /// - Throws: `InputError` when it cannot be read or is not UTF-8.
    static func text(_ path: String) throws -> String {
        guard let text = String(validating: try data(path), as: UTF8.self) else {
            throw InputError(source: path, place: "encoding", problem: "expected UTF-8 text")
        }
        return text
    }

    private static func failure(_ path: String, _ code: Int32) -> InputError {
        InputError(
            source: path, place: "file", problem: "cannot be read: \(String(cString: strerror(code)))",
            recovery: "Check the path and its permissions")
    }
}
