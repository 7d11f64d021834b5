import FoundationEssentials
import Glibc
import NodeModel

/// Idle and full-load power by processor family: the file `cpu_power.json`.
public struct PowerModel: Codable, Sendable {
    /// Where figures come from.
    public struct Source: Codable, Sendable {
        /// The name rows use.
        public var id: String
        /// What it is.
        public var title: String
        /// Where it is published.
        public var url: String
        /// On what terms.
        public var licence: String
    }

    /// The figures of one processor family.
    public struct Row: Codable, Sendable {
        /// The row's name, for example `amd-zen4-epyc`.
        public var id: String
        /// The family's name for people.
        public var name: String
        /// The vendor string of CPUID; absent in the fallback.
        public var vendor: String?
        /// The CPUID family.
        public var family: Int?
        /// Ranges of CPUID models, both ends included.
        public var models: [[Int]]?
        /// Ranges of steppings, both ends included; absent means any.
        public var steppings: [[Int]]?
        /// The server's power when idle, for each hardware thread it has.
        public var idleWattsPerThread: Double
        /// The server's power at full load, for each hardware thread it has.
        public var maxWattsPerThread: Double
        /// Half the width of the 95 % interval as a fraction.
        public var relativeUncertainty: Double
        /// How many servers the figures were taken from.
        public var servers: Int?
        /// The source's name.
        public var source: String

        /// Whether the row is for this processor.
        ///
        /// - Parameter processor: The processor.
        /// - Returns: `true` when vendor, family, model and, where the row has them, steppings agree.
        public func fits(_ processor: ProcessorKind) -> Bool {
            func contains(_ ranges: [[Int]]?, _ value: Int) -> Bool {
                (ranges ?? []).contains { $0.count == 2 && $0[0] <= value && value <= $0[1] }
            }
            return vendor == processor.vendor && family == processor.family && contains(models, processor.model)
                && (steppings == nil || processor.stepping.map { contains(steppings, $0) } ?? false)
        }
    }

    /// The form of the file: `nodewatt.cpu-power/1`.
    public var schema: String
    /// The sources that rows name.
    public var sources: [Source]
    /// The processor families.
    public var rows: [Row]
    /// What applies to any other processor.
    public var fallback: Row

    /// The row for a processor.
    ///
    /// - Parameter processor: What the processor is, where that is known.
    /// - Returns: The first row that fits, else the fallback.
    public func row(for processor: ProcessorKind?) -> Row {
        processor.flatMap { kind in rows.first { $0.fits(kind) } } ?? fallback
    }
}

extension PowerModel {
    /// The file's name in the profiles folder.
    public static let fileName = "cpu_power.json"

    /// Reads the model.
    ///
    /// - Parameter directory: The folder that holds ``fileName``.
    /// - Returns: The checked model.
    /// - Throws: `InputError` naming the file and the key when it is missing or wrong.
    public static func load(_ directory: String) throws -> PowerModel {
        let path = directory.hasSuffix("/") ? directory + fileName : directory + "/" + fileName
        guard let data = FileManager.default.contents(atPath: path) else {
            throw InputError(
                source: path, place: "file", problem: "cannot be read",
                recovery: "give the folder that holds \(fileName), or the node's idle and maximum watts")
        }
        guard data.count <= 4 << 20 else {
            throw InputError(source: path, place: "file", problem: "is longer than 4 MiB")
        }
        let model = try JSONDocument.decode(PowerModel.self, from: data, named: path)
        try model.check(path)
        return model
    }

    private func check(_ path: String) throws(InputError) {
        guard schema == "nodewatt.cpu-power/1" else {
            throw InputError(source: path, place: "schema", problem: "expected 'nodewatt.cpu-power/1'")
        }
        let known = Set(sources.map(\.id))
        let places = rows.indices.map { "rows[\($0)]" } + ["fallback"]
        for (place, row) in zip(places, rows + [fallback]) {
            func require(_ condition: Bool, _ key: String, _ problem: String) throws(InputError) {
                if !condition { throw InputError(source: path, place: "\(place).\(key)", problem: problem) }
            }
            try require(
                (0...1000).contains(row.idleWattsPerThread), "idle_watts_per_thread", "expected 0 to 1000 watts")
            try require(
                row.maxWattsPerThread > row.idleWattsPerThread && row.maxWattsPerThread <= 1000,
                "max_watts_per_thread", "expected more than the idle watts and at most 1000")
            try require(
                (0.3...1).contains(row.relativeUncertainty), "relative_uncertainty",
                "expected 0.3 to 1: no model of this kind is better than 30 %")
            try require(known.contains(row.source), "source", "no entry of 'sources' has the id '\(row.source)'")
        }
    }
}
