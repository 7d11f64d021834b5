import NodeModel

/// What passes between the host and a device, in words.
enum DeviceText {
    /// `write pinned 256 MiB`, `launch queued`.
    static func name(_ workload: WorkloadName, shape: String?) -> String {
        guard workload == .transfer else { return "\(workload.rawValue) \(shape ?? "")" }
        return (shape ?? workload.rawValue).split(separator: "-").map { part in
            part.hasSuffix("B") ? Int(part.dropLast()).map { UnitFormat.bytes(Double($0)) } ?? "\(part)" : "\(part)"
        }.joined(separator: " ")
    }
}
