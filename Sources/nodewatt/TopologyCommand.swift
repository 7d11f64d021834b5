import ArgumentParser
import HwlocTopology
import NodeModel

/// What the node is made of.
struct TopologyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topology",
        abstract: "Show packages, memory, caches, cores and devices of this node or of another.",
        discussion: """
            EXAMPLES:
              nodewatt topology
              nodewatt topology --format json
              nodewatt topology --xml node.xml              a file that lstopo wrote elsewhere
              nodewatt topology --synthetic "pack:2 numa:1 core:8 pu:2"
              nodewatt topology --fsroot captured/          a captured /proc and /sys

            Another machine's topology is marked foreign; nothing is ever bound to it or benchmarked on it.
            """)

    @Option(help: "Read an hwloc XML file.")
    var xml: String?

    @Option(help: "Build a topology from an hwloc synthetic description.")
    var synthetic: String?

    @Option(help: "Read /proc and /sys below this directory.")
    var fsroot: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if [xml, synthetic, fsroot].compactMap(\.self).count > 1 {
            throw ValidationError("--xml, --synthetic and --fsroot exclude each other")
        }
    }

    private var origin: TopologyOrigin {
        if let xml { return .xml(path: xml) }
        if let synthetic { return .synthetic(description: synthetic) }
        return fsroot.map { .fileSystemRoot(path: $0) } ?? .thisSystem
    }

    func run() throws {
        let topology = try HwlocTopologySource(origin: origin).discover()
        switch output.format {
        case .text: Terminal.line(TopologyText.render(topology))
        case .json: try printDocument(TopologyDocument(topology))
        }
    }
}
