/// Copies between the host's memory and a device's.
public struct HostCopy: Hashable, Codable, Sendable {
    /// Which way.
    public enum Direction: String, Codable, Sendable, CaseIterable {
        /// From the host to the device.
        case write
        /// From the device to the host.
        case read
    }

    /// The host's memory.
    public enum Pages: String, Codable, Sendable, CaseIterable {
        /// Ordinary memory, which the driver may have to copy before a device reaches it.
        case pageable
        /// Memory that the driver allocated and that stays where it is.
        case pinned
    }

    /// Which way.
    public var direction: Direction
    /// What the host's memory is.
    public var pages: Pages
    /// Bytes of one copy, a multiple of 4.
    public var bytes: Int

    /// Creates a copy.
    public init(_ direction: Direction, pages: Pages, bytes: Int) {
        self.direction = direction
        self.pages = pages
        self.bytes = bytes
    }

    /// `write-pinned-268435456B`.
    var shape: String { "\(direction.rawValue)-\(pages.rawValue)-\(bytes)B" }
}

/// How launches of the smallest kernel there is follow one another.
public enum LaunchMode: String, Codable, Sendable, CaseIterable {
    /// Many in a queue, waited for once.
    case queued
    /// Each waited for before the next.
    case roundTrip = "round-trip"
}

/// Rows of f32 that an operation treats one by one.
public struct RowsShape: Hashable, Codable, Sendable, CustomStringConvertible {
    /// How many rows.
    public var rows: Int
    /// Values of a row.
    public var columns: Int

    /// Creates a shape.
    public init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    /// Bytes of all rows.
    public var bytes: Int { 4 * rows * columns }

    /// `ROWSxCOLUMNS`.
    public var description: String { "\(rows)x\(columns)" }
}

/// Attention of one new token over the cache of one layer.
public struct AttentionShape: Hashable, Codable, Sendable, CustomStringConvertible {
    /// Query heads.
    public var heads: Int
    /// Heads of keys and values; a divisor of ``heads``.
    public var keyValueHeads: Int
    /// Values of a head, a multiple of 16.
    public var headDimension: Int
    /// Positions in the cache.
    public var contextTokens: Int

    /// Creates a shape.
    public init(heads: Int, keyValueHeads: Int, headDimension: Int, contextTokens: Int) {
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
        self.contextTokens = contextTokens
    }

    /// Values of all query heads.
    public var queryWidth: Int { heads * headDimension }
    /// Values of all key heads, the same as of all value heads.
    public var keyValueWidth: Int { keyValueHeads * headDimension }
    /// Bytes of keys and values at 16 bits.
    public var cacheBytes: Int { 2 * 2 * keyValueWidth * contextTokens }

    /// `HEADSxKEYVALUEHEADSxDIMENSIONxTOKENS`.
    public var description: String { "\(heads)x\(keyValueHeads)x\(headDimension)x\(contextTokens)" }
}
