public import FoundationEssentials
import HostProbe
public import NodeModel

/// One control in a journal: what it was, and everything a sweep made of it.
public struct JournalEntry: Hashable, Codable, Sendable {
    /// The control's id.
    public var control: String
    /// What it limits, which gives the values their unit.
    public var kind: ControlKind
    /// What people call it.
    public var label: String
    /// The value before the sweep.
    public var original: UInt64
    /// The values the system showed after each set.
    public var known: [UInt64]
    /// A value about to be set, of which it is not known whether and how the system took it.
    @ExplicitNull public var pending: UInt64?

    /// Creates the entry of a control that has not been changed yet.
    public init(control: String, kind: ControlKind, label: String, original: UInt64) {
        self.control = control
        self.kind = kind
        self.label = label
        self.original = original
        known = []
        _pending = ExplicitNull(wrappedValue: nil)
    }
}

/// What has to be put back, and who changed it: schema `nodewatt.restore/1`.
public struct Journal: Hashable, Codable, Sendable {
    /// The document type and version.
    public var schema: String = Journal.currentSchema
    /// The program that wrote it.
    public var nodewattVersion: String
    /// The machine's name.
    public var host: String
    /// The kernel's id of the boot in which the values were changed; after another boot they are the firmware's again.
    public var bootId: String
    /// The process that changed them.
    public var pid: Int32
    /// When the sweep began, RFC 3339 in UTC.
    public var startedAt: String
    /// The controls.
    public var entries: [JournalEntry]
    /// 64-bit FNV-1a of the document without this key's value.
    public var checksum: String = ""

    /// The schema this version writes.
    public static let currentSchema = "nodewatt.restore/1"
    /// More than any sweep writes.
    static let largestBytes = 4 << 20

    /// Creates a journal.
    public init(
        nodewattVersion: String, host: String, bootId: String, pid: Int32, startedAt: String, entries: [JournalEntry]
    ) {
        self.nodewattVersion = nodewattVersion
        self.host = host
        self.bootId = bootId
        self.pid = pid
        self.startedAt = startedAt
        self.entries = entries
    }

    /// The journal's file.
    ///
    /// - Throws: `EncodingError`, which no journal of this program's own causes.
    public func data() throws -> Data {
        var sealed = self
        sealed.checksum = try digest()
        return try JSONDocument.encode(sealed) + Data("\n".utf8)
    }

    /// Reads a journal's file.
    ///
    /// - Parameters:
    ///   - data: The file's content, from wherever.
    ///   - name: The file, for messages.
    /// - Throws: ``NodeModel/InputError`` when it is damaged, ``NodeModel/SystemFailure`` when another version wrote it,
    ///   which can still read it.
    public init(data: Data, named name: String) throws {
        let schema = try JSONDocument.decode(SchemaKey.self, from: data, named: name).schema
        guard schema == Self.currentSchema else {
            guard schema.hasPrefix("nodewatt.restore/") else {
                throw InputError(source: name, place: "schema", problem: "expected '\(Self.currentSchema)'")
            }
            throw SystemFailure(
                action: "reading \(name)",
                reason:
                    "it is of the version '\(OutsideText.printable(schema, limit: 40))', not '\(Self.currentSchema)'",
                recovery: "Start the nodewatt that made it")
        }
        let journal = try JSONDocument.decode(Journal.self, from: data, named: name)
        guard try journal.digest() == journal.checksum else {
            throw InputError(source: name, place: "checksum", problem: "does not fit the rest: the file is damaged")
        }
        guard Set(journal.entries.map(\.control)).count == journal.entries.count else {
            throw InputError(source: name, place: "entries", problem: "a control is named twice")
        }
        self = journal
    }

    private struct SchemaKey: Decodable {
        var schema: String
    }

    private func digest() throws -> String {
        var open = self
        open.checksum = ""
        return Checksum.hexadecimal(try JSONDocument.encode(open, pretty: false))
    }
}
